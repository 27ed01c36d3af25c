import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { run } from '../../../cli/main.js'
import { ensureClientLeaf } from '../../../certs/files.js'
import { trialLoad } from '../../../native/trial-load.js'
import { collectRevisions, verifyInstalled } from '../../../satellite/revisions/installer.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { parseDuration } from '../../../cli/lib/duration.js'
import { installObjects } from '../../../cli/install/objects.js'
import { defaultOptions, layouts, type Manifest } from '../../../cli/install/options.js'
import { cleaner } from '../../../cli/install/satellite.js'
import { isStrange } from '../../../src/rules/secco-path.js'
import { digestOf } from '../../../src/lib/digest.js'
import { ownFolder, ownProfile, ownPrograms } from '../../../src/seccomp/render/own.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { revisionOfPath } from '../../../webhook/cluster/watch/references.js'
import { idleMs } from '../../../src/lib/idle-connections.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { runSecco } from '../../helpers/secco-command.js'
import { captureIo } from '../../helpers/captured-io.js'
import { matchLists } from '../../helpers/match-lists.js'

interface Probe {
  failureThreshold: number
  periodSeconds: number
}

interface PodSpec {
  terminationGracePeriodSeconds: number
  securityContext: object
  containers: {
    args: string[]
    startupProbe: Probe
    readinessProbe: Probe
    securityContext: object
    volumeMounts: { name: string }[]
  }[]
  initContainers?: { args: string[]; securityContext: object; volumeMounts: object[] }[]
  volumes: { name: string; hostPath?: { path: string } }[]
}
const podSpecs = (objects: readonly Manifest[]): [string, PodSpec][] =>
  objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet')
    .map(({ metadata, spec }) => [
      (metadata as { name: string }).name,
      (spec as { template: { spec: PodSpec } }).template.spec
    ])

const hardened = {
  ...{ allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: true },
  capabilities: { drop: ['ALL'] }
}
const RuntimeDefault = { type: 'RuntimeDefault' }
const nobody = { runAsNonRoot: true, runAsUser: 65534, runAsGroup: 65534, fsGroup: 65534 }
const rootUser = { runAsUser: 0, runAsGroup: 0 }
const capabilities = { drop: ['ALL'], add: ['BPF', 'PERFMON', 'SYS_PTRACE', 'DAC_READ_SEARCH'] }

const none = { failureThreshold: 0, periodSeconds: 0 }

/** After that a webhook waits for its callers, then for what was cut (webhook/server.ts). */
const endingMs = idleMs + 10_000

for (const layout of layouts) {
  test(`${layout}: pods come and go without a gap`, (t) => {
    const specs = podSpecs(installObjects({ ...defaultOptions, layout, image: 'secco:test' }))
    t.equal(specs.length, layout === 'ha' ? 3 : 2)
    for (const [name, { terminationGracePeriodSeconds, containers }] of specs) {
      const args = containers[0]?.args ?? []
      const startupProbe = containers[0]?.startupProbe ?? none
      t.equal(startupProbe.periodSeconds, 1, `${name}: ready as soon as it is`)
      const roles = args[args.indexOf('--roles') + 1] ?? ''
      const at = args.indexOf('--leave-after')
      t.equal(at >= 0, args.includes('--roles') && roles.includes('admission'), name)
      if (at < 0) continue
      const { failureThreshold, periodSeconds } = containers[0]?.readinessProbe ?? none
      t.ok(failureThreshold >= 3, `${name}: a late answer takes no replica away`)
      t.ok(failureThreshold * periodSeconds <= 6, `${name}: one that does not answer is left out`)
      const leaveMs = parseDuration(args[at + 1] ?? '', '--leave-after')
      t.ok(leaveMs >= 2000, `${name}: longer than the proxies of nodes need`)
      t.ok(leaveMs + endingMs < terminationGracePeriodSeconds * 1000, `${name}: ends by itself`)
    }
    t.end()
  })
}

