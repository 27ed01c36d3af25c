import { mutants } from '../mutant.js'

const enforce = 'src/seccomp/render/render-enforce'
const emergency = 'src/seccomp/render/emergency'
const audit = 'src/seccomp/render/render-audit'
const main = 'src/seccomp/render/render'

export const render = mutants('render', [
  [
    'emergency-by-extends',
    'An emergency block also denies a syscall that a profile has by extends.',
    'src/seccomp/render/allowed-names.ts',
    'leftOf(name, { grant, denyRules }, emergency, sides)',
    `leftOf(name, { grant, denyRules }, reasons.some(({ kind }) => kind === 'extends') ?
      { ...emergency, denyRules: new Map() } : emergency, sides)`,
    emergency
  ],
  [
    'emergency-by-family',
    'An emergency block also denies a syscall that a profile has by its family.',
    'src/seccomp/render/allowed-names.ts',
    'leftOf(name, { grant, denyRules }, emergency, sides)',
    `leftOf(name, { grant, denyRules }, reasons.every(({ kind }) => kind === 'family') ?
      { ...emergency, denyRules: new Map() } : emergency, sides)`,
    emergency
  ],
  [
    'emergency-of-plain-names',
    'An emergency block also denies what most profiles allow, and what was computed for them once.',
    'src/seccomp/render/allowed-names.ts',
    'isPlain && !emergency.denyRules.has(name)',
    'isPlain',
    emergency
  ],
  [
    'emergency-in-audit',
    'An emergency block denies in audit mode, too.',
    'src/seccomp/render/render.ts',
    'const within = afterEmergency(name, [...limits], emergency)\n    if (within === undefined) continue',
    'const within = { left: [...limits], reasons: [] }',
    emergency
  ],
  [
    'emergency-doubles',
    'A block of a socket family also denies the multiplexer that could create it.',
    'src/seccomp/render/emergency.ts',
    '  ...Object.keys(multiplexed).filter((each) => multiplexed[each]?.has(name))\n',
    '',
    emergency
  ],
  [
    'emergency-upper-half',
    'A denied value of an int argument is denied with any upper 32 bits.',
    'src/seccomp/render/emergency.ts',
    "if (known === undefined || arg.op !== 'SCMP_CMP_EQ' || arg.value > wholeMask) return arg",
    'if (known === undefined || arg.index >= 0) return arg',
    emergency
  ],
  [
    'emergency-allows-nothing',
    'Allow rules of the emergency overlay have no effect.',
    'src/seccomp/render/emergency.ts',
    "if (action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG') continue",
    "if (action === 'SCMP_ACT_LOG') continue",
    emergency
  ],
  [
    'emergency-who',
    'A blocked syscall shows who blocked it and why.',
    'src/seccomp/render/emergency.ts',
    "return { kind: 'emergency', text: `${text}: ${reason}`, by, at }",
    "return { kind: 'emergency', text }",
    emergency
  ],
  [
    'unblock',
    'A block that is removed is gone.',
    'src/seccomp/render/block.ts',
    'before.filter((rule) => !named.some((other) => isSame(rule, other)))',
    'before.filter((rule) => !named.every((other) => isSame(rule, other)))',
    emergency
  ],
  [
    'block-what-is-needed',
    'A block of what every container needs is recognised.',
    'src/seccomp/render/block.ts',
    'whole.flatMap(({ names }) => names).filter(isNeeded)',
    "whole.flatMap(({ names }) => names).filter((name) => name === '')",
    emergency
  ],
  [
    'second-extends',
    'A profile gets what each of its parents allows.',
    'src/seccomp/render/approved.ts',
    'const parents = parentsOf(current).map(({ label, at }) => {',
    'const parents = parentsOf(current).slice(0, 1).map(({ label, at }) => {',
    enforce
  ],
  [
    'parents-of-parents',
    "A profile gets what its parents' parents allow.",
    'src/seccomp/render/approved.ts',
    'const approved = mustBeRenderable(combine(own, parents), key)',
    'const approved = path.length > 0 ? own : mustBeRenderable(combine(own, parents), key)',
    enforce
  ],
  [
    'child-denies-parent',
    "A profile's own deny rule wins over what a parent allows.",
    'src/seccomp/render/union.ts',
    'if (own.denyRules.get(name)?.some(everywhere) === true) continue',
    'if (name === "") continue',
    enforce
  ],
  [
    'inherited-deny-rule',
    'A deny rule of one parent for some arguments stays although another parent allows the syscall.',
    'src/seccomp/render/union.ts',
    'const kept = grants.has(name) ? list.filter((denyRule) => !everywhere(denyRule)) : list',
    'const kept = grants.has(name) ? [] : list',
    enforce
  ],
  [
    'unapproved-content',
    'A profile whose approval is about another content is not rendered.',
    'src/seccomp/render/approved.ts',
    '    checkApproval(current)\n',
    '',
    ['src/seccomp/policy/approval', 'webhook/hub/observations/trust']
  ],
  [
    'approval-covers-extends',
    'An approval is about the parents of a profile, too.',
    'src/seccomp/policy/approval.ts',
    'canonicalJson({ extends: parents ?? [], seccomp: seccomp ?? null })',
    'canonicalJson({ extends: parents === undefined ? [] : [""], seccomp: seccomp ?? null })',
    'src/seccomp/policy/approval'
  ],
  [
    'approval-is-not-exported',
    'An exported profile does not carry the approval of the installation that it comes from.',
    'src/seccomp/policy/approval.ts',
    '  delete own.approval\n',
    '',
    ['webhook/ui/objects', 'webhook/approved-profile', 'src/seccomp/policy/approval']
  ],
  [
    'enosys-names',
    'Syscalls that callers try first get ENOSYS, so that they can try an older one.',
    'src/seccomp/render/render.ts',
    'for (const [name, text] of enosysNames) {',
    'for (const [name, text] of [...enosysNames].slice(0, 1)) {',
    main
  ],
  [
    'enosys-errno',
    'The answer to a syscall that callers try first is ENOSYS, not EPERM.',
    'src/seccomp/render/render.ts',
    "rules.push({ name, action: 'SCMP_ACT_ERRNO', errnoRet: 38 })",
    "rules.push({ name, action: 'SCMP_ACT_ERRNO', errnoRet: 1 })",
    main
  ],
  [
    'audit-logs-the-rest',
    'Audit logs what RuntimeDefault allows and nobody approved.',
    'src/seccomp/render/render.ts',
    "rules.push(...rulesFor(name, within.left, { action: 'SCMP_ACT_LOG' }))",
    "rules.push(...rulesFor(name, within.left, { action: 'SCMP_ACT_ALLOW' }))",
    audit
  ],
  [
    'audit-denies-what-the-default-denies',
    'Audit allows no more than RuntimeDefault and the approval.',
    'src/seccomp/render/render.ts',
    "{ defaultAction: 'SCMP_ACT_ERRNO' as const, defaultErrnoRet: 1 }",
    "{ defaultAction: options.mode === 'audit' ? ('SCMP_ACT_LOG' as const) : ('SCMP_ACT_ERRNO' as const), defaultErrnoRet: 1 }",
    audit
  ],
  [
    'stricter-default',
    'The KILL default of a spec is rendered.',
    'src/seccomp/render/render.ts',
    "options.mode === 'enforce' && wanted !== undefined && stricterDefaults.includes(wanted)",
    "options.mode === 'enforce' && wanted === undefined",
    enforce
  ],
  [
    'default-arguments',
    "A syscall that is allowed by name keeps RuntimeDefault's conditions on its arguments.",
    'src/seccomp/render/effective.ts',
    'alternatives = [...asAlternatives([...(limits ?? [])]), ...alternatives]',
    'alternatives = [...asAlternatives([]), ...alternatives]',
    [enforce, 'src/seccomp/render/families']
  ],
  [
    'clone3',
    'clone3 stays ENOSYS when it is allowed by name.',
    'src/seccomp/render/effective.ts',
    'if (grant.byName && !answered.has(name)) {',
    'if (grant.byName) {',
    [enforce, main]
  ],
  [
    'multiplexers',
    'A multiplexer that nobody approved returns ENOSYS where i386 is listed: libseccomp would open it.',
    'src/seccomp/render/render.ts',
    'withinSize(withMultiplexers(rules, listed, why), listed)',
    'withinSize(rules, listed)',
    enforce
  ],
  [
    'families-within-default',
    'A family adds nothing that RuntimeDefault denies.',
    'src/seccomp/render/wanted-names.ts',
    "if (floor.has(name)) add(name, { kind: 'family', text })",
    "add(name, { kind: 'family', text })",
    'src/seccomp/render/families',
    'No member of a family is beyond RuntimeDefault today, as the test of the families asserts.'
  ],
  [
    'families',
    'Allowing open also allows openat.',
    'src/seccomp/render/families.ts',
    'if (!have.has(name)) added.set(name, `${because}: ${reason}`)',
    'if (have.has(name)) added.set(name, `${because}: ${reason}`)',
    'src/seccomp/render/families'
  ],
  [
    'harmless-calls',
    'Calls that cannot fail, and those that sleep, are in every profile.',
    'src/seccomp/render/base.ts',
    '[...entriesOf(runtimes), ...always]',
    '[...entriesOf(runtimes)]',
    'src/seccomp/render/base'
  ],
  [
    'misbuilt-for-another-name',
    'What libseccomp builds wrongly for one name makes others of the same condition unknown.',
    'src/seccomp/filter/built-rules.ts',
    'if (found.has(name) || ![...own].some((one) => tainted.has(one))) continue',
    'if (name.length > 0) continue',
    'src/seccomp/filter/differential'
  ],
  [
    'base-of-runtimes',
    'A revision has what every runtime version of the fleet needs to start a container.',
    'src/seccomp/render/base.ts',
    'compareVersions(version, entry.since) >= 0',
    'compareVersions(version, entry.since) >= -1',
    'src/seccomp/render/base'
  ],
  [
    'base-with-conditions',
    'Conditions of a profile do not keep a runtime from starting its container.',
    'src/seccomp/render/wanted-names.ts',
    'if (one === undefined || one.grant.byName) continue',
    'if (one !== undefined) continue',
    [enforce, 'src/seccomp/render/render-laws']
  ],
  [
    'deny-rule-answer',
    'A deny rule keeps its own errno.',
    'src/seccomp/render/deny-rules.ts',
    '      ...answer,\n',
    '      action: answer.action,\n',
    enforce
  ],
  [
    'misleading-rules',
    'A rule that does something else than it states is not rendered.',
    'src/api/misleading-rules.ts',
    'args.find(({ index }, at) => args.findIndex((arg) => arg.index === index) < at)?.index',
    'args.find(({ index }) => index > 9)?.index',
    ['src/seccomp/lint/accept', 'satellite/revisions/floor']
  ],
  [
    'deterministic',
    'The same approval gives the same bytes, in whatever order it is written.',
    'src/lib/canonical.ts',
    '.sort(',
    '.filter(',
    'src/seccomp/render/render-laws'
  ],
  [
    'policy-waits-for-quiet',
    'A policy approves only after nothing new appeared for the configured time.',
    'src/seccomp/review/promotion.ts',
    'gate(isQuietFor(quiet, wanted), text,',
    'gate(isQuietFor(quiet, 0), text,',
    'src/seccomp/review/promotion'
  ],
  [
    'policy-and-losses',
    'A policy does not approve what was recorded with losses.',
    'src/seccomp/review/promotion.ts',
    "gate(lost === 0, 'nothing lost'",
    "gate(lost >= 0, 'nothing lost'",
    'src/seccomp/review/promotion'
  ],
  [
    'policy-and-stale-approval',
    'A policy does not approve what somebody wrote next to an approval.',
    'src/seccomp/review/promotion.ts',
    'if (isApprovalStale(profile.spec))',
    'if (profile.spec === undefined)',
    ['src/seccomp/review/promotion', 'src/seccomp/policy/approval']
  ],
  [
    'policy-and-unseen',
    'A policy does not approve while more syscalls may be unseen than it accepts.',
    'src/seccomp/review/promotion.ts',
    'gate(estimate.upper <= promote.maxUnseen, most,',
    'gate(estimate.upper >= 0, most,',
    'src/seccomp/review/promotion'
  ],
  [
    'one-node-is-not-enough',
    'A risky syscall that only one node reports is left to a person.',
    'src/seccomp/review/quorum.ts',
    "if (risk === '' || more.length > 0) return []",
    "if (risk === '' || more.length >= 0) return []",
    ['src/seccomp/review/promotion', 'src/seccomp/review/review']
  ],
  [
    'approval-of-unknown-names',
    'A name that is in no syscall table is never approved.',
    'src/seccomp/review/approve.ts',
    'if (!isKnownSyscall(name)) {',
    "if (name === '') {",
    ['src/seccomp/review/merge', 'src/seccomp/review/laws']
  ],
  [
    'beyond-is-shown',
    'An approval shows the names that RuntimeDefault denies.',
    'src/seccomp/review/approve.ts',
    'if (beyond) plan.beyond.push(name)',
    'if (!beyond) plan.beyond.push(name)',
    ['src/seccomp/review/merge', 'src/seccomp/review/review']
  ],
  [
    'allow-takes-denial-back',
    'Allowing a syscall takes the deny rule for it back.',
    'src/seccomp/review/allow.ts',
    'const names = rule.names.filter((each) => each !== name)',
    'const names = rule.names',
    'src/seccomp/review/allow'
  ],
  [
    'evidence-quiet',
    'The evidence asks for an hour without anything new.',
    'src/seccomp/review/evidence.ts',
    'isQuietFor(quiet, hour)',
    'isQuietFor(quiet, 0)',
    'src/seccomp/review/evidence'
  ],
  [
    'quiet-is-recorded',
    'Time in which a workload did not run does not make it quiet.',
    'src/seccomp/review/quiet.ts',
    'return recordedMs >= wantedMs - toleranceMs',
    'return recordedMs >= 0',
    'src/seccomp/review/quiet'
  ],
  [
    'estimate-needs-instances',
    'With fewer than five instances there is no estimate.',
    'src/seccomp/review/unseen.ts',
    'if (m < leastInstances) return { instances: m, tooFew: true }',
    'if (m < 2) return { instances: m, tooFew: true }',
    'src/seccomp/review/unseen'
  ]
])
