import { rootNamespace } from '../../src/api/names.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { PolicyArgs } from '../../src/seccomp/export/admission-policy.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { ownDocument, policyText } from './profile-export.js'

/** Returns what a rule needs that a policy cannot express. */
function beyond({
  containers = [],
  images,
  whenNotReady
}: SeccompRule['spec']): string | undefined {
  if (images !== undefined) return 'images'
  if (whenNotReady === 'Deny') return 'whenNotReady: Deny'
  return containers.some((name) => name.includes('*') && name !== '*')
    ? "containers with '*' in their names"
    : undefined
}

/**
 * Converts a rule into the arguments of a policy; the hub fills in the path.
 * @param learnedFrom the container that the rule's profile was learned from, if it names one
 * @throws SeccoError INVALID_ARGUMENT when a policy cannot express the rule.
 */
export function policyOfRule({ metadata, spec }: SeccompRule, learnedFrom?: string): PolicyArgs {
  const { name, namespace = rootNamespace } = metadata
  const { podSelector = {}, namespaceSelector, mode, profile, whenNotReady } = spec
  const containers = spec.containers ?? (learnedFrom === undefined ? [] : [learnedFrom])
  const what = beyond(spec)
  if (what !== undefined) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${namespace}/${name}: a policy cannot express ${what}`,
      {
        hint: 'leave this rule to the webhook, or write one without'
      }
    )
  }
  const choice = whenNotReady === 'Previous' ? 'Previous' : 'RuntimeDefault'
  return {
    ...{ namespace, name, rule: `${namespace}/${name}`, localhostProfile: '', podSelector },
    ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
    ...(containers.length === 0 || containers.includes('*') ? {} : { containers }),
    ...(profile === undefined
      ? {}
      : { profile: `${profile.namespace ?? namespace}/${profile.name}` }),
    ...{ mode, whenNotReady: choice }
  }
}

export const ruleFormats = ['map', 'yaml'] as const

/**
 * `secco rule export NAME`: exports a rule for the API server itself, without the webhook, or as a document for another
 * installation.
 */
export async function exportRule(
  io: Io,
  store: Store,
  ref: ObjectRef,
  format: (typeof ruleFormats)[number] = 'map'
): Promise<number> {
  const rule = await store.get('SeccompRule', ref)
  if (rule === undefined) {
    throw new SeccoError(
      'NOT_FOUND',
      `SeccompRule ${ref.name} does not exist in namespace ${ref.namespace}`
    )
  }
  if (format === 'yaml') {
    io.stdout(ownDocument(rule, rule.spec))
    return 0
  }
  const { profile } = rule.spec
  const home = rule.metadata.namespace ?? rootNamespace
  const known =
    profile &&
    (await store.get('SeccompProfile', {
      namespace: profile.namespace ?? home,
      name: profile.name
    }))
  io.stdout(policyText(policyOfRule(rule, known?.spec.workload?.container)))
  io.stderr('pods get RuntimeDefault until a hub names the revision in the parameters\n')
  return 0
}