for (const layout of layouts) {
  test(`${layout}: every pod of ours runs under a profile of its own`, (t) => {
    const specs = podSpecs(installObjects({ ...defaultOptions, layout, image: 'secco:test' }))
    for (const [name, spec] of specs) {
      const program = name === 'secco-satellite' ? 'satellite' : 'webhook'
      const { path, digest } = ownProfile(program)
      t.equal(spec.containers.length, 1, name)
      t.strictSame(spec.containers[0]?.securityContext, {
        ...{ ...hardened, ...(program === 'satellite' ? { capabilities } : {}) },
        seccompProfile: { type: 'Localhost', localhostProfile: path }
      })
      t.strictSame(
        spec.securityContext,
        { ...(program === 'satellite' ? rootUser : nobody), seccompProfile: RuntimeDefault },
        'what is before'
      )
      t.equal(spec.initContainers?.length, 1)
      const [init] = spec.initContainers ?? []
      t.strictSame(init?.args.slice(0, 3), ['own-profile', 'write', program])
      t.equal(init?.args.at(-1), digest)
      t.strictSame(init?.securityContext, {
        ...{ ...hardened, ...rootUser, runAsNonRoot: false, seccompProfile: RuntimeDefault }
      })
      const mounted = init?.volumeMounts.map((mount) => (mount as { name: string }).name) ?? []
      const seen = spec.volumes.filter((volume) => mounted.includes(volume.name))
      matchLists(t, seen, [{ hostPath: { path: `/var/lib/kubelet/seccomp/${ownFolder}` } }])
      const others = spec.containers.flatMap(({ volumeMounts }) => volumeMounts)
      t.notOk(
        others.some((mount) => mounted.includes(mount.name)),
        'the program does not see it'
      )
    }
    t.end()
  })
}

test('profiles of our own can be left out, and are where filters are read back', (t) => {
  const without = installObjects({ ...defaultOptions, ownProfiles: false, image: 'secco:test' })
  for (const [name, spec] of podSpecs(without)) {
    t.notMatch(JSON.stringify(spec), /Localhost|own-profile/, name)
    t.strictSame(spec.securityContext, {
      ...(name === 'secco-satellite' ? rootUser : nobody),
      seccompProfile: RuntimeDefault
    })
  }
  const reading = installObjects({ ...defaultOptions, readFilters: true, image: 'secco:test' })
  for (const [name, spec] of podSpecs(reading)) {
    const isSatellite = name === 'secco-satellite'
    t.equal(/Localhost/.test(JSON.stringify(spec)), !isSatellite, name)
    t.strictSame(spec.securityContext, {
      ...(isSatellite ? rootUser : nobody),
      seccompProfile: { type: isSatellite ? 'Unconfined' : 'RuntimeDefault' }
    })
    if (isSatellite)
      t.strictSame(spec.containers[0]?.securityContext, {
        ...{
          ...hardened,
          capabilities: { ...capabilities, add: [...capabilities.add, 'SYS_ADMIN'] }
        }
      })
  }
  t.end()
})

test('what cleans nodes up runs under the satellite’s profile, and brings it', (t) => {
  const all = installObjects({ ...defaultOptions, image: 'secco:test' })
  const satellite = all.find(({ kind }) => kind === 'DaemonSet')
  if (satellite === undefined) throw new Error('no satellite')
  const [[, spec] = []] = podSpecs([cleaner(satellite)])
  t.match(JSON.stringify(spec?.containers), ownProfile('satellite').path)
  const named = spec?.volumes.map(({ name }) => name) ?? []
  const mounts = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(
    ({ volumeMounts }) => volumeMounts.map((mount) => (mount as { name: string }).name)
  )
  t.strictSame([...new Set(mounts)].sort(), named.sort(), 'what is mounted is there')
  t.end()
})

