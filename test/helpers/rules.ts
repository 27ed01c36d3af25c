import { revisionPath } from '../../src/api/names.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { ProfileState } from '../../src/rules/profile-state.js'

/** A rule document; in the root namespace unless said otherwise. */
export function testRule(
  name: string,
  spec: Partial<SeccompRule['spec']>,
  namespace = 'secco-system'
): SeccompRule {
  return {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompRule',
    metadata: { namespace, name },
    spec: { mode: 'enforce', ...spec }
  }
}

/** A revision of a profile; its digest repeats one hexadecimal digit. */
export function testRevision(namespace: string, name: string, digit: string, ready = true) {
  const digest = `sha256:${digit.repeat(64)}`
  return { digest, path: revisionPath(namespace, name, digest), ready, withinDefault: true }
}

/** An approved profile with all its revisions on every node, or what `change` makes of it. */
export function testProfile(
  namespace: string,
  name: string,
  change: Partial<ProfileState> = {}
): ProfileState {
  return {
    namespace,
    name,
    approved: true,
    enforce: testRevision(namespace, name, 'a'),
    audit: testRevision(namespace, name, 'b'),
    previous: testRevision(namespace, name, 'c'),
    ...change
  }
}
