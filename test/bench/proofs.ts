import { benchChurn } from './churn.js'
import { benchChurnBeside } from './churn-beside.js'
import { benchCompleteness } from './completeness.js'
import { benchAttacks } from './enforced/attacks.js'
import { benchAudit } from './enforced/audit-table.js'
import { benchRenderings } from './enforced/renderings.js'
import { benchStarts } from './enforced/starts.js'
import { benchUpgrades } from './enforced/upgrades.js'
import { benchShortLived } from './short-lived.js'
import { benchSoak } from './soak.js'

export interface ProofArgs {
  rounds: number
  minutes: number
  json: boolean
  /** A part of the names of the workloads to be run; default: all. */
  only?: string
  /** Another checkout, built, to be measured beside this one. */
  beside?: string
}

export interface ProofResult {
  text: string
  /** False: a promise does not hold, and the command exits with 1. */
  holds: boolean
}

/** Benches whose result is right or wrong. They run by name only: each takes minutes. */
const proofs: Record<string, (args: ProofArgs) => Promise<ProofResult>> = {
  churn: benchChurn,
  'churn-beside': benchChurnBeside,
  completeness: benchCompleteness,
  'short-lived': benchShortLived,
  soak: benchSoak,
  starts: benchStarts,
  attacks: benchAttacks,
  upgrades: benchUpgrades,
  audit: benchAudit,
  renderings: benchRenderings
}

export const proofNames = Object.keys(proofs)

const defaults: Record<string, number> = { rounds: 3, minutes: 30 }

function option(args: readonly string[], name: string): number {
  const at = args.indexOf(`--${name}`)
  const value = at < 0 ? (defaults[name] ?? 0) : Number(args[at + 1])
  if (!(value > 0)) throw new RangeError(`--${name} takes a number above 0`)
  return value
}

/** `bench PROOF [--rounds N] [--minutes N] [--only WORD] [--beside CHECKOUT] [--json]`. @returns the exit code. */
export async function runProof(name: string, args: readonly string[]): Promise<number> {
  const proof = proofs[name]
  if (proof === undefined) throw new RangeError(`no proof ${name}`)
  const rounds = option(args, 'rounds')
  const minutes = option(args, 'minutes')
  const word = (option: string): string | undefined => {
    const at = args.indexOf(option)
    return at < 0 ? undefined : args[at + 1]
  }
  const only = word('--only')
  const beside = word('--beside')
  const { text, holds } = await proof({
    rounds,
    minutes,
    json: args.includes('--json'),
    ...(only === undefined ? {} : { only }),
    ...(beside === undefined ? {} : { beside })
  })
  process.stdout.write(text)
  return holds ? 0 : 1
}