test('the options of the recorder that satellites get', async (t) => {
  const argsOf = (options: { slots?: number; btf?: string }): string[] =>
    podSpecs(installObjects({ ...defaultOptions, image: 'secco:test', ...options }))
      .filter(([name]) => name === 'secco-satellite')
      .flatMap(([, { containers }]) => containers[0]?.args ?? [])
  const usual = argsOf({}).join(' ')
  t.match(usual, '--record always --slots 4096 --health-listen')
  t.notMatch(usual, '--btf')
  const btf = '/var/lib/secco/vmlinux.btf'
  t.match(argsOf({ slots: 512, btf }).join(' '), `--slots 512 --btf ${btf} --health-listen`)
  const { stderr } = await runSecco(['install', '--slots', '512', '--btf', btf, '--dry-run'])
  t.match(stderr, `recording: always, 512 slots on each node, types from ${btf} where the kernel`)
  // A pod whose hostPath is missing does not start, and so says nothing.
  const specs = podSpecs(installObjects({ ...defaultOptions, image: 'secco:test' }))
  t.notMatch(JSON.stringify(specs), '/sys/kernel/btf')
})

test('satellites see the socket of containerd by choice', async (t) => {
  const usual = ['/sys/fs/bpf', '/sys/fs/cgroup', '/var/lib/kubelet/seccomp', '/var/lib/secco']
  const parts = ['/run/containerd/runc', '/run/containerd/io.containerd.runtime.v2.task']
  // [option, what is mounted of containerd, the option of the satellite]
  const table: [string[], string[], RegExp | undefined][] = [
    [[], ['/run/containerd'], undefined],
    [['--containerd', 'on'], ['/run/containerd'], undefined],
    [['--containerd', 'off'], parts, /--containerd-socket off --health-listen/]
  ]
  for (const [option, folders, argument] of table) {
    const { stdout, stderr } = await runSecco(['install', '--own-profiles', 'off', ...option])
    const objects = parseAllDocuments(stdout).map((one) => one.toJS() as Manifest)
    const [, spec] = podSpecs(objects).find(([name]) => name === 'secco-satellite') ?? []
    const mounted = spec?.volumes.flatMap(({ hostPath }) => hostPath?.path ?? []) ?? []
    t.strictSame(mounted.sort(), [...usual, ...folders].sort(), option.join(' '))
    const args = spec?.containers[0]?.args.join(' ') ?? ''
    if (argument === undefined) t.notMatch(args, '--containerd-socket', option.join(' '))
    else t.match(args, argument, option.join(' '))
    for (const folder of folders) t.match(stderr, `\n  ${folder} (read only)\n`)
  }
  t.match(await runSecco(['install', '--containerd', 'maybe']), {
    code: 1,
    stderr: /--containerd maybe/
  })
})

test('profiles of our own: constants that the kernel takes', async (t) => {
  const beyond = { satellite: ['bpf', 'perf_event_open'], webhook: [] }
  for (const program of ownPrograms) {
    const { json, digest, path, file } = ownProfile(program)
    t.strictSame(ownProfile(program), ownProfile(program))
    t.equal(digestOf(json), digest)
    t.equal(path, `${ownFolder}/${file}`)
    const seccomp = JSON.parse(json) as LinuxSeccomp
    t.equal(seccomp.defaultAction, 'SCMP_ACT_ERRNO', 'never a kill')
    const actions = new Set(seccomp.syscalls?.map(({ action }) => action))
    t.strictSame([...actions].sort(), ['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO'])
    const floor = runtimeDefaultNames()
    const allowing = seccomp.syscalls?.filter(({ action }) => action === 'SCMP_ACT_ALLOW') ?? []
    const allowed = [...new Set(allowing.flatMap(({ names }) => names))]
    t.strictSame(
      allowed.filter((name) => !floor.has(name)),
      beyond[program],
      program
    )
    t.ok(allowed.length < floor.size / 2, `${allowed.length} of ${floor.size}`)
    t.match(await trialLoad(seccomp), { ok: true })
    for (const layout of layouts) {
      const folder = join(repositoryRoot, 'manifests/overlays', layout)
      const applied = program === 'satellite' ? 'satellite.yaml' : 'programs.yaml'
      t.match(readFileSync(join(folder, applied), 'utf8'), `localhostProfile: ${path}`)
    }
  }
})

