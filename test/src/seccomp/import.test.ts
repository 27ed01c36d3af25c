import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import {
  seccompActions,
  seccompArchitectures,
  seccompOperators
} from '../../../src/api/seccomp-words.js'
import { SeccoError } from '../../../src/errors.js'
import { normalConditions } from '../../../src/seccomp/argument-rules.js'
import { canonicalJson } from '../../../src/seccomp/canonical.js'
import { digestOf } from '../../../src/seccomp/digest.js'
import { artifactType, exportArtifact } from '../../../src/seccomp/export/oci-artifact.js'
import { exportSpo } from '../../../src/seccomp/export/spo.js'
import { mobyDefault } from '../../../src/seccomp/gen/runtime-default.js'
import { type ImportOptions, importSources } from '../../../src/seccomp/import/import.js'
import { limits } from '../../../src/seccomp/import/limits.js'
import { importStrace } from '../../../src/seccomp/import/strace.js'
import { decodeText } from '../../../src/seccomp/import/text.js'
import { lintSeccomp } from '../../../src/seccomp/lint.js'
import { rulesOf } from '../../../src/seccomp/normal-form.js'
import { serializeDocument } from '../../../src/seccomp/parse.js'
import { renderProfile } from '../../../src/seccomp/render.js'
import { runtimeDefault } from '../../../src/seccomp/runtime-default.js'
import { isKnownSyscall, knownSyscalls } from '../../../src/seccomp/syscall-table.js'
import { seededRandom } from '../../helpers/random.js'
import { straceCounts } from '../../helpers/strace.js'

const group = 'security-profiles-operator.x-k8s.io'
const source = (text: string, words = 'web.json') => ({ where: words, words, text })
const importText = (text: string, options: ImportOptions = {}, words?: string) =>
  importSources([source(text, words)], options)

/** The one profile's approved part and what was lost. */
function seccompOf(text: string, options: ImportOptions = {}) {
  const { imported, losses } = importText(text, options)
  const seccomp = imported[0]?.profile.spec.seccomp
  if (seccomp === undefined || imported.length !== 1) throw new Error('not one profile')
  return { seccomp, lost: losses.map(({ path, what, why }) => `${path}: ${what}: ${why}`) }
}

const observedOf = (text: string, options: ImportOptions = {}, words?: string) =>
  importText(text, options, words).imported[0]?.profile.status?.observed

/** What a profile says, whatever the order and grouping of its rules. */
function meaning(seccomp: LinuxSeccomp): string {
  const { defaultAction, defaultErrnoRet = 1, architectures } = seccomp
  const rules = rulesOf(seccomp).map((rule) =>
    canonicalJson({ ...rule, args: normalConditions(rule.args ?? []) })
  )
  return JSON.stringify([
    defaultAction,
    defaultAction === 'SCMP_ACT_ERRNO' ? defaultErrnoRet : 0,
    [...(architectures ?? [])].sort(),
    [...new Set(rules)].sort()
  ])
}

const oci = (
  extra: object = {},
  rules: object[] = [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
) => JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: rules, ...extra })

const allowRead = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
}

