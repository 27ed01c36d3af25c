import { appendFileSync } from 'node:fs'
import process from 'node:process'

/**
 * This module is imported before a program of which the addon shall be the one that `make -C native asan` builds. It
 * notes each load in the file that SECCO_ASAN_LOADS names.
 */
const load = process.dlopen.bind(process)
process.dlopen = (module: object, file: string, flags?: number) => {
  const instrumented = file.replace('/native/build/Release/', '/native/build/asan/')
  const note = process.env['SECCO_ASAN_LOADS']
  if (instrumented !== file && note !== undefined) appendFileSync(note, `${instrumented}\n`)
  if (flags === undefined) load(module, instrumented)
  else load(module, instrumented, flags)
}