test('nobody else gets them, and no satellite takes them away', async (t) => {
  const root = t.testdir({})
  for (const program of ownPrograms) {
    const { path, json } = ownProfile(program)
    mkdirSync(join(root, ownFolder), { recursive: true })
    writeFileSync(join(root, path), json)
    t.ok(isStrange(path), 'a pod elsewhere is rejected')
    t.equal(revisionOfPath(path), undefined)
  }
  t.strictSame(await collectRevisions(root, [], new Set()), [])
  t.strictSame(await verifyInstalled(root), { held: [], wrong: [], rejected: [] })
  t.equal(readdirSync(join(root, ownFolder)).length, ownPrograms.length)
})

const write = (dir: string, expect: string, program = 'webhook') =>
  runSecco(['own-profile', 'write', program, '--dir', dir, '--expect', expect])

test('own-profile write', async (t) => {
  const { digest, file, json } = ownProfile('webhook')
  const shown = await runSecco(['own-profile', 'show', 'webhook'])
  t.matchOnly(shown, { code: 0, stdout: json, stderr: new RegExp(file) })
  const other = ownProfile('satellite').digest
  const dir = t.testdir({
    file: 'a file',
    there: {},
    tampered: {},
    link: {},
    kept: 'kept',
    folder: {}
  })
  const at = (name: string): string => join(dir, name, file)
  writeFileSync(at('tampered'), '{"defaultAction":"SCMP_ACT_ALLOW"}')
  symlinkSync(join(dir, 'kept'), at('link'))
  mkdirSync(at('folder'))

  for (const name of ['there', 'tampered', 'link']) {
    const first = await write(join(dir, name), digest)
    t.match(first, { code: 0, stdout: `wrote ${at(name)}\n` }, name)
    t.equal(readFileSync(at(name), 'utf8'), json)
    t.match(lstatSync(at(name)), { mode: 0o100644, nlink: 1 }, 'a plain file')
    const { ino } = lstatSync(at(name))
    t.match(await write(join(dir, name), digest), {
      code: 0,
      stdout: `${at(name)} exists already\n`
    })
    t.equal(lstatSync(at(name)).ino, ino, 'not written again')
    t.strictSame(readdirSync(join(dir, name)), [file], 'nothing else is left')
  }
  t.equal(readFileSync(join(dir, 'kept'), 'utf8'), 'kept', 'a link is not followed')

  const rejected: [string, string, string, RegExp][] = [
    ['another digest', join(dir, 'there'), other, /DIGEST_MISMATCH.*\n {2}next: .*versions/],
    ['no folder', join(dir, 'missing'), digest, /ENOENT.*WRITE_FAILED/],
    ['a file', join(dir, 'file'), digest, /it is not a folder.*WRITE_FAILED/],
    ['a folder in its place', join(dir, 'folder'), digest, /WRITE_FAILED/],
    ['where nobody writes', '/proc/self', digest, /WRITE_FAILED/]
  ]
  for (const [what, where, expect, said] of rejected) {
    const done = await write(where, expect)
    t.equal(done.code, 1, what)
    t.match(done.stderr, said, what)
  }
  t.match(await write(join(dir, 'there'), digest, 'hub'), { code: 1, stderr: /INVALID_ARGUMENT/ })
  t.strictSame(readdirSync(join(dir, 'folder')), [file])
})

