import { apiGroup, apiVersion, rootNamespace } from '../../src/api/names.js'
import { strictPolicy } from './policy-parts.js'

const version = apiVersion.slice(apiGroup.length + 1)

/** The fields that decide which syscalls a profile allows, now or later: writing one of them is an approval. */
const guarded = ['seccomp', 'extends', 'approval', 'promote', 'learn'] as const
/** The fields that decide which revision pods get, and which denials raise an alarm: approvers write these too. */
const decided = ['ladder', 'mute'] as const

/** Returns CEL for whether a field of the spec differs from before; on CREATE, whether it exists. */
function changed(field: (typeof guarded)[number] | (typeof decided)[number]): string {
  const had = `(oldObject != null && has(oldObject.spec.${field}))`
  const has = `has(object.spec.${field})`
  return `${has} != ${had} || (${has} && ${had} && object.spec.${field} != oldObject.spec.${field})`
}

const allowed = (verb: 'approve' | 'promote'): string =>
  [
    `authorizer.group('${apiGroup}').resource('seccompprofiles')`,
    '.namespace(request.namespace).name(object.metadata.name)',
    `.check('${verb}').allowed()`
  ].join('')

/** The most profiles of other namespaces that one write may add: each takes a question to the authorizer. */
const maxAdded = 8
const parents = (of: string): string => `(has(${of}.spec.extends) ? ${of}.spec.extends : [])`
/**
 * CEL for the profiles of other namespaces that are added to spec.extends, as pairs of namespace and name. Those of the root
 * namespace are for everybody. What was there before was somebody's decision.
 */
const added = [
  parents('object'),
  `.filter(e, e.contains('/') && !(oldObject != null && e in ${parents('oldObject')}))`,
  `.map(e, e.split('/')).filter(p, p[0] != request.namespace && p[0] != '${rootNamespace}')`
].join('')

/** Returns CEL for whether the person may read an added profile. */
function mayRead(at: number): string {
  const [space, name] = [`variables.added[${at}][0]`, `variables.added[${at}][1]`]
  const asked = `authorizer.group('${apiGroup}').resource('seccompprofiles').namespace(${space}).name(${name})`
  return `(variables.added.size() <= ${at} || ${asked}.check('get').allowed())`
}

/** An expression has the budget for two questions to the authorizer (350,000 units of cost each, of 1,000,000). */
const readable = Array.from({ length: maxAdded / 2 }, (_, i) => ({
  expression: `${mayRead(2 * i)} && ${mayRead(2 * i + 1)}`,
  messageExpression:
    "'secco: ' + request.userInfo.username + ' may not read all of ' + " +
    "variables.added.map(p, p.join('/')).join(', ') + " +
    "': only who may read a profile builds another on it; give secco-viewer there'",
  reason: 'Forbidden'
}))

/** A person set spec.promote before, and this write leaves it, and everything else that a person decides, as it is. */
const byPolicy = [
  '(oldObject != null && has(oldObject.spec.promote))',
  ...(['promote', 'extends', 'learn'] as const).map((field) => `!variables.${field}`)
].join(' && ')

/** Returns CEL for whether a field is in both, and equal, or in none. */
const equalIn = (field: string, left: string, right: string): string =>
  `has(${left}.${field}) == has(${right}.${field}) && (!has(${left}.${field}) || ${left}.${field} == ${right}.${field})`

const [ladder, was, from] = [
  'object.spec.ladder',
  'oldObject.spec.ladder',
  'oldObject.spec.ladder.canary.from'
]
/**
 * CEL for the steps of a ladder that the hub takes by itself, as a person asked for in the ladder: a canary completes or
 * returns (completeCanary and rollbackLadder of src/confinement/ladder.ts), enforceAfter enforces. None brings in a
 * revision that the ladder did not name.
 */
const byLadder = [
  `!variables.mute && oldObject != null && has(${was}) && has(${ladder}) && !has(${ladder}.canary) && (`,
  `(has(${was}.canary) && ${ladder}.mode == ${was}.mode`,
  ` && ${equalIn('revision', ladder, was)} && ${equalIn('enforceAfter', ladder, was)})`,
  ` || (has(${was}.canary) && ${ladder}.mode == ${from}.mode`,
  ` && ${equalIn('revision', ladder, from)} && !has(${ladder}.enforceAfter))`,
  ` || (has(${was}.enforceAfter) && ${was}.mode == 'audit' && ${ladder}.mode == 'enforce'`,
  ` && !has(${ladder}.revision) && ${equalIn('enforceAfter', ladder, was)}))`
].join('')

