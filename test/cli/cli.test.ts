import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import type { DiffReport } from '../../src/seccomp/review/diff-report.js'
import { version } from '../../src/lib/version.js'
import { repositoryRoot } from '../helpers/repository.js'
import { runSecco } from '../helpers/secco-command.js'
import { matchLists } from '../helpers/match-lists.js'

const secco = (state: string, args: readonly string[], input?: string) =>
  runSecco(args, { env: { SECCO_STATE: state }, ...(input === undefined ? {} : { input }) })

const profile = (name: string, extra: string) => `apiVersion: secco.dev/v1alpha1
kind: SeccompProfile
metadata: {name: ${name}, namespace: shop}
spec:
  seccomp:
    defaultAction: SCMP_ACT_ERRNO
    syscalls: [{names: [read, write${extra}], action: SCMP_ACT_ALLOW}]
`
const rule = `apiVersion: secco.dev/v1alpha1
kind: SeccompRule
metadata: {name: web, namespace: secco-system}
spec:
  podSelector: {matchLabels: {app: web}}
  mode: learn
`
const pod = (label: string) => `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: ${label}}}
spec: {containers: [{name: app, image: web}]}
`

test('the secco command', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-cli-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const file = async (name: string, text: string) => {
    const path = join(state, name)
    await writeFile(path, text)
    return path
  }
  const web = await file('web.yaml', profile('web', ''))
  const wider = await file('wider.yaml', profile('wider', ', accept4'))

  await t.test(
    'bad input: error with code and next step, exit code 1, nothing written',
    async (t) => {
      const cases: { name: string; args: string[]; says: RegExp }[] = [
        {
          name: 'unknown verb',
          args: ['nonsense'],
          says: /unknown command 'nonsense'.*\(INVALID_ARGUMENT\)/
        },
        {
          name: 'a container called as a verb is',
          args: ['trace', 'satellite', '--for', 'soon'],
          says: /--for soon.*\(INVALID_ARGUMENT\)/
        },
        {
          name: 'unknown option',
          args: ['get', 'rules', '--colour'],
          says: /unknown option '--colour'/
        },
        {
          name: 'unknown choice',
          args: ['up', '--legacy-annotations', 'maybe', '--once'],
          says: /--legacy-annotations maybe.*\n {2}next: choose one of on, off/
        },
        {
          name: 'unknown runtime',
          args: ['render', '-f', web, '--runtime', 'runc'],
          says: /--runtime runc.*\n {2}next: write/
        },
        {
          name: 'unknown output',
          args: ['get', 'rules', '-o', 'xml'],
          says: /-o xml.*\(INVALID_ARGUMENT\)\n {2}next: choose one of table, wide/
        },
        {
          name: 'missing file',
          args: ['rule', 'apply', '-f', join(state, 'absent.yaml')],
          says: /absent\.yaml.*\(NOT_FOUND\)/
        },
        {
          name: 'unknown profile',
          args: ['profile', 'show', 'absent'],
          says: /absent.*default.*\(NOT_FOUND\)/
        },
        {
          name: 'no hub',
          args: ['get', 'nodes'],
          says: /\(UNAVAILABLE\)\n {2}next: start it with/
        },
        {
          name: 'no shell',
          args: ['completion', 'tcsh'],
          says: /tcsh.*\n {2}next: choose one of bash, zsh, fish/
        },
        { name: 'trace without a target', args: ['trace'], says: /trace takes one container/ },
        { name: 'render without a document', args: ['render'], says: /next: name one with -f/ },
        {
          name: 'bad address',
          args: ['webhook', '--listen', 'here'],
          says: /--listen here: not HOST:PORT/
        },
        ...['0', '4097', 'many', '1.5'].map((slots) => ({
          name: `${slots} slots`,
          args: ['satellite', '--slots', slots],
          says: new RegExp(`--slots ${slots}: not a whole number from 1 to 4096`)
        })),
        {
          name: 'slots of the whole installation on this machine',
          args: ['up', '--slots', '-3', '--once'],
          says: /--slots -3.*\n {2}next: leave it out for 4096/
        },
        { name: 'slots of every node', args: ['install', '--slots', '9999'], says: /--slots 9999/ },
        {
          name: 'types that no pod sees',
          args: ['install', '--btf', '/etc/vmlinux.btf'],
          says: /--btf \/etc\/vmlinux\.btf: satellites do not see it.*\n {2}next: .*\/var\/lib\/secco/
        }
      ]
      for (const { name, args, says } of cases) {
        const { code, stdout, stderr } = await secco(state, args)
        t.matchOnly({ code, stdout, stderr }, { code: 1, stdout: '', stderr: says }, name)
      }
    }
  )

  await t.test('documents with a wrong field name it and what is accepted', async (t) => {
    const cases = [
      {
        from: 'SCMP_ACT_ALLOW',
        to: 'ALLOW',
        says: /spec\.seccomp\.syscalls\[0\]\.action.*SCMP_ACT_ALLOW/s
      },
      { from: 'name: web', to: 'name: ../web', says: /\(INVALID_NAME\)/ },
      { from: 'spec:', to: 'specs: {}\nspec:', says: /specs/ },
      { from: 'kind: SeccompProfile', to: 'kind: Pod', says: /kind/ }
    ]
    for (const { from, to, says } of cases) {
      const bad = await file('bad.yaml', profile('web', '').replace(from, to))
      const { code, stderr } = await secco(state, ['profile', 'apply', '-f', bad])
      t.equal(code, 1, to)
      t.match(stderr, says, to)
    }
    t.strictSame(await secco(state, ['get', 'profiles']), {
      code: 0,
      stdout: '',
      stderr: 'No profiles found.\n'
    })
  })

  await t.test('apply, get in every output, show, export', async (t) => {
    t.match(await secco(state, ['profile', 'apply', '-f', web, '--dry-run']), {
      code: 0,
      stdout: /dry run/
    })
    t.match(await secco(state, ['get', 'profiles']), { stderr: 'No profiles found.\n' })
    t.match(await secco(state, ['profile', 'apply', '-f', web]), {
      code: 0,
      stdout: /web applied in shop/
    })
    t.match(await secco(state, ['profile', 'show', 'shop/web']), {
      stdout:
        /Revision: +none: the hub has not rendered it yet\n[^]*Approved: +by \S+, \d+s ago: applied as a document \(not rendered yet\)\n/
    })
    const create = ['rule', 'create', 'made', '--mode', 'learn', '--containers', 'app,web-*']
    t.match(await secco(state, [...create, '--when-not-ready', 'Deny', '-o', 'json']), {
      ...{ code: 0, stdout: /"containers": \[\s*"app",\s*"web-\*"\s*\][^]*"whenNotReady": "Deny"/ }
    })
    t.match(await secco(state, [...create, '--when-not-ready', 'Never']), { code: 1 })
    t.match(await secco(state, ['rule', 'delete', 'made']), { code: 0 })
    t.match(await secco(state, ['rule', 'apply', '-f', '-'], rule), {
      code: 0,
      stdout: /web applied in secco-system/
    })
    t.match(await secco(state, ['get', 'profiles']), { stdout: /NAMESPACE +NAME.*\nshop +web/ })
    t.match(await secco(state, ['get', 'profiles', '-o', 'name']), {
      stdout: 'seccompprofile.secco.dev/web\n'
    })
    const listed = JSON.parse((await secco(state, ['get', 'profiles', '-o', 'json'])).stdout) as {
      items: { metadata: { name: string } }[]
    }
    t.same(
      listed.items.map((item) => item.metadata.name),
      ['web']
    )
    t.match(await secco(state, ['get', 'rules', '-o', 'yaml']), { stdout: /kind: SeccompRule/ })
    t.match(await secco(state, ['get', 'profiles', '-n', 'other']), {
      stderr: 'No profiles found.\n',
      code: 0
    })
    t.match(await secco(state, ['profile', 'show', 'shop/web']), { code: 0, stdout: /Revision:/ })
    const oci = JSON.parse(
      (await secco(state, ['profile', 'export', 'web', '-n', 'shop'])).stdout
    ) as { defaultAction: string }
    t.equal(oci.defaultAction, 'SCMP_ACT_ERRNO')
    const rendered = await secco(state, ['render', '-f', web])
    t.equal(
      (JSON.parse(rendered.stdout) as { defaultAction: string }).defaultAction,
      'SCMP_ACT_ERRNO'
    )
  })

  await t.test('--into: the filter of a bundle, and nothing else of it', async (t) => {
    interface Config {
      hostname: string
      linux: { maskedPaths?: string[]; seccomp?: { defaultAction: string } }
    }
    const read = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as Config
    const before = {
      ...{ ociVersion: '1.0.2', hostname: 'h' },
      linux: { maskedPaths: ['/x'], seccomp: 'old' }
    }
    const config = await file('config.json', JSON.stringify(before, null, '\t'))
    await chmod(config, 0o640)
    const cases: [string[], string][] = [
      [['render', '--learn'], 'SCMP_ACT_ERRNO'],
      [['render', '-f', web], 'SCMP_ACT_ERRNO'],
      [['profile', 'export', 'shop/web'], 'SCMP_ACT_ERRNO']
    ]
    for (const [args, action] of cases) {
      const words = args.join(' ')
      const printed = await secco(state, args)
      const put = await secco(state, [...args, '--into', config])
      t.matchOnly(put, { code: 0, stdout: '', stderr: /linux\.seccomp is set/ }, words)
      const after = await read(config)
      matchLists(t, after, { hostname: 'h', linux: { maskedPaths: ['/x'] } }, words)
      t.equal(after.linux.seccomp?.defaultAction, action)
      t.same(after.linux.seccomp, JSON.parse(printed.stdout), `${words}: what is printed else`)
      t.match(await readFile(config, 'utf8'), /^{\n\t"ociVersion"/, 'its indentation stays')
      t.equal((await stat(config)).mode & 0o777, 0o640, 'its mode stays')
    }
    const foreign = await file('package.json', '{"name":"x"}')
    const wrong: [string, RegExp][] = [
      [join(state, 'absent.json'), /NOT_FOUND[^]*runc spec/],
      [foreign, /'ociVersion' is missing \(INVALID_DOCUMENT\)/],
      [web, /is not JSON/]
    ]
    for (const [path, says] of wrong) {
      t.match(await secco(state, ['render', '--learn', '--into', path]), { code: 1, stderr: says })
    }
    t.equal(await readFile(foreign, 'utf8'), '{"name":"x"}', 'nothing is written')
    t.match(await secco(state, ['profile', 'export', 'shop/web', '-o', 'spo', '--into', config]), {
      code: 1,
      stderr: /--into needs --format oci/
    })
  })

  await t.test('profile diff exits 0, 1 and 2', async (t) => {
    t.match(await secco(state, ['profile', 'diff', web, web]), { code: 0, stdout: '' })
    t.match(await secco(state, ['profile', 'diff', web, wider]), { code: 1, stdout: /\+ accept4/ })
    t.match(await secco(state, ['profile', 'diff', web, 'absent']), {
      code: 2,
      stderr: /NOT_FOUND/
    })
    t.match(await secco(state, ['--state', state, 'profile', 'diff', web, 'absent']), { code: 2 })
  })

  await t.test(
    'diff: names with why and risk; lint: exit codes; show: the next step',
    async (t) => {
      t.match(await secco(state, ['diff', web, wider]), {
        code: 1,
        stdout: /1 added.*\n\+ accept4/
      })
      t.match(await secco(state, ['diff', 'shop/web', 'shop/web@approved']), {
        code: 0,
        stdout: ''
      })
      const report = JSON.parse(
        (await secco(state, ['diff', web, wider, '-o', 'json'])).stdout
      ) as {
        entries: { name: string; change: string }[]
      }
      matchLists(t, report.entries, [{ name: 'accept4', change: 'added' }])
      t.match(await secco(state, ['diff', 'shop/web', 'shop/web@observed']), {
        code: 1,
        stdout: /\n- read/
      })
      t.match(await secco(state, ['diff', 'shop/web', '@observed']), {
        code: 1,
        stdout: /shop\/web@observed.*\n- read/
      })
      for (const wrong of ['absent', 'shop/web@beef', 'shop/web@previous', 'shop/web@image:x']) {
        t.match(await secco(state, ['diff', web, wrong]), { code: 2, stderr: /NOT_FOUND/ }, wrong)
      }
      const oci = await file('oci.json', (await secco(state, ['render', '-f', web])).stdout)
      t.match(await secco(state, ['diff', oci, 'shop/web']), { code: 0 }, 'the other is rendered')
      const base = await secco(state, ['diff', 'shop/web', 'RuntimeDefault', '-o', 'json'])
      t.equal(base.code, 1, base.stderr)
      const { left, right, removed, added } = JSON.parse(base.stdout) as DiffReport
      t.same({ left, right, removed }, { left: 'shop/web', right: 'RuntimeDefault', removed: [] })
      t.ok(added.includes('uname') && !added.includes('mount'), 'what containerd would allow')
      t.match(await secco(state, ['lint', '-f', oci]), { code: 0, stderr: /0 errors/ })
      t.match(await secco(state, ['lint', 'shop/web']), { code: 0 })
      const flags = '{"defaultAction":"SCMP_ACT_ERRNO","flags":["SECCOMP_FILTER_FLAG_LOG"]}'
      const bad = await file('bad.json', flags)
      t.match(await secco(state, ['lint', '-f', bad, '-o', 'json', '--runtime', 'runc@1.1.5']), {
        code: 1,
        stdout: /runc 1\.1\.5 rejects/
      })
      const loose = await file('loose.yaml', profile('loose', ', mount'))
      t.match(await secco(state, ['lint', '-f', loose]), { code: 0, stdout: /warning mount/ })
      t.match(await secco(state, ['lint', '-f', loose, '--strict']), { code: 1 })
      t.match(await secco(state, ['lint']), { code: 1, stderr: /takes a NAME, or a file/ })
      const invented = await file('invented.yaml', profile('invented', ', nonsense'))
      t.match(await secco(state, ['lint', '-f', invented]), { code: 1, stdout: /error nonsense/ })
      t.match(await secco(state, ['profile', 'apply', '-f', invented]), {
        code: 1,
        stderr: /nonsense.*lint: unknown-name.*INVALID_DOCUMENT/
      })
      t.match(await secco(state, ['profile', 'show', 'shop/web']), {
        stdout:
          /0 instances seen.*cannot be estimated yet \(0 instances\).*Risk: .* of 100.*\nNext: /s
      })
      const shown = JSON.parse(
        (await secco(state, ['profile', 'show', 'shop/web', '-o', 'json'])).stdout
      ) as {
        review: Record<string, unknown>
      }
      t.same(Object.keys(shown.review).sort(), [
        ...['estimate', 'evidence', 'lonely', 'next', 'risk']
      ])
    }
  )

  await t.test('check says what the webhook would do', async (t) => {
    const labelled = await file('pod.yaml', pod('web'))
    const other = await file('other.yaml', pod('other'))
    const answer = await secco(state, ['check', '-f', labelled, '-o', 'json'])
    t.equal(answer.code, 0)
    t.match(answer.stdout, /RuntimeDefault/)
    t.match(await secco(state, ['rule', 'test', '-f', labelled]), {
      code: 0,
      stdout: /secco-system\/web/
    })
    t.notMatch((await secco(state, ['check', '-f', other, '-o', 'json'])).stdout, /RuntimeDefault"/)
  })

  await t.test('version, help and completion', async (t) => {
    const report = JSON.parse((await secco(state, ['version', '-o', 'json'])).stdout) as {
      version: string
    }
    t.equal(report.version, version)
    t.match(await secco(state, ['--help']), { code: 0, stdout: /trace.*profile/s })
    t.match(await secco(state, ['trace', '--help']), { code: 0, stdout: /COMMAND ARG/ })
    for (const shell of ['bash', 'zsh', 'fish']) {
      t.match(await secco(state, ['completion', shell]), { code: 0, stdout: /approve/ }, shell)
    }
    // As kubectl asks: the words so far and the beginning of the next one.
    const ask = async (...words: string[]) => {
      const program = join(repositoryRoot, 'bin/kubectl_complete-secco')
      // As in spawnSecco(): without what the test runner gives to its children.
      const args = ['-u', 'NODE_OPTIONS', program, ...words]
      return (await promisify(execFile)('/usr/bin/env', args)).stdout.trim().split('\n')
    }
    t.same(await ask('get', 'pro'), ['profiles', ':4'])
    t.same(await ask('profile', 'sh'), ['show', ':4'])
    t.ok((await ask('')).includes('profile'))
    t.same(await ask('nothing', 'x'), [':0'], 'file names may follow')
    // kubectl finds it by its name and starts it: the cluster is the one of the current kubeconfig.
    const plugin = async (kubeconfig: string, ...words: string[]) => {
      const program = join(repositoryRoot, 'bin/kubectl-secco')
      const args = ['-u', 'NODE_OPTIONS', `KUBECONFIG=${kubeconfig}`, program, ...words]
      return promisify(execFile)('/usr/bin/env', args).catch(
        (error: unknown) => error as { stdout: string; stderr: string }
      )
    }
    t.match(await plugin('/nowhere', 'version'), { stdout: new RegExp(`^secco ${version} `) })
    t.match(await plugin('/nowhere', 'get', 'profiles'), {
      stderr: /--kubeconfig: \/nowhere does not exist/
    })
  })
})
