import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { builtinProfile } from '../../../src/seccomp/render/builtin.js'
import {
  approvalOf,
  type DiffReport,
  diffReport,
  type DiffSide
} from '../../../src/seccomp/review/diff-report.js'
import { observedSide } from '../../../src/seccomp/review/observed-sides.js'
import { parseProfileDocument } from '../../../src/api/parse.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { ownDigestsWith } from '../../../src/rules/digest-prefix.js'
import { previousRevisionOf } from '../../../src/rules/previous-revision.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { UiSources } from './sources.js'
import { type Derived, keyOf } from './derived.js'

const parts = ['approved', 'observed', 'previous'] as const

/** Lists the names that can be compared. */
export function sideNames(sources: UiSources): string[] {
  const own = sources.profiles().flatMap((profile) => {
    const key = keyOf(profile)
    const { revision, observed } = profile.status ?? {}
    const previous = previousRevisionOf(profile.status)
    return [
      ...(profile.spec.seccomp === undefined ? [] : [key]),
      ...(observed === undefined ? [] : [`${key}@observed`]),
      ...(previous === undefined || revision === undefined ? [] : [`${key}@previous`])
    ]
  })
  return ['RuntimeDefault', ...own]
}

/** Parses the `linux.seccomp` of a revision, with the checks of any document. */
function ociOf(text: string, where: string): LinuxSeccomp {
  const wrapped = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { name: 'revision' },
    spec: { seccomp: JSON.parse(text) as unknown }
  }
  const { seccomp } = parseProfileDocument(JSON.stringify(wrapped), where).spec
  return seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' }
}

function renderedSide(profile: SeccompProfile, derived: Derived, label: string): DiffSide {
  const { rendering, problem } = derived.rendering(profile)
  if (rendering === undefined) throw new SeccoError('INVALID_DOCUMENT', `${label}: ${problem}`)
  const { seccomp, provenance } = rendering
  const last = profile.status?.approvals?.at(-1)
  const of = keyOf(profile)
  return { label, of, seccomp, provenance, ...(last === undefined ? {} : { by: last }) }
}

async function sideOf(sources: UiSources, derived: Derived, text: string): Promise<DiffSide> {
  if (text === 'RuntimeDefault') return { label: text, seccomp: runtimeDefault() }
  const [key = '', asked = 'approved'] = text.split('@', 2)
  const [namespace = '', name = ''] = key.split('/', 2)
  const profile = derived.byKey.get(key) ?? builtinProfile(namespace, name)
  if (profile === undefined) {
    throw new SeccoError('NOT_FOUND', `${key}: there is no such profile`, {
      hint: 'choose one of the list, as NAMESPACE/NAME, NAMESPACE/NAME@observed or RuntimeDefault'
    })
  }
  const part = parts.find((each) => each === asked)
  if (part === 'observed') return { ...observedSide(profile, text), of: key }
  if (part === 'approved') return renderedSide(profile, derived, text)
  if (derived.hasHiddenParent(profile)) {
    throw new SeccoError('FORBIDDEN', `${text}: its revisions have content that you may not read`, {
      hint: 'ask for the role secco-viewer in the namespaces of the profiles that it extends'
    })
  }
  const state = sources.states().find((one) => profileKey(one.namespace, one.name) === key)
  const [own, ...others] = ownDigestsWith(profile, asked, state)
  const named = others.length === 0 ? own : undefined
  const digest = part === 'previous' ? previousRevisionOf(profile.status) : named
  const bytes = digest === undefined ? undefined : await sources.revision(digest)
  if (digest === undefined || bytes === undefined) {
    throw new SeccoError('NOT_FOUND', `${text}: the hub does not have this revision of the profile`)
  }
  const by = approvalOf(profile, digest)
  return {
    label: text,
    of: key,
    seccomp: ociOf(bytes.toString(), text),
    ...(by === undefined ? {} : { by })
  }
}

/** Compares two sides: profiles as they render, what was observed, earlier revisions, RuntimeDefault. */
export async function compareSides(
  sources: UiSources,
  derived: Derived,
  left: string,
  right: string
): Promise<DiffReport> {
  return diffReport(await sideOf(sources, derived, left), await sideOf(sources, derived, right))
}
