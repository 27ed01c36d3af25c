import { test } from 'tap'
import { mobyDefault } from '../../../../src/seccomp/policy/gen/runtime-default.js'
import { type ImportOptions, importSources } from '../../../../src/seccomp/import/import.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { importText, source, meaning, seccompOf, group, oci } from '../../../helpers/imports.js'
import { matchLists } from '../../../helpers/match-lists.js'

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
      name: 'errno 0 would fake a success',
      text: oci({ defaultErrnoRet: 0 }, [
        { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 },
        { names: ['read'], action: 'SCMP_ACT_ALLOW' }
      ]),
      is: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [
          { names: ['mount'], action: 'SCMP_ACT_ERRNO' },
          { names: ['read'], action: 'SCMP_ACT_ALLOW' }
        ]
      },
      lost: [
        /^defaultErrnoRet: errno 0/,
        /^syscalls\[0\]\.errnoRet: errno 0: the syscall is not made/
      ]
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
  matchLists(t, listed.imported[0]?.profile, {
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

test("a file of a kubelet's folder in Docker's format is not taken for what its runtime would do", (t) => {
  const docker = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }],
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_BPF'] } }]
  })
  t.throws(() => importSources([source(docker)], { format: 'kubelet' }), {
    code: 'INVALID_DOCUMENT',
    message: /docker's conditions, which the node's runtime ignores/
  })
  t.equal(importSources([source(docker)], { format: 'docker' }).imported.length, 1)
  t.equal(importSources([source(oci())], { format: 'kubelet' }).imported.length, 1)
  t.end()
})
