/** One CEL rule of a CRD (x-kubernetes-validations). */
export interface FieldRule {
  /** Path of the schema that the rule is for, as in `spec.extends[]`; '' is the whole object. */
  path: string
  /** CEL expression; `self` is the value at the path. */
  rule: string
  /** Names the problem and what is accepted; the API server shows it with the field's path. */
  message: string
  reason?: 'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueForbidden'
}

const name = '[a-z0-9]([-a-z0-9.]*[a-z0-9])?'
const namespace = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'

/**
 * Rules that the schema of a SeccompProfile cannot express: the API server then checks what src/api/validate.ts checks
 * for a document in a folder, so that a valid folder can be applied to a cluster.
 */
export const profileFieldRules: readonly FieldRule[] = [
  {
    path: '',
    rule: '!has(self.spec.extends) || !self.spec.extends.exists(one, one == self.metadata.name)',
    message: 'spec.extends must not name the profile itself'
  },
  {
    // Not a list of type set: tools that apply a document would then leave the parents in place that others added.
    path: 'spec.extends',
    rule: 'self.all(one, self.exists_one(other, other == one))',
    message: 'must name each profile once'
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
    message: 'errnoRet must be 1 or more: with errno 0 the caller of a denied syscall sees success'
  },
  {
    path: 'spec.seccomp',
    rule: "self.defaultAction != 'SCMP_ACT_ERRNO' || !has(self.defaultErrnoRet) || self.defaultErrnoRet > 0",
    message:
      'defaultErrnoRet must be 1 or more: with errno 0 the caller of a denied syscall sees success'
  }
]

function selectorRule(selector: string): FieldRule {
  return {
    path: `spec.${selector}.matchExpressions[]`,
    rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    message: 'operators In and NotIn need values, Exists and DoesNotExist must have none'
  }
}

/** Rules that the schema of a SeccompRule cannot express. The policy on documents checks namespaces: CEL here sees none. */
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