test('profiles: what is taken over and what is lost', (t) => {
  const cases: {
    name: string
    text: string
    options?: ImportOptions
    is: object
    lost: RegExp[]
  }[] = [
    { name: 'OCI', text: oci(), is: allowRead, lost: [] },
    {
      name: 'flags, listener, notify, trace',
      text: oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'], listenerPath: '/run/a.sock' }, [
        { names: ['mount'], action: 'SCMP_ACT_NOTIFY' },
        { names: ['read'], action: 'SCMP_ACT_ALLOW' }
      ]),
      is: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [
          { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
          { names: ['read'], action: 'SCMP_ACT_ALLOW' }
        ]
      },
      lost: [
        /^syscalls\[0\]\.action: SCMP_ACT_NOTIFY/,
        /^flags: SECCOMP_FILTER_FLAG_LOG: runc/,
        /^listenerPath/
      ]
    },
    {
      name: 'other architectures and unknown names',
      text: oci({ architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_S390X'] }, [
        { names: ['read', 's390_sthyi', 'set_tls', 'no_such_call'], action: 'SCMP_ACT_ALLOW' },
        { names: ['riscv_flush_icache'], action: 'SCMP_ACT_ALLOW' }
      ]),
      is: { ...allowRead, architectures: ['SCMP_ARCH_X86_64'] },
      lost: [
        /^architectures: SCMP_ARCH_S390X/,
        /^syscalls\[0\]\.names: s390_sthyi, set_tls: calls of another architecture \(s390, arm\)/,
        /^syscalls\[0\]\.names: no_such_call: no syscall table/,
        /^syscalls\[1\]\.names: riscv_flush_icache/
      ]
    },
    {
      name: 'two conditions on one argument are alternatives',
      text: oci({}, [
        {
          names: ['socket'],
          action: 'SCMP_ACT_ALLOW',
          args: [
            { index: 0, value: 1, op: 'SCMP_CMP_EQ' },
            { index: 0, value: 2, op: 'SCMP_CMP_EQ' }
          ]
        }
      ]),
      is: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [1, 2].map((value) => ({
          names: ['socket'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }]
        }))
      },
      lost: [/^syscalls\[0\]\.args: several conditions/]
    },
    {
      name: 'config.json',
      text: JSON.stringify({
        ociVersion: '1.0.2',
        linux: { seccomp: JSON.parse(oci()) as object }
      }),
      is: allowRead,
      lost: []
    },
    {
      name: "docker's conditions for a kernel and capabilities",
      text: oci(
        { archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }] },
        [
          { name: 'read', action: 'SCMP_ACT_ALLOW', args: null, comment: 'a' },
          { names: ['bpf'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_BPF'] } },
          { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
          { names: ['clone'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_BPF'] } },
          {
            names: ['mount'],
            action: 'SCMP_ACT_ERRNO',
            errno: 'ENOSYS',
            includes: { arches: ['amd64'] }
          },
          { names: ['umount2'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['s390'] } }
        ]
      ),
      options: { capabilities: ['CAP_BPF'], kernel: '4.7.2-x' },
      is: {
        defaultAction: 'SCMP_ACT_ERRNO',
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
        syscalls: [
          { names: ['read'], action: 'SCMP_ACT_ALLOW' },
          { names: ['bpf'], action: 'SCMP_ACT_ALLOW' },
          { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }
        ]
      },
      lost: [/^syscalls: the conditions of 5 rules/]
    },
    {
      name: "the operator's v1, base in another document, registry lost",
      text: `apiVersion: ${group}/v1
kind: SeccompProfile
metadata: {name: web, labels: {a: b}}
spec:
  baseProfileName: runc
  defaultAction: SCMP_ACT_ERRNO
  disabled: true
  syscalls:
  - {names: [mount], action: SCMP_ACT_ERRNO, errnoRet: 38}
`,
      is: {},
      lost: []
    }
  ]
  for (const { name, text, options, is, lost } of cases.slice(0, -1)) {
    const result = seccompOf(text, options)
    t.same(result.seccomp, is, name)
    t.equal(result.lost.length, lost.length, `${name}: losses`)
    for (const [index, pattern] of lost.entries()) t.match(result.lost[index], pattern, name)
  }
  const web = cases.at(-1)?.text ?? ''
  const base = `apiVersion: ${group}/v1
kind: SeccompProfile
metadata: {name: runc}
spec:
  baseProfileName: oci://example.org/x:1
  defaultAction: SCMP_ACT_ERRNO
  architectures: [SCMP_ARCH_X86_64]
  syscalls: [{names: [read], action: SCMP_ACT_ALLOW}]
`
  const both = importSources([source(web, 'a.yaml'), source(base, 'b.yaml')])
  t.same(
    both.imported.map(({ profile }) => [profile.metadata.name, profile.spec.seccomp?.syscalls]),
    [
      [
        'web',
        [
          { names: ['read'], action: 'SCMP_ACT_ALLOW' },
          { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }
        ]
      ],
      ['runc', [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]]
    ]
  )
  t.match(
    both.losses.map(({ path, what }) => `${path} ${what}`).join('\n'),
    /spec\.disabled true\n.*oci:/s
  )
  t.throws(() => importText(web), { code: 'NOT_FOUND', field: 'spec.baseProfileName' })
  const circle = base.replace('oci://example.org/x:1', 'web')
  t.throws(() => importSources([source(web, 'a'), source(circle, 'b')]), {
    code: 'EXTENDS_CYCLE',
    field: 'spec.baseProfileName'
  })
  const beta = base
    .replace('/v1', '/v1beta1')
    .replace('{name: runc}', '{name: runc, namespace: shop}')
  const list = `kind: List\nitems:\n${beta.replace(/^/gm, '  ').replace('  api', '- api')}`
  const listed = importText(
    list.replace('read], action: SCMP_ACT_ALLOW', 'read], action: SCMP_ACT_ERRNO, errnoRet: "13"')
  )
  t.match(listed.imported[0]?.profile, {
    metadata: { name: 'runc', namespace: 'shop' },
    spec: { seccomp: { syscalls: [{ errnoRet: 13 }] } }
  })
  t.end()
})

