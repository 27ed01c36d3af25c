import type { LabelSelector } from '../api/seccomp-rule.js'
import { SeccoError } from '../lib/errors.js'
import { type CompiledSelector, compileSelector } from './selector.js'

type Expression = NonNullable<LabelSelector['matchExpressions']>[number]

const keyForm = /^[A-Za-z0-9]([-A-Za-z0-9_./]{0,316}[A-Za-z0-9])?$/

function wrong(text: string): SeccoError {
  return new SeccoError('INVALID_ARGUMENT', `selector ${JSON.stringify(text)}: cannot be parsed`, {
    hint: 'use the selector syntax of kubectl: app=web,tier!=db,stage in (a, b),owner,!legacy'
  })
}

function requirementOf(text: string): Expression {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text)
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim())
    return { key: set[1] ?? '', operator: set[2] === 'in' ? 'In' : 'NotIn', values }
  }
  const pair = /^([^=!\s]+)\s*(==?|!=)\s*([^=!\s]*)$/.exec(text)
  if (pair !== null) {
    const operator = pair[2] === '!=' ? 'NotIn' : 'In'
    return { key: pair[1] ?? '', operator, values: [pair[3] ?? ''] }
  }
  const only = /^(!?)\s*([^=!\s()]+)$/.exec(text)
  if (only === null) throw wrong(text)
  return { key: only[2] ?? '', operator: only[1] === '!' ? 'DoesNotExist' : 'Exists' }
}

/** Parses a label selector in the syntax of kubectl. @throws SeccoError INVALID_ARGUMENT. */
export function parseSelector(text: string): CompiledSelector {
  const parts = text.trim() === '' ? [] : text.split(/,(?![^(]*\))/).map((part) => part.trim())
  const matchExpressions = parts.map(requirementOf)
  if (matchExpressions.some(({ key }) => !keyForm.test(key))) throw wrong(text)
  const { selector, problems } = compileSelector({ matchExpressions }, 'selector')
  if (problems.length > 0) throw wrong(text)
  return selector
}
