import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { canonicalJson } from '../../lib/canonical.js'
import { digestOf } from '../../lib/digest.js'
import { SeccoError } from '../../lib/errors.js'
import { listed } from '../../lib/plural.js'
import { abis } from '../../syscalls/abi.js'
import { planApproval } from './approve.js'
import type { EvidenceItem } from './evidence-item.js'

/**
 * What a review shows and an approval takes as read, part by part: an approval of an older list must not become one of
 * the newer. Counters and times are left out: they grow all the time, and change nothing that is approved.
 */
const parts = ['approved', 'calls', 'abis', 'arguments'] as const
type Part = (typeof parts)[number]
/** Digits of each digest: people compare what they were shown, nobody forges it. */
const digits = 16

function valuesOf(profile: SeccompProfile): Record<Part, unknown> {
  const { spec, status } = profile
  const { adds, skipped } = planApproval(profile)
  const shown = new Set(adds)
  const seenOn = abis.map((abi) => (status?.observed?.[abi] ?? []).filter((one) => shown.has(one)))
  const values = (status?.arguments ?? []).map(({ abi, name, index, values: own, many }) =>
    canonicalJson({ abi, name, index, values: [...own].sort(), many })
  )
  return {
    approved: { seccomp: spec.seccomp, extends: spec.extends, approval: spec.approval?.digest },
    calls: [adds, skipped.map(({ name }) => name)],
    abis: seenOn.map((names) => [...names].sort()),
    arguments: values.sort()
  }
}

const shortOf = (value: unknown): string =>
  digestOf(canonicalJson(value)).slice('sha256:'.length, 'sha256:'.length + digits)

const present = (evidence: readonly EvidenceItem[]): string[] =>
  evidence.filter(({ ok }) => ok).map(({ item }) => item)

/** Returns the word for what a review shows of a profile: a digest of each part, and the evidence that is present. */
export function seenOf(profile: SeccompProfile, evidence: readonly EvidenceItem[] = []): string {
  const values = valuesOf(profile)
  return [...parts.map((part) => shortOf(values[part])), ...present(evidence)].join('.')
}

function textOf(part: Part, profile: SeccompProfile): string {
  const { adds } = planApproval(profile)
  switch (part) {
    case 'approved':
      return 'somebody changed what is approved'
    case 'calls':
      return adds.length === 0
        ? 'no call is left to add'
        : `the calls to add are now ${listed(adds, 12)}`
    case 'abis':
      return 'calls were observed on another ABI'
    case 'arguments':
      return 'other arguments were observed'
  }
}

/**
 * Checks that a profile is what a person was shown.
 * @param evidence the evidence of now; absent where nobody computes it
 * @throws SeccoError CONFLICT that says what changed; INVALID_ARGUMENT for what `seenOf` never returns
 */
export function checkSeen(
  profile: SeccompProfile,
  seen: string,
  evidence?: readonly EvidenceItem[]
): void {
  const [approved = '', calls = '', ownAbis = '', values = '', ...items] = seen.split('.')
  const then: Record<Part, string> = { approved, calls, abis: ownAbis, arguments: values }
  if (values === '') {
    throw new SeccoError('INVALID_ARGUMENT', 'seen: must be what a review showed', {
      hint: 'read it again: `secco profile show NAME -o json` prints it as seen'
    })
  }
  const now = valuesOf(profile)
  const changed = parts.filter((part) => shortOf(now[part]) !== then[part])
  // A new call is on its ABI too, and that is the lesser news.
  const told = changed.includes('calls') ? changed.filter((part) => part !== 'abis') : changed
  const still = evidence === undefined ? items : present(evidence)
  const gone = items.filter((item) => !still.includes(item))
  if (told.length + gone.length === 0) return
  const { namespace = '', name } = profile.metadata
  const texts = told.map((part) => textOf(part, profile))
  if (gone.length > 0) texts.push(`evidence that was present is not any more: ${gone.join(', ')}`)
  throw new SeccoError(
    'CONFLICT',
    `${namespace}/${name} changed since it was shown, and nothing was approved: ${texts.join('; ')}`,
    { hint: 'look at what is shown now and approve that' }
  )
}