test("docker's own default profile is what Secco calls RuntimeDefault", (t) => {
  const { defaultAction, defaultErrnoRet, syscalls } = mobyDefault
  const text = JSON.stringify({
    defaultAction,
    defaultErrnoRet,
    syscalls,
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
      { architecture: 'SCMP_ARCH_S390X', subArchitectures: ['SCMP_ARCH_S390'] }
    ]
  })
  for (const capabilities of [undefined, ['CAP_SYS_ADMIN', 'CAP_BPF'], []] as const) {
    const given = capabilities === undefined ? {} : { capabilities }
    const { seccomp, lost } = seccompOf(text, given)
    t.equal(meaning(seccomp), meaning(runtimeDefault(given)))
    t.match(lost.join('\n'), /conditions of \d+ rules/)
  }
  t.throws(() => importText(text, { format: 'oci' }), { message: /docker's conditions/ })
  t.throws(() => importText(text, { format: 'kubelet' }), { message: /docker's conditions/ })
  t.end()
})

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
  t.match(importText(strace).losses, [{ what: 'syscall_0x1f4' }])
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
  t.match(importText(silent).losses, [{ why: /only i386 or x32 have/ }])
  const attached = 'read(0, "", 1) = 0\nexecve("/a", [], 0) = 0\nwrite(1, "a", 1) = 1\n'
  t.same(observedOf(attached), { x86_64: ['execve', 'read', 'write'] })
  t.match(importText(attached).losses, [{ what: 'the start of the process' }])
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
  t.match(gadget.imported, [
    {
      kind: 'trace',
      profile: { metadata: { name: 'web' }, status: { observed: { x86_64: ['accept4', 'read'] } } }
    },
    { kind: 'trace', profile: { metadata: { name: 'side' } } }
  ])
  t.match(gadget.losses, [
    { what: 'the list of ABIs' },
    { what: 'syscall_1f4, unknown_syscall_500' }
  ])
  const older = importText(advised('x').replace(/^.*\n/, ''), { format: 'gadget', name: 'older' })
  t.match(older.imported, [{ kind: 'trace', profile: { metadata: { name: 'older' }, spec: {} } }])
  const joined = importSources(
    [source('execve("a") = 0\nread(0) = 0\n', 'a.1'), source('write(1) = 1\n', 'a.2')],
    {
      name: 'one'
    }
  )
  t.match(joined.imported, [
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

test('what bad input gets', (t) => {
  const bytes = (text: string, encoding: BufferEncoding) => Buffer.from(text, encoding)
  for (const [name, given, says] of [
    [
      'UTF-16 with its mark',
      Buffer.concat([Buffer.from([0xff, 0xfe]), bytes('{}', 'utf16le')]),
      /UTF-16/
    ],
    ['UTF-16 without', bytes(oci(), 'utf16le'), /NUL byte at offset 1: it looks like UTF-16/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /UTF-32/],
    ['NUL', Buffer.from('{"a": "\0"}'), /NUL byte at offset 7/],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8/]
  ] as const) {
    t.throws(() => decodeText(given, 'x', 1000), { code: 'INVALID_DOCUMENT', message: says }, name)
  }
  t.equal(decodeText(Buffer.from('\ufeff{}'), 'x', 1000), '{}', 'a mark of UTF-8 is taken off')
  t.throws(() => decodeText(Buffer.alloc(11, 97), 'x', 10), { code: 'TOO_LARGE' })
  const cases: [string, string, RegExp, ImportOptions?][] = [
    ['nothing', '', /is empty/],
    ['a word', 'hello', /looked for an OCI or docker profile.*strace/],
    ['a list', '[1]', /is a list; looked for/],
    ['broken JSON', '{"defaultAction": ', /not JSON/],
    [
      'action',
      oci({ defaultAction: 'ALLOW' }),
      /web\.json: defaultAction: must be one of SCMP_ACT_ALLOW/
    ],
    [
      'notify by default',
      oci({ defaultAction: 'SCMP_ACT_NOTIFY' }),
      /defaultAction: must be one of/
    ],
    ['unknown key', oci({ syscals: [] }), /syscals: is not a known key/],
    [
      'rule',
      oci({}, [{ names: ['read'], action: 'SCMP_ACT_ALLOW', arg: [] }]),
      /syscalls\[0\]\.arg: is not a known key/
    ],
    [
      'names',
      oci({}, [{ names: 'read', action: 'SCMP_ACT_ALLOW' }]),
      /syscalls\[0\]\.names: must be a list/
    ],
    [
      'a name',
      oci({}, [{ names: [7], action: 'SCMP_ACT_ALLOW' }]),
      /syscalls\[0\]\.names\[0\]: must be text/
    ],
    [
      'argument',
      oci({}, [
        {
          names: ['read'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }]
        }
      ]),
      /args\[0\]\.index: must be a whole number from 0 to 5, not 6/
    ],
    [
      'a value that JavaScript cannot hold',
      oci({}, [
        {
          names: ['read'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
        }
      ]).replace('"value":1', '"value":18446744073709551615'),
      /args\[0\]\.value: must be a whole number from 0 to 9007199254740991/
    ],
    ['errno', oci({ defaultErrnoRet: 5000 }), /defaultErrnoRet: must be a whole number/],
    [
      'only another architecture',
      oci({ architectures: ['SCMP_ARCH_PPC64LE'] }),
      /SCMP_ARCH_PPC64LE: none of them/
    ],
    ['config.json without', '{"ociVersion": "1.0.2", "linux": {}}', /linux\.seccomp: is missing/],
    ['__proto__', oci().replace('{', '{"__proto__": {},'), /__proto__: is not a known key/],
    [
      'own kind',
      'apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\n',
      /Secco's own SeccompProfile already/
    ],
    ['deep', '['.repeat(500_000), /nested deeper/],
    [
      'deep blocks',
      Array.from({ length: 300 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'),
      /nested deeper|not YAML/
    ],
    [
      'aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(/./g, (key, at: number) => `${key}: &${key} [${Array(9).fill(`*${'abcdefg'[at]}`).join()}]\n`)}`,
      /accepted|alias/i
    ],
    ['many values', `[${'1,'.repeat(200_000)}1]`, /more than 100000 values/],
    [
      'many rules',
      oci({}, Array(1025).fill({ names: ['read'], action: 'SCMP_ACT_ALLOW' }) as object[]),
      /syscalls: has 1025 entries/
    ],
    [
      'operator version',
      `apiVersion: ${group}/v9\nkind: SeccompProfile\nmetadata: {name: a}\nspec: {}\n`,
      /apiVersion: must be one of/
    ],
    [
      'operator name',
      `apiVersion: ${group}/v1\nkind: SeccompProfile\nmetadata: {}\nspec: {}\n`,
      /metadata\.name|spec\.defaultAction/
    ],
    [
      'strace without a start',
      'execve("/a") = -1 ENOENT (No)\n',
      /never started/,
      { format: 'strace' }
    ],
    ['no strace', 'hello\n', /no line that strace writes/, { format: 'strace' }],
    ['no table', 'hello\n', /no table of strace -c/, { format: 'strace-count' }],
    [
      'gadget',
      '{"defaultAction": "SCMP_ACT_LOG"}',
      /defaultAction: must be one of SCMP_ACT_ERRNO/,
      { format: 'gadget' }
    ]
  ]
  for (const [name, text, says, options] of cases) {
    const started = process.cpuUsage()
    t.throws(() => importText(text, options), { code: 'INVALID_DOCUMENT', message: says }, name)
    const used = process.cpuUsage(started)
    t.ok(used.user + used.system < 3_000_000, `${name}: bounded time`)
  }
  t.throws(() => importText(' '.repeat(limits.documentBytes + 1)), { code: 'TOO_LARGE' })
  t.throws(() => importText('a(\n'.repeat(limits.traceLines + 1), { format: 'strace' }), {
    code: 'TOO_LARGE'
  })
  t.throws(() => importText(oci(), {}, '???'), { code: 'INVALID_NAME' })
  t.throws(() => importText(oci(), { name: '../x' }), { code: 'INVALID_NAME' })
  t.throws(() => importSources([source(oci(), 'a/b.json'), source(oci(), 'a.b.json')]), {
    code: 'CONFLICT'
  })
  t.throws(() => importSources([source(oci(), 'a'), source(oci(), 'b')], { name: 'x' }), {
    code: 'INVALID_ARGUMENT'
  })
  t.end()
})

const conditions = fc.uniqueArray(
  fc.record({
    index: fc.nat(5),
    value: fc.nat(Number.MAX_SAFE_INTEGER),
    valueTwo: fc.nat(),
    op: fc.constantFrom(...seccompOperators)
  }),
  { selector: (arg) => arg.index, maxLength: 3 }
)
const anySeccomp: fc.Arbitrary<LinuxSeccomp> = fc
  .record(
    {
      defaultAction: fc.constantFrom(...seccompActions),
      architectures: fc.uniqueArray(fc.constantFrom(...seccompArchitectures), { minLength: 1 }),
      syscalls: fc.array(
        fc.record(
          {
            names: fc.uniqueArray(fc.constantFrom(...knownSyscalls), {
              minLength: 1,
              maxLength: 5
            }),
            action: fc.constantFrom(...seccompActions),
            errnoRet: fc.integer({ min: 1, max: 4095 }),
            args: conditions
          },
          { requiredKeys: ['names', 'action'] }
        ),
        { maxLength: 8 }
      )
    },
    { requiredKeys: ['defaultAction'] }
  )
  .map((made) => JSON.parse(JSON.stringify(made)) as LinuxSeccomp)

test('laws of import and export', (t) => {
  fc.assert(
    fc.property(anySeccomp, fc.nat(4095), (made, errno) => {
      const seccomp = { ...made, defaultErrnoRet: errno }
      const once = seccompOf(JSON.stringify(seccomp))
      const twice = seccompOf(canonicalJson(once.seccomp))
      return (
        once.lost.length === 0 &&
        meaning(once.seccomp) === meaning(seccomp) &&
        meaning(twice.seccomp) === meaning(once.seccomp)
      )
    }),
    { numRuns: 2000, seed: 1 }
  )
  fc.assert(
    fc.property(anySeccomp, (seccomp) => {
      const { object, losses } = exportSpo(seccomp, { name: 'a', namespace: 'b' })
      const back = seccompOf(JSON.stringify(object))
      return (
        losses.length === 0 && back.lost.length === 0 && meaning(back.seccomp) === meaning(seccomp)
      )
    }),
    { numRuns: 2000, seed: 2 }
  )
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 60 }), (names) => {
      // What nodes get goes out and comes back the same.
      const profile = importText(oci({}, [{ names: ['read', ...names], action: 'SCMP_ACT_ALLOW' }]))
        .imported[0]?.profile
      if (profile === undefined) return false
      const { json, seccomp } = renderProfile(profile, {
        mode: 'enforce',
        resolve: () => undefined
      })
      const artifact = exportArtifact(json, 'latest', 'a/b')
      return (
        meaning(seccompOf(json).seccomp) === meaning(seccomp) &&
        [...artifact.files.values()].includes(json) &&
        artifact.digest === exportArtifact(json, 'latest', 'a/b').digest
      )
    }),
    { numRuns: 100, seed: 4 }
  )
  t.match(
    exportSpo(
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrnoRet: 38,
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }]
      },
      { name: 'a', namespace: 'b' }
    ).losses,
    [{ path: 'defaultErrnoRet' }, { path: 'syscalls[0]' }]
  )
  const { files, digest } = exportArtifact('{"defaultAction":"SCMP_ACT_ERRNO"}', 'v1', 'a')
  for (const [path, text] of files) {
    if (path.startsWith('blobs/')) t.equal(digestOf(text), path.replace('blobs/sha256/', 'sha256:'))
  }
  const index = JSON.parse(files.get('index.json') ?? '') as { manifests: { digest: string }[] }
  t.equal(index.manifests[0]?.digest, digest)
  const manifest = JSON.parse(files.get(digest.replace('sha256:', 'blobs/sha256/')) ?? '') as {
    artifactType: string
    config: { mediaType: string }
    layers: { mediaType: string; digest: string; size: number }[]
  }
  t.match(manifest, { artifactType, config: { mediaType: artifactType, size: 2 } })
  t.match(manifest.layers, [
    {
      mediaType: 'application/json',
      size: 34,
      annotations: { 'org.opencontainers.image.title': 'profile.json' }
    }
  ])
  t.end()
})

