import { auditPage } from './audit.js'
import { comparePage } from './compare.js'
import { denialsPage } from './denials.js'
import { doctorPage } from './doctor.js'
import { emergencyPage } from './emergency.js'
import { fleetPage } from './fleet.js'
import { nodesPage } from './nodes.js'
import type { Page } from '../parts/page.js'
import { profilePage } from './profile.js'
import { profilerPage } from './profiler.js'
import { profilesPage } from './profiles.js'
import { reviewPage } from './review.js'
import { reviewsPage } from './reviews.js'
import { rulesPage } from './rules.js'
import { tracePage } from './trace.js'
import { workloadPage } from './workload.js'
import { workloadsPage } from './workloads.js'

/** Every page, in the order of the navigation. */
export const pages: readonly Page[] = [
  fleetPage,
  workloadsPage,
  workloadPage,
  reviewsPage,
  reviewPage,
  denialsPage,
  profilesPage,
  profilePage,
  comparePage,
  rulesPage,
  nodesPage,
  profilerPage,
  tracePage,
  emergencyPage,
  auditPage,
  doctorPage
]
