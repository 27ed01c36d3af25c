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

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null) return true
  // That of a class has a constructor that points back; JSON and YAML have no functions.
  const { constructor } = prototype
  return Object.hasOwn(prototype, 'constructor') && constructor.prototype === prototype
}

/** What is wrong with a result of a parser: it is far larger than the input, or a key of the input became a prototype. */
function faultIn(result: unknown, inputLength: number): string | undefined {
  const most = 100 * inputLength + 200_000
  const seen = new Set<object>()
  const queue: unknown[] = [result]
  let size = 0
  for (let at = 0; at < queue.length; at++) {
    const value = queue[at]
    size += typeof value === 'string' ? value.length : 8
    if (size > most) return `the result has more than ${most} characters`
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    if (ArrayBuffer.isView(value)) size += value.byteLength
    else {
      if (!isPlain(value)) return 'a key of the input became a prototype'
      for (const [key, inner] of Object.entries(value)) {
        size += key.length
        queue.push(inner)
      }
      if (value instanceof Map || value instanceof Set) queue.push(...value)
    }
  }
  return undefined
}

const lengthOf = (input: unknown): number =>
  typeof input === 'string' || input instanceof Uint8Array ? input.length : 10_000

const text = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.name) : String(error)

/** Watches one call of a parser: how long it took, and what it changed. */
class Watch {
  readonly #before = Object.getOwnPropertyNames(Object.prototype).length
  readonly #began = performance.now()

  faultOf(input: unknown, result: unknown): string | undefined {
    const took = performance.now() - this.#began
    if (took > mostMs) return `took ${Math.round(took)} ms`
    const after = Object.getOwnPropertyNames(Object.prototype).length
    return after === this.#before ? faultIn(result, lengthOf(input)) : 'changed Object.prototype'
  }
}

export const throwsSeccoError = (error: unknown): boolean => error instanceof SeccoError
export const throwsNothing = (): boolean => false

function faultFound<T>(result: fc.RunDetails<[T]>): string | undefined {
  if (!result.failed) return undefined
  const { errorInstance, counterexample, seed } = result
  const reason = errorInstance instanceof Error ? errorInstance.message : ''
  return `seed ${seed}: ${JSON.stringify(counterexample).slice(0, 500)}: ${reason}`
}

/** Gives a parser hostile inputs. @returns the first fault, with its input; undefined if there is none. */
export function firstFault<T>(
  inputs: fc.Arbitrary<T>,
  parse: (input: T) => unknown,
  mayThrow: (error: unknown) => boolean = throwsSeccoError
): string | undefined {
  const property = fc.property(inputs, (input) => {
    const watch = new Watch()
    let result: unknown
    try {
      result = parse(input)
    } catch (error) {
      if (!mayThrow(error)) throw new Error(`threw ${text(error)}`, { cause: error })
    }
    const fault = watch.faultOf(input, result)
    if (fault !== undefined) throw new Error(fault)
  })
  return faultFound(fc.check(property, { numRuns: runs(500) }))
}

/** The same for a parser that reads from files, sockets or programs. @param times inputs, before SECCO_FUZZ */
export async function firstLateFault<T>(
  inputs: fc.Arbitrary<T>,
  parse: (input: T) => Promise<unknown>,
  mayThrow: (error: unknown) => boolean,
  times = 300
): Promise<string | undefined> {
  const property = fc.asyncProperty(inputs, async (input) => {
    const watch = new Watch()
    const result = await parse(input).catch((error: unknown) => {
      if (!mayThrow(error)) throw new Error(`threw ${text(error)}`, { cause: error })
    })
    const fault = watch.faultOf(input, result)
    if (fault !== undefined) throw new Error(fault)
  })
  return faultFound(await fc.check(property, { numRuns: runs(times) }))
}