/** A document that is nearly right: pieces of every format, put together at random. */
function randomDocument(random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const scalar = (): unknown =>
    pick<() => unknown>([
      () =>
        pick([
          'SCMP_ACT_ALLOW',
          'SCMP_ACT_ERRNO',
          'SCMP_ACT_LOG',
          'SCMP_ACT_NOTIFY',
          'SeccompProfile'
        ]),
      () =>
        pick([
          'SCMP_ARCH_X86_64',
          'SCMP_ARCH_S390X',
          `${group}/v1`,
          'web',
          '',
          'oci://x',
          '4.8',
          'CAP_BPF'
        ]),
      () => pick(knownSyscalls),
      () => Math.floor(random() * 2 ** pick([3, 12, 60])),
      () => pick([null, true, -1, 0.5, '\u0000', '__proto__'])
    ])()
  const keys = [
    ...['defaultAction', 'defaultErrnoRet', 'architectures', 'syscalls', 'names', 'name', 'action'],
    ...['args', 'index', 'value', 'valueTwo', 'op', 'includes', 'excludes', 'caps', 'minKernel'],
    ...['apiVersion', 'kind', 'metadata', 'spec', 'baseProfileName', 'archMap', 'linux', 'seccomp'],
    ...['ociVersion', 'items', 'flags', 'errnoRet', 'x']
  ]
  const value = (depth: number): unknown => {
    const kind = random()
    if (depth > 4 || kind < 0.35) return scalar()
    const size = Math.floor(random() * 4)
    if (kind < 0.6) return Array.from({ length: size }, () => value(depth + 1))
    return Object.fromEntries(Array.from({ length: size }, () => [pick(keys), value(depth + 1)]))
  }
  const shape = random()
  if (shape < 0.15) {
    const bits = [
      '12 ',
      '[pid 3] ',
      'read(',
      'execve("a") = 0',
      ') = 0',
      '<... read resumed>',
      '% time syscall',
      '\n',
      ' 1.00 0.0 1 1 read',
      '// web\n',
      '{',
      '- a: ',
      '&a ',
      '*a',
      '---\n',
      '\t',
      ': '
    ]
    return Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(bits)).join('')
  }
  const rule = () => ({
    names: Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(knownSyscalls)),
    action: pick(['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE']),
    ...(random() < 0.3 ? { [pick(keys)]: value(2) } : {})
  })
  const good = {
    defaultAction: pick(['SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW', 'SCMP_ACT_KILL']),
    syscalls: Array.from({ length: Math.floor(random() * 4) }, rule),
    ...(random() < 0.3 ? { [pick(keys)]: value(1) } : {})
  }
  if (shape < 0.55) return JSON.stringify(good)
  if (shape < 0.7)
    return JSON.stringify({
      apiVersion: `${group}/v1`,
      kind: 'SeccompProfile',
      metadata: { name: 'a' },
      spec: good
    })
  const text = JSON.stringify(value(0))
  return shape < 0.9 ? text : text.slice(0, Math.floor(random() * text.length))
}

