import { existsSync } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { runSecco } from '../../helpers/secco-command.js'
import { matchLists } from '../../helpers/match-lists.js'

const oci = JSON.stringify({
  defaultAction: 'SCMP_ACT_ERRNO',
  architectures: ['SCMP_ARCH_X86_64'],
  syscalls: [{ names: ['read', 'no_such_call'], action: 'SCMP_ACT_ALLOW' }]
})
const strace = 'execve("/x") = 0\nread(0) = 0\nmount("a") = 0\n'

test('secco import and secco profile export', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-import-cli-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const state = join(folder, 'state')
  const secco = (args: readonly string[], input?: string) =>
    runSecco(args, { env: { SECCO_STATE: state }, ...(input === undefined ? {} : { input }) })
  const file = async (name: string, text: string | Uint8Array) => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  const profile = await file('web.json', oci)
  const trace = await file('web.log', strace)

  await t.test('a profile: YAML on stdout, losses on stderr, nothing stored', async (t) => {
    const { code, stdout, stderr } = await secco(['import', '-f', profile])
    t.equal(code, 0)
    t.match(stdout, /^apiVersion: secco.dev\/v1alpha1\nkind: SeccompProfile\n/)
    t.match(stderr, /lost: .*web\.json: syscalls\[0\]\.names: no_such_call: .*\n {2}next: /)
    t.notOk(existsSync(state), 'no state folder was made')
    const json = await secco(['import', '-f', '-', '--name', 'a', '-n', 'shop', '-o', 'json'], oci)
    matchLists(t, JSON.parse(json.stdout), {
      metadata: { name: 'a', namespace: 'shop' },
      spec: { seccomp: { syscalls: [{ names: ['read'] }] } }
    })
  })

  await t.test('what lint warns of is said where it comes in', async (t) => {
    const list = JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO' }]
    })
    const { code, stderr } = await secco(['import', '-f', '-', '--name', 'open'], list)
    t.equal(code, 0)
    t.match(stderr, /warning open: defaultAction: .*\[allow-all\]\n {2}next: /)
    const { stderr: none } = await secco(['import', '-f', '-', '--name', 'narrow'], oci)
    t.notMatch(none, /warning/)
  })

  await t.test('a trace is evidence; --approve makes it more, less what is rejected', async (t) => {
    const plain = await secco(['import', '-f', trace, '-o', 'json', '--machine', 'x86_64'])
    matchLists(t, JSON.parse(plain.stdout), {
      spec: {},
      status: { observed: { x86_64: ['execve', 'mount', 'read'] } }
    })
    const approve = ['import', '-f', trace, '-o', 'json', '--machine', 'x86_64', '--approve']
    const careful = await secco(approve)
    matchLists(t, JSON.parse(careful.stdout), {
      spec: { seccomp: { syscalls: [{ names: ['execve', 'read'] }] } },
      status: { observed: { x86_64: ['execve', 'mount', 'read'] }, approvals: [{}] }
    })
    t.match(careful.stderr, /mount: RuntimeDefault denies.*\n {2}next: .*--allow mount/)
    const bold = await secco([...approve, '--allow', 'mount'])
    matchLists(t, JSON.parse(bold.stdout), {
      spec: { seccomp: { syscalls: [{ names: ['execve', 'mount', 'read'] }] } }
    })
  })

  await t.test(
    '--apply: observations are added, approvals stay, rejected input changes nothing',
    async (t) => {
      const shown = async () =>
        JSON.parse((await secco(['profile', 'show', 'web', '-o', 'json'])).stdout) as {
          spec: { seccomp?: { syscalls: { names: string[] }[] } }
          status?: { observed?: Record<string, string[]>; approvals?: object[] }
        }
      const apply = ['--apply', '--machine', 'x86_64']
      t.match(await secco(['import', '-f', profile, ...apply]), {
        code: 0,
        stderr: /applied in default/
      })
      matchLists(t, (await shown()).spec.seccomp?.syscalls, [{ names: ['read'] }])
      await secco(['import', '-f', trace, ...apply])
      const seen = await shown()
      matchLists(t, seen.spec.seccomp?.syscalls, [{ names: ['read'] }], 'a trace approves nothing')
      t.same(seen.status?.observed, { x86_64: ['execve', 'mount', 'read'] })
      const more = await file('more.log', 'execve("/x") = 0\nclose(0) = 0\n')
      await secco(['import', '-f', more, '--name', 'web', '--approve', ...apply])
      const approved = await shown()
      matchLists(t, approved.spec.seccomp?.syscalls, [{ names: ['close', 'execve', 'read'] }])
      t.same(approved.status?.observed, { x86_64: ['close', 'execve', 'mount', 'read'] })
      matchLists(t, approved.status?.approvals, [
        { by: /./, reason: 'imported' },
        { by: /./, at: /^2/ }
      ])
      const before = JSON.stringify(approved)
      const bad = await file('bad.json', oci.replace('SCMP_ACT_ALLOW', 'ALLOW'))
      const both = await secco(['import', '-f', profile, '-f', bad, ...apply])
      t.matchOnly(both, {
        code: 1,
        stdout: '',
        stderr: /bad\.json: syscalls\[0\]\.action: must be one of/
      })
      t.equal(JSON.stringify(await shown()), before)
    }
  )

  await t.test("a kubelet's folder", async (t) => {
    const kubelet = join(folder, 'kubelet')
    const own = join(kubelet, 'secco/default/web')
    await mkdir(join(kubelet, 'operator/shop'), { recursive: true })
    await mkdir(own, { recursive: true })
    await writeFile(join(kubelet, 'audit.json'), oci)
    await writeFile(join(kubelet, 'operator/shop/Web_1.json'), oci)
    await writeFile(join(kubelet, 'readme.txt'), 'x')
    await writeFile(join(own, `${'a'.repeat(64)}.json`), oci)
    await symlink('/etc/passwd', join(kubelet, 'link.json'))
    const { code, stdout, stderr } = await secco(['import', '-f', kubelet, '--format', 'kubelet'])
    t.equal(code, 0)
    t.same(
      parseAllDocuments(stdout).map(
        (one) => (one.toJS() as { metadata: { name: string } }).metadata.name
      ),
      ['audit', 'operator.shop.web-1']
    )
    t.match(stderr, /readme\.txt: the file/)
    t.match(stderr, /link\.json: the file/)
    t.match(stderr, /a revision of Secco/)
  })

  await t.test('exports', async (t) => {
    const spo = await secco(['profile', 'export', 'web', '--format', 'spo'])
    t.match(spo.stdout, /^apiVersion: security-profiles-operator\.x-k8s\.io\/v1beta1\n/)
    const back = await secco(['import', '-f', '-', '-o', 'json'], spo.stdout)
    const oci = JSON.parse((await secco(['profile', 'export', 'web'])).stdout) as {
      syscalls: object[]
    }
    t.same(
      (JSON.parse(back.stdout) as { spec: { seccomp: { syscalls: object[] } } }).spec.seccomp
        .syscalls,
      oci.syscalls
    )
    const map = await secco([
      'profile',
      'export',
      'web',
      '--format',
      'map',
      '--match-labels',
      'app=web'
    ])
    t.match(map.stdout, /matchLabels:\n +app: web/)
    t.match(map.stdout, /localhostProfile: secco\/default\/web\/[0-9a-f]{64}\.json/)
    t.match(map.stderr, /a policy knows no readiness/)
    t.match(await secco(['profile', 'export', 'web', '-o', 'yaml']), {
      stdout: /kind: SeccompProfile/
    })
    const artifact = ['profile', 'export', 'web', '--format', 'oci-artifact']
    t.match(await secco(artifact), { code: 1, stderr: /next: name one with --out DIR/ })
    const [one, two] = [join(folder, 'one'), join(folder, 'two')]
    const first = await secco([...artifact, '--out', one])
    t.match(first.stdout, /^sha256:[0-9a-f]{64}\n$/)
    t.equal((await secco([...artifact, '--out', two])).stdout, first.stdout)
    t.same(
      await readFile(join(one, 'index.json'), 'utf8'),
      await readFile(join(two, 'index.json'), 'utf8')
    )
    t.equal(await readFile(join(one, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}')
    t.equal((await readdir(join(one, 'blobs/sha256'))).length, 3)
  })

  await t.test('a profile that only learns is no filter, in no format', async (t) => {
    const spec = { workload: { kind: 'Container', name: 'idle' } }
    const metadata = { namespace: 'default', name: 'idle' }
    const idle = { apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata, spec }
    const path = await file('idle.yaml', JSON.stringify(idle))
    t.match(await secco(['profile', 'apply', '-f', path]), { code: 0 })
    const config = await file('config.json', '{"linux":{}}')
    const out = join(folder, 'none')
    const asked = [
      [],
      ['--mode', 'audit'],
      ['--into', config],
      ...['spo', 'map', 'oci-artifact'].map((format) => ['-o', format, '--out', out])
    ]
    for (const more of asked) {
      const { code, stdout, stderr } = await secco(['profile', 'export', 'idle', ...more])
      t.matchOnly(
        { code, stdout, stderr },
        {
          ...{ code: 1, stdout: '' },
          stderr:
            /default\/idle: nothing is approved yet.*\(APPROVAL_INVALID\)\n {2}next: .*secco --state \S+ profile approve default\/idle\n$/
        },
        more.join(' ')
      )
    }
    t.equal(await readFile(config, 'utf8'), '{"linux":{}}', 'the bundle stays as it was')
    t.notOk(existsSync(out))
    t.match(await secco(['profile', 'export', 'idle', '-o', 'yaml']), {
      ...{ code: 0, stdout: /kind: SeccompProfile/ }
    })
  })

  await t.test('bad arguments', async (t) => {
    const cases: [string[], RegExp][] = [
      [['--format', 'xml'], /--format xml/],
      [['--capabilities', 'net_admin'], /--capabilities net_admin/],
      [['--kernel', 'new'], /--kernel new/],
      [['--allow', 'mount'], /next: add --approve/],
      [['-f', join(folder, 'absent')], /absent.*NOT_FOUND/],
      [['-f', '/dev/zero'], /\/dev\/zero.*TOO_LARGE/],
      [['-f', await file('wide.json', Buffer.from(oci, 'utf16le'))], /looks like UTF-16/]
    ]
    for (const [args, says] of cases) {
      const { code, stdout, stderr } = await secco(['import', '-f', profile, ...args])
      t.matchOnly({ code, stdout, stderr }, { code: 1, stdout: '', stderr: says }, args.join(' '))
    }
  })
})

