/** One CEL rule of a CRD (x-kubernetes-validations). */
export interface FieldRule {
  /** Of the schema it stands on, as in `spec.extends[]`; '' is the whole object. */
  path: string
  /** `self` is what is at the path. */
  rule: string
  /** What is wrong and what is accepted: the API server shows it with the field's path. */
  message: string
  reason?: 'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueForbidden'
}

const name = '[a-z0-9]([-a-z0-9.]*[a-z0-9])?'
const namespace = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'

/**
 * What a SeccompProfile's schema alone cannot say: in the API server, what src/api/validate.ts checks
 * of a document in a folder, so that a folder that is good here can be applied there.
 */
export const profileFieldRules: readonly FieldRule[] = [
  {
    path: '',
    rule: '!has(self.spec.extends) || !self.spec.extends.exists(one, one == self.metadata.name)',
    message: 'spec.extends must not name the profile itself'
  },
  {
    path: 'spec.extends[]',
    rule: `self.matches('^(${namespace}/)?${name}$') && !self.contains('..')`,
    message: 'must be NAME or NAMESPACE/NAME of a SeccompProfile'
  },
  {
    path: 'spec.seccomp.syscalls[].args',
    rule: 'self.all(a, self.exists_one(b, b.index == a.index))',
    message:
      'must differ in index: runtimes join two conditions on one argument by OR, so write a second entry instead'
  },
  {
    path: 'spec.seccomp.syscalls[]',
    rule: "self.action != 'SCMP_ACT_ERRNO' || !has(self.errnoRet) || self.errnoRet > 0",
    message:
      'errnoRet must be 1 or more: the caller of a call that is refused with errno 0 is told that it succeeded'
  },
  {
    path: 'spec.seccomp',
    rule: "self.defaultAction != 'SCMP_ACT_ERRNO' || !has(self.defaultErrnoRet) || self.defaultErrnoRet > 0",
    message:
      'defaultErrnoRet must be 1 or more: the caller of a call that is refused with errno 0 is told that it succeeded'
  }
]

function selectorRule(selector: string): FieldRule {
  return {
    path: `spec.${selector}.matchExpressions[]`,
    rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    message: 'operators In and NotIn need values, Exists and DoesNotExist must have none'
  }
}

/** What a SeccompRule's schema alone cannot say. Where a rule stands is for the policy on documents: CEL here sees no namespace. */
export const ruleFieldRules: readonly FieldRule[] = [
  {
    path: 'spec',
    rule: "self.mode == 'learn' || has(self.profile)",
    message: 'modes audit and enforce need spec.profile',
    reason: 'FieldValueRequired'
  },
  {
    path: 'spec.profile',
    rule: "!self.name.contains('..')",
    message: 'name must be the name of a SeccompProfile'
  },
  selectorRule('podSelector'),
  selectorRule('namespaceSelector')
]