test('own-profile write as its container has it: root without capabilities', {
  skip: process.getuid?.() === 0 ? false : 'not root'
}, async (t) => {
  const { digest, file, json } = ownProfile('satellite')
  const dir = t.testdir({ own: {}, foreign: {} })
  const script =
    'chown 65534 "$1/foreign" && chmod 0755 "$1/foreign" && mount --bind "$1/own" "$1/own" && mount -o remount,bind,ro "$1/own"'
  const command = [
    '/usr/bin/env',
    '-u',
    'NODE_OPTIONS',
    process.execPath,
    join(repositoryRoot, 'bin/secco'),
    'own-profile',
    'write'
  ]
  const plain = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', ...command, 'satellite']
  const run = async (before: string, where: string): Promise<{ code: number; said: string }> => {
    const shell = ['--mount', 'sh', '-c', `${before}; shift; exec "$@"`, 'sh', dir]
    const args = [...shell, ...plain, '--dir', where, '--expect', digest]
    const env = { PATH: process.env['PATH'], NO_COLOR: '1' }
    try {
      const { stdout } = await promisify(execFile)('unshare', args, { env })
      return { code: 0, said: stdout }
    } catch (error) {
      const { code, stderr } = error as { code: number; stderr: string }
      return { code, said: stderr }
    }
  }
  const nothing = 'true'
  t.matchOnly(await run(nothing, join(dir, 'own')), { code: 0, said: /^wrote/ })
  t.equal(readFileSync(join(dir, 'own', file), 'utf8'), json)
  const { code, said } = await run(script, join(dir, 'foreign'))
  t.matchOnly({ code, said }, { code: 1, said: /EACCES.*WRITE_FAILED/ })
  t.matchOnly(await run(script, join(dir, 'own')), { code: 0, said: /exists already/ })
  writeFileSync(join(dir, 'own', file), 'tampered')
  t.matchOnly(await run(script, join(dir, 'own')), { code: 1, said: /EROFS.*WRITE_FAILED/ })
})

test('a strict installation', async (t) => {
  t.match(await runSecco(['install', '--strict', '--dry-run']), {
    stderr: /--strict: needs --client-ca/
  })
  for (const authority of [[], ['--client-ca', 'none']]) {
    t.match(await runSecco(['install', '--dry-run', ...authority, '--client-name', 'a']), {
      stderr: /--client-name: needs --client-ca/
    })
  }
  t.match(await runSecco(['install', '--dry-run', '--client-ca', join(t.testdir(), 'none.crt')]), {
    stderr: /none\.crt: not a certificate in PEM[^]*docs\/how-to\/strict\.md/
  })
  const { stderr, stdout } = await runSecco(['install', '--strict', '--client-ca', 'none'])
  t.match(stderr, /when Secco is away: no pod is created outside kube-system/)
  t.match(stderr, /nodes hold every revision to runtime-default/)
  t.match(stderr, /pods: new ones that a rule or label selects get their profile/)
  t.match(stdout, /kind: ValidatingAdmissionPolicyBinding[^]*validationActions:\n\s+- Deny/)
  t.notMatch(stdout, /observe$/m, 'enforce without being told so')
  t.match(stdout, /failurePolicy: Fail\n {4}timeoutSeconds: 2/)
  t.match(stdout, /- --floor\n\s+- runtime-default/)
  t.notMatch(stdout, /--client-ca/)
  const watching = ['--strict', '--client-ca', 'none', '--mode', 'observe', '--final-state', 'warn']
  const observing = await runSecco(['install', ...watching])
  t.match(observing.stderr, /pods: not changed, only warned about, until their namespace/)
  t.match(observing.stdout, /- --mode\n\s+- observe/)
  t.match(observing.stdout, /failurePolicy: Fail/)
  t.match(await runSecco(['install', ...watching.slice(0, -2), '--dry-run']), {
    stderr: /only warned about \(denied with a label of Secco\), until their namespace/
  })
  const { ca } = await ensureClientLeaf(t.testdir(), 'api-server')
  const file = join(t.testdir(), 'clients.crt')
  writeFileSync(file, ca)
  const guarded = await runSecco(['install', '--strict', '--client-ca', file, '--client-name', 'a'])
  t.match(
    guarded.stdout,
    /- --client-ca\n\s+- \/run\/secco\/clients\/ca\.crt\n\s+- --client-name\n\s+- a/
  )
  t.match(guarded.stdout, /kind: ConfigMap[^]*ca\.crt: \|[^]*BEGIN CERTIFICATE/)
  t.match(guarded.stderr, /reviews: only from callers with a certificate/)
})

