import { approveRoutes } from './approve.js'
import { doctorRoutes } from './doctor.js'
import { profileRoutes } from './profiles.js'
import { readingRoutes } from './reading-routes.js'
import { ruleRoutes } from './rules.js'
import type { Route } from '../model/route.js'
import { traceRoutes } from './traces.js'

/** Every endpoint. A test compares them with verbs and pages. */
export const routes: readonly Route[] = [
  ...readingRoutes,
  ...profileRoutes,
  ...approveRoutes,
  ...ruleRoutes,
  ...traceRoutes,
  ...doctorRoutes
]
