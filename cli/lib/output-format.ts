import { SeccoError } from '../../src/lib/errors.js'

const outputs = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Output = (typeof outputs)[number]

/** What a profile can be exported as, by the names of `-o`. */
export const exportFormats = ['oci', 'yaml', 'spo', 'map', 'oci-artifact'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** Checks the value of `-o`, or of another option with a closed list. @throws SeccoError INVALID_ARGUMENT */
export function parseOutput(
  text: string,
  accepted: readonly string[] = outputs,
  option = '-o'
): string {
  if (!accepted.includes(text)) {
    const what = option === '-o' ? 'not an output format' : 'not accepted'
    throw new SeccoError('INVALID_ARGUMENT', `${option} ${text}: ${what}`, {
      hint: `choose one of ${accepted.join(', ')}`
    })
  }
  return text
}