test('100,000 random documents: no crash, nothing accepted that the lint cannot read', (t) => {
  const random = seededRandom(20_261_124)
  let [taken, refused] = [0, 0]
  const codes = new Set<string>()
  const wrong: string[] = []
  for (let count = 0; count < 100_000; count++) {
    const text = randomDocument(random)
    try {
      const { imported } = importText(text)
      for (const { profile } of imported) {
        const { seccomp } = profile.spec
        if (seccomp === undefined) continue
        // Names that nothing knows never come through; the rest is a person's choice, and linted.
        if (rulesOf(seccomp).some(({ name }) => !isKnownSyscall(name))) wrong.push(text)
        if (count % 20 === 0) {
          const findings = lintSeccomp(seccomp)
          if (findings.some(({ rule }) => rule === 'unknown-name')) wrong.push(text)
        }
        if (count % 100 === 0) {
          const again = serializeDocument(profile)
          if (!again.includes(seccomp.defaultAction)) wrong.push(again)
        }
      }
      taken++
    } catch (error) {
      refused++
      if (!(error instanceof SeccoError) || error.code === 'INTERNAL')
        wrong.push(`${String(error)}: ${text}`)
      else codes.add(error.code)
    }
  }
  t.same(wrong.slice(0, 3), [])
  t.comment(`${taken} taken, ${refused} refused`)
  t.ok(taken > 20_000 && refused > 20_000, `${taken} taken, ${refused} refused`)
  t.same(
    [...codes]
      .sort()
      .filter(
        (code) => !['INVALID_DOCUMENT', 'INVALID_NAME', 'NOT_FOUND', 'EXTENDS_CYCLE'].includes(code)
      ),
    []
  )
  t.end()
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
    { numRuns: 20_000, seed: 6 }
  )
  const long = `execve("${'a'.repeat(20_000_000)}") = 0\n${'['.repeat(1_000_000)}\n${' '.repeat(5_000_000)}read(0) = 0\nwrite(1) = 1\n`
  const before = process.cpuUsage()
  t.same(observedOf(long, { format: 'strace' }), { x86_64: ['execve', 'write'] })
  const used = process.cpuUsage(before)
  t.ok(used.user + used.system < 2_000_000, `${(used.user + used.system) / 1000} ms`)
  t.end()
})
