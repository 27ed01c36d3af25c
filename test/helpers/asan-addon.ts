import { appendFileSync } from 'node:fs'
import process from 'node:process'

/**
 * This module is imported before a program of which the addon shall be the one that `make -C native asan` builds. It
 * notes each load in the file that SECCO_ASAN_LOADS names. Programs that the test starts and records have their own calls
 * only: the library is not loaded into them.
 */
delete process.env['LD_PRELOAD']
const load = process.dlopen.bind(process)
process.dlopen = (module: object, file: string, flags?: number) => {
  const instrumented = file.replace('/native/build/Release/', '/native/build/asan/')
  const note = process.env['SECCO_ASAN_LOADS']
  if (instrumented !== file && note !== undefined) appendFileSync(note, `${instrumented}\n`)
  if (flags === undefined) load(module, instrumented)
  else load(module, instrumented, flags)
}
