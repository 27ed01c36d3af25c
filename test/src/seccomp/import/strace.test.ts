import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import { type ImportOptions, importSources } from '../../../../src/seccomp/import/import.js'
import { importStrace } from '../../../../src/seccomp/import/strace.js'
import { runs } from '../../../helpers/fuzz.js'
import { straceCounts } from '../../../helpers/strace.js'
import { importText, source } from '../../../helpers/imports.js'
import { matchLists } from '../../../helpers/match-lists.js'

const observedOf = (text: string, options: ImportOptions = {}, words?: string) =>
  importText(text, options, words).imported[0]?.profile.status?.observed

test('traces are observations', (t) => {
  const strace = `12 execve("/bin/x", ["x"], 0x1 /* 3 vars */) = -1 ENOENT (No such file)
12 12:00:00.000001 write(2, "no", 2) = 2
12 execve("/usr/bin/x", ["x"], 0x1 /* 3 vars */) = 0 <0.000214>
12 brk(NULL) = 0x1
12 clone(child_stack=NULL <unfinished ...>
13 read(0,  <unfinished ...>
12 <... clone resumed>) = 13
13 <... read resumed>"a(b", 3) = 3
13 --- SIGCHLD {si_signo=SIGCHLD} ---
13 12:00:00 openat(AT_FDCWD, "exit(") = 3
12 1700000000.123456 close(3) = 0
12 (+     0.000011) fstat(3, {}) = 0
12 [00007f12aa000000] lseek(3, 0) = 0
12 [ 39] getpid() = 12
12 syscall_0x1f4(0x1) = -1 ENOSYS
[pid    13] wait4(-1, 0x1) = ?
strace: Process 14 attached
[pid 14] +++ exited with 0 +++
12 exit_group(0) = ?
12 +++ exited with 0 +++
`
  t.same(observedOf(strace), {
    x86_64: [
      ...['brk', 'clone', 'close', 'execve', 'exit_group', 'fstat', 'getpid', 'lseek', 'openat'],
      ...['read', 'wait4']
    ]
  })
  matchLists(t, importText(strace).losses, [{ what: 'syscall_0x1f4' }])
  const modes = `execve("./a", ["a"], 0x1) = 0
strace: [ Process PID=7 runs in 32 bit mode. ]
getpid() = 7
socketcall(1) = 0
strace: [ Process PID=7 runs in 64 bit mode. ]
getuid() = 0
[pid 8] getgid() = 0
`
  t.same(observedOf(modes), {
    x86_64: ['execve', 'getgid', 'getuid'],
    i386: ['getpid', 'socketcall']
  })
  const silent = `execve("./a", ["a"], 0x1) = 0\nsocketcall(1) = 0\n`
  t.same(observedOf(silent), { x86_64: ['execve'], i386: ['socketcall'] })
  matchLists(t, importText(silent).losses, [{ why: /only i386 or x32 have/ }])
  const attached = 'read(0, "", 1) = 0\nexecve("/a", [], 0) = 0\nwrite(1, "a", 1) = 1\n'
  t.same(observedOf(attached), { x86_64: ['execve', 'read', 'write'] })
  matchLists(t, importText(attached).losses, [{ what: 'the start of the process' }])
  const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000010           1         8         2 read
 40.00    0.000000           0         1           execve
------ ----------- ----------- --------- --------- ----------------
100.00    0.000010           0         9         2 total
System call usage summary for 32 bit mode:
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
100.00    0.000000           0         1           getpid
`
  t.same(observedOf(table), { x86_64: ['execve', 'read'], i386: ['getpid'] })
  const advised = (name: string) => `// ${name}
{
  "defaultAction": "SCMP_ACT_ERRNO",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  "syscalls": [{"names": ["accept4", "read", "syscall_1f4", "unknown_syscall_500"], "action": "SCMP_ACT_ALLOW"}]
}
`
  const gadget = importText(advised('web') + advised('side'))
  matchLists(t, gadget.imported, [
    {
      kind: 'trace',
      profile: { metadata: { name: 'web' }, status: { observed: { x86_64: ['accept4', 'read'] } } }
    },
    { kind: 'trace', profile: { metadata: { name: 'side' } } }
  ])
  matchLists(t, gadget.losses, [
    { what: 'the list of ABIs' },
    { what: 'syscall_1f4, unknown_syscall_500' }
  ])
  const older = importText(advised('x').replace(/^.*\n/, ''), { format: 'gadget', name: 'older' })
  matchLists(t, older.imported, [
    { kind: 'trace', profile: { metadata: { name: 'older' }, spec: {} } }
  ])
  const joined = importSources(
    [source('execve("a") = 0\nread(0) = 0\n', 'a.1'), source('write(1) = 1\n', 'a.2')],
    {
      name: 'one'
    }
  )
  matchLists(t, joined.imported, [
    { profile: { status: { observed: { x86_64: ['execve', 'read', 'write'] } } } }
  ])
  t.end()
})

const noStrace = spawnSync('strace', ['-V']).status === 0 ? false : 'no strace here'

test('what strace really writes', { skip: noStrace }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-import-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const log = join(folder, 'log')
  const command = ['sh', '-c', 'ls /nonexistent | cat; (uname; id) >/dev/null; true']
  const names = [...(await straceCounts(command)).keys()].sort()
  // Which calls a shell makes when its children end differs from run to run.
  const racy = new Set(['rt_sigreturn', 'restart_syscall', 'futex'])
  const stable = (list: readonly string[] = []) => list.filter((name) => !racy.has(name))
  const record = (...options: string[]) => {
    const run = spawnSync('strace', [...options, '-o', log, '--', ...command], { encoding: 'utf8' })
    t.equal(run.status, 0, `strace ${options.join(' ')}`)
    return readFileSync(log, 'utf8')
  }
  for (const options of [
    ['-f'],
    ['-f', '-tt', '-T'],
    ['-f', '-r'],
    ['-f', '-ttt', '-n'],
    ['-f', '-i', '-y']
  ]) {
    const text = record(...options)
    t.same(stable(observedOf(text)?.x86_64), stable(names), options.join(' '))
    t.same(importText(text).losses, [], `${options.join(' ')}: nothing lost`)
  }
  const terminal = spawnSync('strace', ['-f', '--', ...command], { encoding: 'utf8' }).stderr
  t.same(stable(observedOf(terminal)?.x86_64), stable(names), 'from a terminal')
  const counted = observedOf(record('-f', '-c'))?.x86_64
  const ends = ['exit', 'exit_group']
  t.same(
    stable(counted),
    stable(names).filter((name) => !ends.includes(name)),
    '-c'
  )
  const { counts, fromStart } = importStrace(
    record('-f'),
    { where: 'log', path: '' },
    () => undefined
  )
  t.ok(fromStart)
  t.equal(counts.x86_64?.['uname'], 1, 'a call counts once')
  // Two calls by the 32-bit gate from a 64-bit program: strace says so on its standard error.
  const program = join(folder, 'gate')
  const code =
    'int main(void){int r;__asm__ volatile("int $0x80":"=a"(r):"a"(20):"memory");return r<=0;}'
  const built = spawnSync('gcc', ['-x', 'c', '-', '-o', program], { input: code, encoding: 'utf8' })
  if (built.status !== 0) return
  const mixed = spawnSync('strace', ['-f', program], { encoding: 'utf8' }).stderr
  t.match(mixed, /runs in 32 bit mode/)
  t.same(observedOf(mixed)?.i386, ['getpid'])
  t.notOk(observedOf(mixed)?.x86_64?.includes('getpid'))
})

test('the parser of strace survives any text, in linear time', (t) => {
  const bits = [
    ...Array.from('()=<>.[]0 1a_"\n'),
    '[pid ',
    'execve(',
    ' = 0\n',
    ' resumed>',
    '<... ',
    'read(',
    '12:00:00 ',
    '0.1 ',
    ' <unfinished ...>\n',
    '[ Process PID=1 runs in 32 bit mode. ]\n'
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...bits), { maxLength: 60 }), (parts) => {
      try {
        const { counts } = importStrace(parts.join(''), { where: 'x', path: '' }, () => undefined)
        return Object.values(counts).every((byName) =>
          Object.values(byName).every((count) => count > 0)
        )
      } catch (error) {
        return error instanceof SeccoError && error.code === 'INVALID_DOCUMENT'
      }
    }),
    { numRuns: runs(2000), seed: 6 }
  )
  const long = `execve("${'a'.repeat(20_000_000)}") = 0\n${'['.repeat(1_000_000)}\n${' '.repeat(5_000_000)}read(0) = 0\nwrite(1) = 1\n`
  const before = process.cpuUsage()
  t.same(observedOf(long, { format: 'strace' }), { x86_64: ['execve', 'write'] })
  const used = process.cpuUsage(before)
  t.ok(used.user + used.system < 2_000_000, `${(used.user + used.system) / 1000} ms`)
  t.end()
})