test('secco migrate', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-migrate-cli-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const key = 'seccomp.security.alpha.kubernetes.io/pod'
  const pod = (annotation: string) =>
    `kind: Pod\nmetadata:\n  name: a\n${annotation}spec:\n  containers: [] # none\n`
  const old = pod(`  annotations:\n    ${key}: runtime/default\n`)
  const path = join(folder, 'sub/pod.yaml')
  await mkdir(join(folder, 'sub'))
  await writeFile(path, `\ufeff${old}`)
  await chmod(path, 0o640)
  await writeFile(join(folder, 'other.yml'), pod(''))
  await writeFile(join(folder, 'chart.yaml'), `{{ if .x }}\n${key}\n`)
  const would = await runSecco(['migrate', '-f', folder])
  t.equal(would.code, 1, 'something would change')
  t.match(would.stdout, /^--- a\/.*pod\.yaml\n\+\+\+ b\/.*pod\.yaml\n@@ /)
  t.match(would.stdout, /^\+ {6}type: RuntimeDefault$/m)
  t.match(would.stderr, /skipped: .*chart\.yaml: is a template/)
  t.equal(await readFile(path, 'utf8'), `\ufeff${old}`, 'nothing was written')
  const json = JSON.parse((await runSecco(['migrate', '-f', folder, '-o', 'json'])).stdout) as {
    files: { path: string; state: string; changes: string[] }[]
  }
  t.same(
    json.files.map(({ state, changes }) => [state, changes.length]),
    [
      ['skipped', 0],
      ['same', 0],
      ['changed', 2]
    ]
  )
  const link = join(folder, 'link.yaml')
  await symlink(path, link)
  t.match(await runSecco(['migrate', '-f', link, '--write']), { code: 0, stderr: /written/ })
  const written = await readFile(path, 'utf8')
  t.match(written, /^\ufeffkind: Pod\nmetadata:\n {2}name: a\nspec:\n {2}securityContext:\n/)
  t.equal((await stat(path)).mode & 0o777, 0o640)
  t.ok((await readdir(folder)).includes('link.yaml'))
  t.match(await runSecco(['migrate', '-f', folder]), { code: 0, stdout: '' })
  await writeFile(path, pod(`  annotations: {${key}: what}\n`))
  t.match(await runSecco(['migrate', '-f', path, '--write']), {
    code: 1,
    stderr: /left: .*never an accepted value/
  })
  await writeFile(join(folder, 'broken.yaml'), `${key}: [`)
  await writeFile(join(folder, 'wide.yaml'), Buffer.from(old, 'utf16le'))
  const broken = await runSecco(['migrate', '-f', folder])
  t.match(broken, { code: 2, stderr: /broken\.yaml: uses YAML that is not/ })
  t.match(broken.stderr, /wide\.yaml: holds a NUL byte/)
  t.match(await runSecco(['migrate', '-f', join(folder, 'absent')]), {
    code: 2,
    stderr: /NOT_FOUND/
  })
  t.match(await runSecco(['migrate']), { code: 2 })
})
