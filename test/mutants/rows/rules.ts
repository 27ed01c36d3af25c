import { mutants } from '../mutant.js'

const decide = 'src/rules/decide'
const tighten = 'src/rules/tighten'
const reach = 'src/rules/reach'

export const rules = mutants('rules', [
  [
    'opt-out-by-default',
    'The label secco.dev/ignore counts only where the namespace or the installation allows it.',
    'src/rules/snapshot.ts',
    'allowIgnore: source.options?.allowIgnore ?? false',
    'allowIgnore: source.options?.allowIgnore ?? true',
    decide
  ],
  [
    'namespace-forbids-opt-out',
    'A namespace that forbids the opt-out wins over an installation that allows it.',
    'src/rules/decide.ts',
    "stated === undefined ? snapshot.options.allowIgnore : stated === 'true'",
    "snapshot.options.allowIgnore || stated === 'true'",
    decide
  ],
  [
    'excluded-namespace',
    'Secco changes no pod in an excluded namespace.',
    'src/rules/decide.ts',
    'if (snapshot.options.excludedNamespaces.has(facts.namespace)) {',
    'if (facts.namespace === "") {',
    [decide, 'src/rules/decide-laws']
  ],
  [
    'own-namespace-excluded',
    'The namespace that Secco runs in is always excluded.',
    'src/rules/snapshot.ts',
    '        ownNamespace,\n        ...(source.options',
    '        ...(source.options',
    decide
  ],
  [
    'strange-path',
    'A pod that names a path below secco/ which Secco never writes is rejected.',
    'src/rules/decide.ts',
    'if (strange !== undefined) {',
    'if (strange === "") {',
    [decide, tighten]
  ],
  [
    'strange-path-with-dots',
    'A path that reaches secco/ through .. is rejected.',
    'src/rules/secco-path.ts',
    "const through = path.split('/').includes('..') && path.split('/').includes('secco')",
    'const through = false',
    tighten
  ],
  [
    'ephemeral-not-learned',
    'A kubectl debug container gets RuntimeDefault, never a learned profile.',
    'src/rules/decide.ts',
    "if (container.kind === 'ephemeral') {",
    "if (container.kind === 'ephemeral' && facts.subresource === '') {",
    decide
  ],
  [
    'existing-ephemeral-untouched',
    'Ephemeral containers that ran before are not changed.',
    'src/rules/decide.ts',
    'if (container.existed) return',
    'if (container.index < 0) return',
    [decide, 'webhook/admission/patch']
  ],
  [
    'own-container-only',
    'A label or rule that names no container gives a profile only to the container that it was learned from.',
    'src/rules/profile-label.ts',
    'return profile.container === undefined || profile.container === place.name',
    'return true',
    'src/rules/container-profile'
  ],
  [
    'other-container-keeps-default',
    'A layer that has a profile for another container leaves this one what the other layers give it.',
    'src/rules/tighten.ts',
    'if (candidate.wish.beside === true) return false',
    'if (candidate.wish.beside === true) return true',
    'src/rules/container-profile'
  ],
  [
    'privileged-skipped',
    'A privileged container is left out and reported, because no runtime filters it.',
    'src/rules/decide.ts',
    '  if (container.privileged) {\n    const { source',
    '  if (container.index < 0) {\n    const { source',
    decide
  ],
  [
    'author-file-against-root',
    "An author's own Localhost file does not stay against an enforcing rule of the root namespace.",
    'src/rules/decide.ts',
    'if (isAuthorsLocalhost(author) && !tightened.enforcedByRoot) {',
    'if (isAuthorsLocalhost(author)) {',
    decide
  ],
  [
    'pod-unconfined-stays',
    'The pod-level Unconfined goes only when every container is covered by a rule.',
    'src/rules/decide.ts',
    "return containers.every((c) => c.reason !== 'no-rule')",
    'return containers.length > 0',
    'src/rules/decide-pod'
  ],
  [
    'mirror-skipped',
    'Mirror pods are left as they are, with a warning.',
    'src/rules/decide.ts',
    'if (facts.mirror) {',
    'if (facts.name === "") {',
    decide
  ],
  [
    'windows-skipped',
    'Windows pods are left as they are, with a warning.',
    'src/rules/decide.ts',
    'if (facts.windows) {',
    'if (facts.name === "") {',
    decide
  ],
  [
    'canary-by-hash',
    'Of pods that are created by name, the share of a canary gets the next mode: not all and not none.',
    'src/rules/canary.ts',
    'return hashOf(facts.name) % 100 < percent',
    'return percent > 0',
    'src/rules/canary'
  ],
  [
    'canary-hash-spreads',
    'The hash of a pod name depends on every letter of it.',
    'src/rules/canary.ts',
    'hash ^ text.charCodeAt(i)',
    'hash ^ text.length',
    'src/rules/canary'
  ],
  [
    'canary-in-order',
    'Of any 100/percent pods in a row exactly one is in the canary.',
    'src/rules/canary.ts',
    'return (turn * percent) % 100 < percent',
    'return turn % 100 < percent',
    'src/rules/canary'
  ],
  [
    'canary-by-ordinal',
    'Pods of a StatefulSet are chosen by their ordinal, so that a restart does not change the choice.',
    'src/rules/canary.ts',
    'ordinalOf(facts) ?? facts.turn',
    'facts.turn',
    'src/rules/canary'
  ],
  [
    'second-call-repeats-canary',
    'A second call of the webhook decides for the same side of a canary.',
    'src/rules/resolve.ts',
    'if (pod.given !== undefined && pod.given === to.revision?.path) return',
    'if (pod.given === "") return',
    'src/rules/resolve'
  ],
  [
    'taints',
    'A revision waits only for nodes whose taints the pod tolerates.',
    'src/rules/placement.ts',
    'return !node.taints.some((taint) => excludesPod(taint, tolerations))',
    'return tolerations.length >= 0',
    reach
  ],
  [
    'windows-nodes',
    'Windows nodes are not waited for.',
    'src/rules/placement.ts',
    "node.labels[osLabel] === 'windows') return false",
    "node.labels[osLabel] === '') return false",
    reach
  ],
  [
    'cordoned-nodes',
    'Cordoned nodes are not waited for.',
    'src/rules/placement.ts',
    'if (node.unschedulable && excludesPod',
    'if (node.name === "" && excludesPod',
    reach
  ],
  [
    'node-that-does-not-exist-yet',
    'A pod that only future nodes could run does not get a file that they lack.',
    'src/rules/reach.ts',
    'return !lacking.some(fits) && someHolder(lacking)',
    'return !lacking.some(fits)',
    reach
  ],
  [
    'previous-only-for-enforce',
    'whenNotReady: Previous never puts an enforcing revision where audit was asked for.',
    'src/rules/resolve.ts',
    "    mode === 'enforce' &&\n",
    '',
    decide
  ],
  [
    'when-not-ready-deny',
    'whenNotReady: Deny rejects the pod while its revision is not ready.',
    'src/rules/resolve.ts',
    "wish.whenNotReady === 'Deny' ? 'denied' : 'runtime-default'",
    "'runtime-default'",
    decide
  ],
  [
    'ladder-under-root-rule',
    "A workload's ladder may tighten a rule of the root namespace, never loosen it.",
    'src/rules/resolve.ts',
    'return strictness[mode] >= strictness[wish.mode]',
    'return mode !== wish.mode',
    'src/rules/resolve'
  ],
  [
    'not-approved',
    'A profile without an approval is not assigned.',
    'src/rules/resolve.ts',
    'if (state.approved && revision !== undefined && reach.has(revision)) {',
    'if (revision !== undefined && reach.has(revision)) {',
    decide
  ],
  [
    'unknown-width-is-wider',
    'A revision that cannot be compared counts as wider.',
    'src/rules/tighten.ts',
    'return inner.digest === outer.digest || snapshot.within(inner.digest, outer.digest)',
    'return inner.digest !== ""',
    tighten
  ],
  [
    'tenant-profile-of-root-rule',
    "A tenant's profile behind a name that a root rule leaves open stays within RuntimeDefault.",
    'src/rules/tighten.ts',
    'return revision.withinDefault === true ? resolution : withoutRevision(resolution)',
    'return resolution',
    tighten
  ],
  [
    'loosening-is-reported',
    'A rule of the namespace that would have loosened the result is named in a warning.',
    'src/rules/tighten.ts',
    'if (achieved(candidate) > 0) loosening.push(wish.source)',
    'if (achieved(candidate) > 9) loosening.push(wish.source)',
    [decide, tighten]
  ],
  [
    'foreign-namespace',
    'Outside the root namespace a rule may not name a profile of a foreign namespace.',
    'src/rules/rule-index.ts',
    'return reachable ? [profileKey(stated, name)] : []',
    'return [profileKey(stated, name)]',
    decide
  ],
  [
    'own-profile-of-its-container',
    'A mode that a person set for a profile decides about the container that it was learned from, and about no other one.',
    'src/rules/wishes.ts',
    'return isOfWorkload && isProfileOf(state, container)',
    'return isOfWorkload',
    'src/rules/own-profile'
  ],
  [
    'own-profile-of-its-workload',
    'A mode that a person set for a profile decides about the kind of workload that it was learned from, and about no other one.',
    'src/rules/wishes.ts',
    'const isOfWorkload = state?.workload?.kind === kind && state.workload.name === name',
    'const isOfWorkload = state?.workload?.name === name',
    'src/rules/own-profile'
  ],
  [
    'own-profile-within-default',
    'A rule that learns gives a profile by the name that a pod chose only within RuntimeDefault.',
    'src/rules/wishes.ts',
    'bounded: learnedAs.isBounded ? [key] : []',
    'bounded: []',
    'src/rules/own-profile'
  ],
  [
    'path-follows-from-digest',
    'A revision whose path does not follow from its digest is not used.',
    'src/rules/snapshot.ts',
    'revision.path === revisionPath(state.namespace, state.name, revision.digest)',
    "revision.path !== ''",
    [decide, 'src/rules/snapshot']
  ],
  [
    'ladder-path-follows-from-digest',
    'A ladder whose path does not follow from its digest is not used.',
    'src/rules/snapshot.ts',
    'if (named.every((one) => trusted(state, one))) return ladder',
    'if (named.length >= 0) return ladder',
    ['src/rules/snapshot', decide]
  ],
  [
    'observe-enabled-namespace',
    'The label secco.dev/mode=enabled of a namespace wins over an installation that observes.',
    'src/rules/observe.ts',
    "if (stated === 'enabled') return false",
    "if (stated === '') return false",
    'src/rules/observe'
  ],
  [
    'observe-rejects-nothing',
    'In observe mode no pod is rejected.',
    'src/rules/observe.ts',
    "decision.decision !== 'patched' && decision.decision !== 'denied'",
    "decision.decision !== 'patched'",
    'src/rules/observe'
  ],
  [
    'image-latest',
    'An image without a tag is the one with the tag latest.',
    'src/rules/image.ts',
    "isTag(image.tag === '' && image.digest === '' ? 'latest' : image.tag)",
    'isTag(image.tag)',
    'src/rules/image'
  ],
  [
    'selector-not-in',
    'NotIn also selects what does not have the key.',
    'src/rules/selector.ts',
    'return value === undefined || !requirement.values.has(value)',
    'return value !== undefined && !requirement.values.has(value)',
    'src/rules/selector'
  ],
  [
    'invalid-selector-selects-nothing',
    'A rule with an invalid selector selects nothing.',
    'src/rules/selector.ts',
    'if (selector.never) return false',
    'if (selector.requirements.length < 0) return false',
    'src/rules/selector'
  ],
  [
    'rule-order',
    'Of several rules the most important decides, whatever found it.',
    'src/rules/rule-index.ts',
    'found.sort((a, b) => a.order - b.order)',
    'found',
    'src/rules/rule-index'
  ],
  [
    'glob-overlap',
    'The parts of a pattern for container names do not overlap in the name.',
    'src/rules/glob.ts',
    'if (found === -1 || found + part.length > end) return false',
    'if (found === -1) return false',
    'src/rules/glob'
  ]
])
