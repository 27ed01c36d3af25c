import { apiGroup, apiVersion } from '../../src/api/names.js'

const name = 'secco-approval.secco.dev'
const version = apiVersion.slice(apiGroup.length + 1)

/** What makes a profile let through what it does, now or by itself later: whoever writes it approves. */
const guarded = ['seccomp', 'extends', 'approval', 'promote', 'learn'] as const

/** CEL: whether a field of the spec is another than before; on CREATE, whether it is there. */
function changed(field: (typeof guarded)[number]): string {
  const had = `(oldObject != null && has(oldObject.spec.${field}))`
  const has = `has(object.spec.${field})`
  return `${has} != ${had} || (${has} && ${had} && object.spec.${field} != oldObject.spec.${field})`
}

const mayApprove = [
  `authorizer.group('${apiGroup}').resource('seccompprofiles')`,
  '.namespace(request.namespace).name(object.metadata.name)',
  ".check('approve').allowed()"
].join('')

/**
 * The ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on approvals, and its binding. Runs in
 * the API server, so no way into the objects passes it by and no webhook has to be there:
 * - what a profile lets through is changed only by who may `approve` seccompprofiles.secco.dev there;
 * - an approval carries its writer's own name;
 * - what was approved does not change under an approval that stays as it was.
 * That the approval's digest is the spec's is for the hub: CEL has no hashes.
 */
export function approvalPolicy(): readonly object[] {
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, labels: { 'app.kubernetes.io/name': 'secco' } },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        resourceRules: [
          {
            apiGroups: [apiGroup],
            apiVersions: [version],
            operations: ['CREATE', 'UPDATE'],
            resources: ['seccompprofiles'],
            scope: 'Namespaced'
          }
        ]
      },
      variables: [
        ...guarded.map((field) => ({ name: field, expression: changed(field) })),
        {
          name: 'content',
          expression: 'variables.seccomp || variables.extends'
        },
        {
          name: 'guarded',
          expression: guarded.map((field) => `variables.${field}`).join(' || ')
        }
      ],
      validations: [
        {
          expression: `!variables.guarded || ${mayApprove}`,
          messageExpression:
            "'secco: ' + request.userInfo.username + ' may not approve: what a profile lets through is changed by who has the verb approve on seccompprofiles.secco.dev'",
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
          expression: '!variables.content || !has(object.spec.approval) || variables.approval',
          message:
            'secco: spec.approval is about what was there before: take it out, or approve with `secco profile approve`',
          reason: 'Invalid'
        }
      ],
      auditAnnotations: [
        {
          key: 'approved-by',
          // One type: null beside a string does not compile; the empty string leaves the annotation out.
          valueExpression: "variables.guarded ? request.userInfo.username : ''"
        }
      ]
    }
  }
  const binding = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'secco-approval', labels: { 'app.kubernetes.io/name': 'secco' } },
    spec: { policyName: name, validationActions: ['Deny'] }
  }
  return [policy, binding]
}
