/** One deliberate fault, the promise that it breaks, and the tests that must notice it. */
export interface Mutant {
  /** `<class>/<name>`, unique. */
  id: string
  /** What users may rely on, and what the fault breaks. */
  promise: string
  /** Source file, from the root of the checkout. */
  file: string
  /** Text of that file; it must occur exactly once, so that a row cannot rot silently. */
  find: string
  replace: string
  /** Test files: one of them must fail. */
  tests: readonly string[]
  /** The reason why no test can notice the fault. Only what was looked into has one. */
  survives?: string
}

/** What a row of a table needs; `class/` is put in front of its id. */
export type Row = readonly [
  id: string,
  promise: string,
  file: string,
  find: string,
  replace: string,
  tests: string | readonly string[],
  survives?: string
]

export function mutants(kind: string, rows: readonly Row[]): Mutant[] {
  return rows.map(([id, promise, file, find, replace, tests, survives]) => ({
    id: `${kind}/${id}`,
    promise,
    file,
    find,
    replace,
    tests: (typeof tests === 'string' ? [tests] : tests).map((test) => `test/${test}.test.ts`),
    ...(survives === undefined ? {} : { survives })
  }))
}

/** Returns the part of an id that names its class. */
export const classOf = ({ id }: Mutant): string => id.split('/')[0] ?? ''

export class MutantError extends Error {}

/** Returns the text of the file with the fault. @throws MutantError when the text to replace is not there exactly once. */
export function mutate({ file, find, replace }: Mutant, text: string): string {
  const count = text.split(find).length - 1
  if (count !== 1) throw new MutantError(`${file}: the text occurs ${count} times, not once`)
  if (find === replace) throw new MutantError(`${file}: the replacement changes nothing`)
  return text.replace(find, () => replace)
}