/**
 * Returns the ValidatingAdmissionPolicies (admissionregistration.k8s.io/v1) on approvals, with bindings. They run in
 * the API server, so every write passes them, and no webhook has to run. The first rejects:
 * - only users who may `approve` seccompprofiles.secco.dev change which syscalls a profile allows; the hub may only
 *   `promote`: approve a profile for which such a user set spec.promote;
 * - only such users write the ladder and mutes; the hub may only take the steps that a ladder provides for;
 * - an approval has the name of its writer;
 * - only users who may read a profile of another namespace build one on it: it would show what that one allows.
 * A second one warns of content that changes while its approval stays the same. The hub checks that the approval's
 * digest is that of the spec: CEL has no hashes.
 */
export function approvalPolicy(): readonly object[] {
  const resourceRule = {
    apiGroups: [apiGroup],
    apiVersions: [version],
    operations: ['CREATE', 'UPDATE'],
    resources: ['seccompprofiles'],
    scope: 'Namespaced'
  }
  const policy = strictPolicy('secco-approval', resourceRule, {
    variables: [
      ...[...guarded, ...decided].map((field) => ({ name: field, expression: changed(field) })),
      {
        name: 'guarded',
        expression: guarded.map((field) => `variables.${field}`).join(' || ')
      },
      { name: 'byPolicy', expression: byPolicy },
      { name: 'byLadder', expression: byLadder },
      { name: 'added', expression: added }
    ],
    validations: [
      {
        expression: `!variables.guarded || ${allowed('approve')} || (variables.byPolicy && ${allowed('promote')})`,
        messageExpression:
          "'secco: ' + request.userInfo.username + ' may not approve in namespace '" +
          " + request.namespace + ': what a profile allows" +
          " is changed only by users with the verb approve on seccompprofiles.secco.dev'",
        reason: 'Forbidden'
      },
      {
        expression: `!(variables.ladder || variables.mute) || ${allowed('approve')} || (variables.byLadder && ${allowed('promote')})`,
        messageExpression:
          "'secco: ' + request.userInfo.username + ' may not promote or mute in namespace '" +
          " + request.namespace + ': spec.ladder and spec.mute" +
          " are changed only by users with the verb approve on seccompprofiles.secco.dev'",
        reason: 'Forbidden'
      },
      {
        expression:
          '!variables.approval || !has(object.spec.approval) || object.spec.approval.by == request.userInfo.username',
        messageExpression:
          "'secco: spec.approval.by: must be ' + request.userInfo.username + ', who writes it'",
        reason: 'Forbidden'
      },
      {
        // Who restores a whole cluster may read them all.
        expression: [
          `variables.added.size() <= ${maxAdded}`,
          ` || authorizer.group('${apiGroup}').resource('seccompprofiles').check('get').allowed()`
        ].join(''),
        message: `secco: spec.extends: add at most ${maxAdded} profiles of other namespaces at once`,
        reason: 'Forbidden'
      },
      ...readable
    ],
    auditAnnotations: [
      {
        key: 'approved-by',
        // CEL does not compile null next to a string; an empty string leaves the annotation out.
        valueExpression: "variables.guarded ? request.userInfo.username : ''"
      }
    ]
  })
  return [...policy, ...stalePolicy(resourceRule)]
}

/**
 * Returns the policy that warns of content under an approval of other content. It does not reject it: a GitOps tool,
 * which cannot remove what a person wrote into the cluster, could then never change the profile again. The hub keeps
 * the content that was approved in use until somebody approves the new one.
 */
function stalePolicy(resourceRule: object): readonly object[] {
  return strictPolicy('secco-approval-stale', resourceRule, {
    validationActions: ['Warn'],
    variables: (['seccomp', 'extends', 'approval'] as const).map((field) => ({
      name: field,
      expression: changed(field)
    })),
    validations: [
      {
        expression:
          '!has(object.spec.approval) || variables.approval || !(variables.seccomp || variables.extends)',
        message:
          'secco: spec.approval is for the earlier content, which stays in use until somebody approves this one: ' +
          'secco profile approve NAME'
      }
    ]
  })
}
