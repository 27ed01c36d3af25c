import type { Mutant } from './mutant.js'
import { admission } from './rows/admission.js'
import { certificates } from './rows/certificates.js'
import { cli } from './rows/cli.js'
import { confinement } from './rows/confinement.js'
import { documents } from './rows/documents.js'
import { hub } from './rows/hub.js'
import { pages } from './rows/pages.js'
import { render } from './rows/render.js'
import { rules } from './rows/rules.js'
import { satellite } from './rows/satellite.js'
import { store } from './rows/store.js'

/** All mutants, by the class in their ids. */
export const table: readonly Mutant[] = [
  ...[...rules, ...admission, ...render, ...documents],
  ...[...hub, ...satellite, ...store, ...confinement],
  ...[...pages, ...certificates, ...cli]
]
