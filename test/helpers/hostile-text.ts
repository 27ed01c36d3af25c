import fc from 'fast-check'
import { SeccoError } from '../../src/lib/errors.js'
import { runs } from './fuzz.js'

/** Text that a parser has to withstand: anything, JSON with odd keys, and damaged samples of what it accepts. */
export function hostileText(samples: readonly string[]): fc.Arbitrary<string> {
  const oddKey = fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'length', ''),
    fc.string()
  )
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, -1, 1e308, 2 ** 53, ''),
      fc.string(),
      fc.array(tie('json'), { maxLength: 4 }),
      fc.array(fc.tuple(oddKey, tie('json')), { maxLength: 4 }).map(objectOf)
    )
  }))
  const nested = fc
    .tuple(
      fc.constantFrom('[', '{"a":', '- ', '(', '&a [*a,', '{'),
      fc.integer({ min: 1, max: 5000 })
    )
    .map(([part, times]) => part.repeat(times))
  const damaged = fc
    .record({
      sample: fc.constantFrom(...samples),
      from: fc.nat(),
      length: fc.nat(30),
      put: fc.oneof(
        fc.string(),
        json.map((value) => JSON.stringify(value)),
        nested
      )
    })
    .map(({ sample, from, length, put }) => {
      const at = from % (sample.length + 1)
      return sample.slice(0, at) + put + sample.slice(at + length)
    })
  return fc.oneof(
    fc.string({ maxLength: 2000 }),
    json.map((value) => JSON.stringify(value)),
    nested,
    { arbitrary: damaged, weight: 5 }
  )
}

/** An object whose `__proto__` is a member of its own. */
function objectOf(members: readonly [string, unknown][]): object {
  const made = {}
  for (const [key, value] of members) {
    Object.defineProperty(made, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true
    })
  }
  return made
}

/** Longest time for one input, on a busy machine. */
const mostMs = 2000

/** What went wrong with one input; undefined: nothing. */
function faultOf(
  parse: (input: never) => unknown,
  input: unknown,
  mayThrow: (error: unknown) => boolean
) {
  const before = Object.getOwnPropertyNames(Object.prototype).length
  const began = performance.now()
  try {
    parse(input as never)
  } catch (error) {
    if (!mayThrow(error))
      return `threw ${error instanceof Error ? (error.stack ?? error.name) : String(error)}`
  }
  const took = performance.now() - began
  if (took > mostMs) return `took ${Math.round(took)} ms`
  const after = Object.getOwnPropertyNames(Object.prototype).length
  return after === before ? undefined : 'changed Object.prototype'
}

export const throwsSeccoError = (error: unknown): boolean => error instanceof SeccoError
export const throwsNothing = (): boolean => false

/** Gives a parser hostile inputs. @returns the first fault, with its input; undefined if there is none. */
export function firstFault<T>(
  inputs: fc.Arbitrary<T>,
  parse: (input: T) => unknown,
  mayThrow: (error: unknown) => boolean = throwsSeccoError
): string | undefined {
  const result = fc.check(
    fc.property(inputs, (input) => {
      const fault = faultOf(parse, input, mayThrow)
      if (fault !== undefined) throw new Error(fault)
    }),
    { numRuns: runs(500) }
  )
  if (!result.failed) return undefined
  const { errorInstance, counterexample, seed } = result
  const reason = errorInstance instanceof Error ? errorInstance.message : ''
  return `seed ${seed}: ${JSON.stringify(counterexample).slice(0, 500)}: ${reason}`
}
