import { mutants } from '../mutant.js'

const state = 'src/confinement/state'
const ladder = 'src/confinement/ladder'
const watch = 'webhook/confinement/ladder/ladder-watch'

export const confinement = mutants('confinement', [
  [
    'state-from-the-kernel',
    'A container without a filter in the kernel is unconfined, whatever it declares.',
    'src/confinement/state.ts',
    'if (facts.mode === 0) {\n    if (facts.privileged) {',
    "if (facts.mode === 0 && facts.declared === 'none') {\n    if (facts.privileged) {",
    state
  ],
  [
    'state-of-another-filter',
    'A container under another filter than the declared one is not enforced.',
    'src/confinement/state.ts',
    'if (wasCompared(facts) && !facts.same) {',
    'if (facts.mode === 9) {',
    state
  ],
  [
    'state-of-an-unread-filter',
    'A filter that was not read yet is not taken for the declared one.',
    'src/confinement/state.ts',
    "if (facts.checked === 'none') {",
    "if (facts.checked === '') {",
    state
  ],
  [
    'state-of-audit',
    'A revision of audit is not shown as enforced.',
    'src/confinement/state.ts',
    "const state = revision.mode === 'audit' ? 'audit' : 'enforced'",
    "const state = 'enforced'",
    state
  ],
  [
    'state-of-privileged',
    'A privileged container without a filter is not protectable.',
    'src/confinement/state.ts',
    "state: 'not-protectable',",
    "state: 'unconfined',",
    state
  ],
  [
    'drift-unconfined',
    'A declared profile without a filter is drift.',
    'src/confinement/state.ts',
    'if (facts.mode === 0 && promised && !facts.privileged) {',
    'if (facts.mode === 0 && !promised && !facts.privileged) {',
    state
  ],
  [
    'drift-of-the-assignment',
    'A container that started with another profile than the assigned one has drifted.',
    'src/confinement/state.ts',
    "facts.assignedDigest !== '' && facts.assignedDigest !== facts.digest) {",
    'facts.assignedDigest === facts.digest) {',
    state
  ],
  [
    'drift-on-disk',
    'A changed file is drift.',
    'src/confinement/state.ts',
    "if (facts.disk === 'changed') {",
    "if (facts.disk === '') {",
    state
  ],
  [
    'risk-unconfined',
    'An unconfined container has the highest risk.',
    'src/confinement/state.ts',
    "    case 'not-protectable':\n      return 100",
    "    case 'not-protectable':\n      return 0",
    state
  ],
  [
    'ladder-not-down',
    'Promoting never makes a mode less strict unless it is forced.',
    'src/confinement/ladder.ts',
    'if (force === true || modes.indexOf(mode) >= modes.indexOf(from)) return',
    'return',
    ladder
  ],
  [
    'rollback-without-policy',
    'After a rollback people decide: the policy is gone.',
    'src/confinement/ladder.ts',
    'withStep(withLadder(profile, to), {',
    'withStep(withLadder(profile, { ...ladder, ...to }), {',
    ladder
  ],
  [
    'rollback-to-the-place-before',
    'A rollback returns to the place before the canary.',
    'src/confinement/ladder.ts',
    'return byCanary ? before.from : moves[at]?.from',
    'return moves[at]?.from',
    ladder
  ],
  [
    'canary-denials',
    'A canary with denials is rolled back.',
    'src/confinement/ladder.ts',
    'if (denials > (canary.maxDenials ?? 0)) {',
    'if (denials > (canary.maxDenials ?? 1000)) {',
    ladder
  ],
  [
    'canary-restarts',
    'A canary with restarts is rolled back.',
    'src/confinement/ladder.ts',
    'if (restarts > (canary.maxRestarts ?? 1)) {',
    'if (restarts > (canary.maxRestarts ?? 1000)) {',
    ladder
  ],
  [
    'canary-recorded',
    'A canary on nodes that do not record proves nothing.',
    'src/confinement/ladder.ts',
    'if (recorded === 0) {',
    'if (recorded < 0) {',
    [ladder, watch]
  ],
  [
    'canary-time',
    'A canary is complete only after its time.',
    'src/confinement/ladder.ts',
    'if (figures.ageMs < figures.quietMs) {',
    'if (figures.ageMs < 0) {',
    ladder
  ],
  [
    'canary-denials-since-it-began',
    'Denials from before a canary do not count against it.',
    'webhook/confinement/ladder/canary-figures.ts',
    'Date.parse(row.lastSeen) >= since &&',
    '',
    'webhook/confinement/ladder/canary-figures'
  ],
  [
    'canary-muted',
    'Muted denials do not count against a canary.',
    'webhook/confinement/ladder/canary-figures.ts',
    '        !isMuted(profile, row)\n',
    '        row.count > 0\n',
    'webhook/confinement/ladder/canary-figures'
  ],
  [
    'mute-of-a-program',
    'A mute for one program does not mute others.',
    'src/confinement/ladder.ts',
    'syscall === call.syscall && (comm ?? call.comm) === call.comm',
    'syscall === call.syscall',
    ladder
  ],
  [
    'enforce-after-denials',
    'A policy does not enforce what would be denied.',
    'webhook/confinement/ladder/ladder-watch.ts',
    'if (count > 0 || wouldDeny(profile) || wait.wasRolledBack) return',
    'if (wait.wasRolledBack) return',
    watch
  ],
  [
    'enforce-after-rollback',
    'A policy does not enforce again what was rolled back.',
    'webhook/confinement/ladder/ladder-watch.ts',
    'wouldDeny(profile) || wait.wasRolledBack) return',
    'wouldDeny(profile)) return',
    watch
  ],
  [
    'enforce-after-time',
    'A policy enforces only after its time in audit.',
    'webhook/confinement/ladder/ladder-watch.ts',
    'if (this.#confinement.sources.now() - cleanSince < wait.waitMs) return',
    '',
    watch
  ],
  [
    'enforce-after-recording',
    'Time without recording does not count.',
    'webhook/confinement/ladder/ladder-watch.ts',
    'if (cleanSince === undefined) return',
    '',
    watch
  ],
  [
    'restarts-per-container',
    'A restart is counted once.',
    'webhook/confinement/containers/restarts.ts',
    'const isNew = !this.#seen.has(key)',
    'const isNew = true',
    'webhook/confinement/containers/restarts'
  ],
  [
    'recording-off',
    'A node with --record off does not record denials.',
    'webhook/confinement/containers/denial-recording.ts',
    "if (record === 'off') return 'records nothing (--record off)'",
    '',
    'webhook/confinement/containers/denial-recording'
  ],
  [
    'recording-unprofiled',
    'A node with --record unprofiled does not record enforced containers.',
    'webhook/confinement/containers/denial-recording.ts',
    "if (record === 'unprofiled' && mode === 'enforce') {",
    "if (record === 'unprofiled' && mode === 'learn') {",
    'webhook/confinement/containers/denial-recording'
  ],
  [
    'unprotected',
    'A container that runs with less than its rule gives is reported.',
    'webhook/confinement/containers/unprotected.ts',
    "const isLess = outcome === 'assigned' && (state === 'runtime-default' || isLike)",
    'const isLess = false',
    'webhook/confinement/containers/unprotected'
  ],
  [
    'muted-of-a-container',
    'Muted denials are not counted for a container.',
    'webhook/confinement/containers/denial-counts.ts',
    'if (profile === undefined || !isMuted(profile, row)) return false',
    'if (profile === undefined || isMuted(profile, row)) return false',
    'webhook/confinement/containers/container-view-builder'
  ],
  [
    'stale',
    'A container under an older revision is stale.',
    'webhook/confinement/containers/container-view-builder.ts',
    "stale: replaced !== '' && wanted !== '' && replaced !== wanted,",
    'stale: false,',
    'webhook/confinement/containers/container-view-builder'
  ],
  [
    'view-depends-on-profile',
    'A changed profile computes the views that read it.',
    'webhook/confinement/containers/view-inputs.ts',
    'this.#reads.add(key)\n    return this.#states.get(key)',
    'return this.#states.get(key)',
    'webhook/confinement/containers/container-views-laws'
  ],
  [
    'view-depends-on-digest',
    'A digest that becomes known computes the views of its containers.',
    'webhook/confinement/containers/container-view-builder.ts',
    'reads.add(running.digest)\n',
    '',
    'webhook/confinement/containers/container-views-laws'
  ],
  [
    'view-depends-on-rules',
    'Changed rules compute every view.',
    'webhook/confinement/containers/view-inputs.ts',
    'before.snapshot.surroundings !== snapshot.surroundings',
    'before.snapshot === undefined',
    'webhook/confinement/containers/container-views-laws'
  ],
  [
    'drift-unread-filter',
    'A filter that cannot be read is not said to be as declared.',
    'webhook/confinement/drift-watch.ts',
    "own.filter(({ checked }) => checked === 'mode').length",
    "own.filter(({ checked }) => checked === 'none').length",
    'webhook/confinement/drift-watch'
  ],
  [
    'audit-calls-since',
    'The first of the calls in audit has its own time.',
    'webhook/confinement/ladder/ladder-view.ts',
    'the first at ${first}',
    'the first at ${known}',
    'webhook/confinement/ladder/ladder-view'
  ],
  [
    'workload-unknown-denials',
    'Where denials are not known there is no number of them.',
    'webhook/views/view.ts',
    '...(denials === undefined\n      ? {}',
    '...(denials === undefined\n      ? { denied: 0, expected: 0 }',
    'webhook/views/derived'
  ]
])
