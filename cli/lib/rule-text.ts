import type { NormalRule } from '../../src/seccomp/policy/normal-form.js'

const signs = {
  SCMP_CMP_NE: '!=',
  SCMP_CMP_LT: '<',
  SCMP_CMP_LE: '<=',
  SCMP_CMP_EQ: '=',
  SCMP_CMP_GE: '>=',
  SCMP_CMP_GT: '>'
} as const

/** Formats a syscall with its conditions: `socket when arg0 = 38`. */
export function ruleText({ name, args }: Pick<NormalRule, 'name' | 'args'>): string {
  if (args === undefined || args.length === 0) return name
  const conditions = args.map(({ index, op, value, valueTwo }) =>
    op === 'SCMP_CMP_MASKED_EQ'
      ? `arg${index} & 0x${value.toString(16)} = 0x${(valueTwo ?? 0).toString(16)}`
      : `arg${index} ${signs[op]} ${value}`
  )
  return `${name} when ${conditions.join(' and ')}`
}
