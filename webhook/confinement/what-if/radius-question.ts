import type { LinuxSeccomp, SeccompSyscall } from '../../../src/api/seccomp-profile.js'
import { seccompProblem } from '../../../src/api/validate-seccomp.js'
import { canonicalJson } from '../../../src/lib/canonical.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { normalConditions } from '../../../src/seccomp/arguments/argument-rules.js'
import { parseBlock } from '../../../src/seccomp/render/block.js'
import { mostConditionalRules } from '../../../src/seccomp/render/union.js'
import type { ProposedCalls } from '../../../src/seccomp/review/proposed-profile.js'
import { type ConfinementCall, listOf, textOf } from '../containers/route.js'

/** Question is what a simulation is asked for. */
export interface Question {
  profile?: string
  seccomp?: LinuxSeccomp
  /** In the place of the profile's revision: the one that such an approval would give. */
  proposal?: ProposedCalls
  deny: string[]
  namespace?: string
  selector?: string
  limit?: number
}

/** Entries of `deny`: each is asked about for every container. */
const mostDeny = 64
/** Syscalls of a proposal: more than any table has, with some of them several times by their arguments. */
const mostProposed = 1024

function mustBeFew(field: string, list: readonly unknown[], most: number): void {
  if (list.length <= most) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `simulate: ${field} has ${list.length} entries; at most ${most} are simulated at once`,
    { field, hint: 'ask in several requests' }
  )
}

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

function proposalOf(given: { allow?: unknown; deny?: unknown }): ProposedCalls {
  const proposal = { allow: textsOf(given.allow), deny: textsOf(given.deny) }
  for (const key of ['allow', 'deny'] as const)
    mustBeFew(`proposal.${key}`, proposal[key], mostProposed)
  return proposal
}

/** Returns a trial profile after the checks that stored ones pass. @throws SeccoError INVALID_DOCUMENT, TOO_LARGE */
function seccompOf(value: unknown): LinuxSeccomp {
  const problem = seccompProblem(value)
  if (problem !== undefined) {
    const field = `seccomp${problem.field.replaceAll('/', '.')}`
    throw new SeccoError('INVALID_DOCUMENT', `simulate: ${field}: ${problem.message}`, { field })
  }
  const seccomp = value as LinuxSeccomp
  const conditional = (seccomp.syscalls ?? []).filter(({ args = [] }) => args.length > 0)
  const count = conditional.reduce((sum, { names }) => sum + names.length, 0)
  if (count <= mostConditionalRules) return seccomp
  const message =
    `simulate: seccomp has ${count} rules with conditions on arguments; ` +
    `at most ${mostConditionalRules} are simulated`
  const hint = 'name syscalls without conditions on arguments'
  throw new SeccoError('TOO_LARGE', message, { field: 'seccomp.syscalls', hint })
}

/** Reads the question from the query and the body of a request. @throws SeccoError */
export function questionOf({ query, body }: Pick<ConfinementCall, 'query' | 'body'>): Question {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = (key: string): string | undefined => {
    const value = given[key] ?? textOf(query[key])
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const listed = given['deny']
  const denied = Array.isArray(listed) ? listed.map(String) : listOf(query['deny'])
  const deny = [...new Set(denied)]
  mustBeFew('deny', deny, mostDeny)
  const { seccomp, proposal } = given
  const limit = Number(given['limit'] ?? textOf(query['limit']) ?? 1000)
  const [profile, namespace, selector] = [text('profile'), text('namespace'), text('selector')]
  return {
    deny,
    limit: Number.isInteger(limit) && limit >= 0 ? Math.min(limit, 100_000) : 1000,
    ...(profile === undefined ? {} : { profile }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(selector === undefined ? {} : { selector }),
    ...(typeof proposal === 'object' && proposal !== null
      ? { proposal: proposalOf(proposal) }
      : {}),
    ...(seccomp === undefined || seccomp === null ? {} : { seccomp: seccompOf(seccomp) })
  }
}

/** Returns the rules of what is denied, each once: `clone:0=16` is `clone:0=0x10`, and templates overlap. */
export function distinctRules(deny: readonly string[]): SeccompSyscall[] {
  const rules = deny.flatMap((text) => parseBlock(text).rules)
  const keyOf = ({ names, args = [] }: SeccompSyscall): string =>
    canonicalJson([[...names].sort(), normalConditions(args)])
  return [...new Map(rules.map((rule) => [keyOf(rule), rule])).values()]
}