test('roles for people are part of the built-in roles by choice', async (t) => {
  // [option, role, the built-in roles that it is part of]
  const table: [string[], string, string[]][] = [
    [[], 'secco-viewer', []],
    [[], 'secco-developer', []],
    [['--aggregate-roles'], 'secco-viewer', ['admin', 'edit', 'view']],
    [['--aggregate-roles'], 'secco-developer', ['admin', 'edit']],
    [['--aggregate-roles'], 'secco-approver', []],
    [['--aggregate-roles'], 'secco-operator', []]
  ]
  const printed = new Map<string, Manifest[]>()
  for (const [option, role, parts] of table) {
    const key = option.join()
    const objects =
      printed.get(key) ??
      parseAllDocuments((await runSecco(['install', ...option])).stdout).map(
        (one) => one.toJS() as Manifest
      )
    printed.set(key, objects)
    const found = objects.find(
      ({ kind, metadata }) => kind === 'ClusterRole' && (metadata as { name: string }).name === role
    )
    const { labels } = found?.['metadata'] as { labels: Record<string, string> }
    const into = Object.keys(labels).flatMap((label) => label.split('/aggregate-to-')[1] ?? [])
    t.same(into.sort(), parts, `${role} ${key}`)
  }
})

test('the hub is reached through the API server by choice', async (t) => {
  for (const layout of layouts) {
    for (const hubApi of [true, false]) {
      const objects = installObjects({ ...defaultOptions, layout, hubApi, image: 'secco:test' })
      const named = (kind: string, name: string) =>
        objects.filter(
          (one) => one['kind'] === kind && (one['metadata'] as { name: string }).name === name
        )
      const what = `${layout}, ${hubApi ? 'with' : 'without'} --hub-api`
      t.equal(named('APIService', 'v1alpha1.hub.secco.dev').length, hubApi ? 1 : 0, what)
      t.equal(named('RoleBinding', 'secco-hub-authentication').length, hubApi ? 1 : 0, what)
      const [service] = named('Service', 'secco-hub')
      const { ports } = service?.['spec'] as { ports: { name: string; port: number }[] }
      t.equal(ports.find(({ name }) => name === 'api')?.port, hubApi ? 443 : undefined, what)
      const listens = podSpecs(objects).filter(([, { containers }]) =>
        containers.some(({ args }) => args.includes('--api-listen'))
      )
      const served = hubApi ? [layout === 'ha' ? 'secco-hub' : 'secco'] : []
      t.same(
        listens.map(([name]) => name),
        served,
        what
      )
      const open = JSON.stringify(objects.filter(({ kind }) => kind === 'NetworkPolicy'))
      t.equal(open.includes('9446'), hubApi, what)
      const rights = JSON.stringify(objects.filter(({ kind }) => kind === 'ClusterRole'))
      t.equal(rights.includes('apiservices'), hubApi, what)
    }
  }
  const { stdout, stderr } = await runSecco(['install', '--hub-api'])
  t.match(stdout, /kind: APIService/)
  t.match(stderr, /through the API server/)
})

test('a terminal gets the next command with the options that were typed', async (t) => {
  const { io, printed } = captureIo()
  const words = ['install', '--image', 'registry/secco:1', '--ha', '--hub-api']
  t.equal(await run(words, { ...io, isTerminal: true }), 0)
  t.match(printed.stderr, `next: secco ${words.join(' ')} | kubectl apply -f -\n`)
  t.notMatch(printed.stderr, /…/)
})
