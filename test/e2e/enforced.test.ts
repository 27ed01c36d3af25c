import { mkdtemp, rm } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { approveObserved } from '../../src/seccomp/review/approve.js'
import { defaultCalls } from '../../src/seccomp/review/argument-approval.js'
import { renderLearn, renderProfile } from '../../src/seccomp/render/render.js'
import { withFindings } from '../../webhook/hub/observations/evidence.js'
import { readObservation } from '../../webhook/hub/observations/read-observation.js'
import {
  attackAll,
  attackServer,
  compileAttacks,
  everyCapability,
  isDenied
} from '../bench/enforced/attacks.js'
import { compareAudit } from '../bench/enforced/audit-table.js'
import { makeRig } from '../bench/enforced/rig.js'
import { servers } from '../bench/enforced/servers.js'
import { startRecorded } from '../bench/recorded.js'
import { debianRootfs } from '../helpers/debian-rootfs.js'
import { repositoryRoot } from '../helpers/repository.js'

const tracing = probeTracing()
const skip = tracing.available ? false : (tracing.reason ?? 'no tracing')

test('audit denies what RuntimeDefault denies, and nothing else: every call, a real process', async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'secco-audit-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const { calls, deniedByRuntimeDefault, different } = await compareAudit(work, [
    ...['read', 'write', 'socket', 'clone', 'personality']
  ])
  t.ok(calls > 450, `${calls} calls made under each filter`)
  t.ok(deniedByRuntimeDefault > 100, `${deniedByRuntimeDefault} denied`)
  t.same(different, [], 'the same ones')
})

test('every attack is denied under a learned profile, as root with all capabilities', {
  skip
}, async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'secco-attacks-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const program = await compileAttacks(work)
  const cache = join(repositoryRoot, '.cache', 'debian')
  for (const server of servers.filter(({ name }) => name === 'nginx')) {
    const rootfs = await debianRootfs(cache, 'bookworm', server.packages)
    const row = await attackServer(work, server, rootfs, program)
    t.ok(row.attempts >= 40, `${row.attempts} attempts`)
    t.ok(row.possible >= 40, `${row.possible} reach the kernel without a filter`)
    t.same(row.through, [], `${row.denied} denied`)
  }
})

test('learned arguments: own sockets and threads work, AF_ALG, CLONE_NEWUSER and i386 do not', {
  skip
}, async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'secco-arguments-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const { program, names } = await compileAttacks(work)
  const [server] = servers.filter(({ name }) => name === 'python3')
  if (server === undefined) throw new Error('no such server')
  const cache = join(repositoryRoot, '.cache', 'debian')
  const rootfs = await debianRootfs(cache, 'bookworm', server.packages)
  const rig = await makeRig({
    ...{ work, server, rootfs, suffix: 'arguments' },
    extraCapabilities: everyCapability,
    extraFiles: [{ source: program, target: '/root/attacks' }]
  })
  const recorded = await startRecorded(rig.container.root, (id) => id === rig.container.id)
  t.teardown(() => recorded.close())
  await rig.start(renderLearn(machine()).seccomp)
  t.ok(await server.works(rig.port), 'right answers while learning')
  await rig.stop()
  const findings = (await recorded.ended(rig.container.id)).map((observation) => {
    const finding = readObservation(observation, 'node')
    if (typeof finding === 'string') throw new Error(finding)
    return { node: 'node', finding }
  })
  const empty: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'default', name: 'arguments' },
    spec: {}
  }
  const at = new Date().toISOString()
  const observed = withFindings(empty, findings, at)
  const options = { by: 'test', at, beyondRuntimeDefault: 'skip', arguments: defaultCalls } as const
  const approved = approveObserved(observed, options)
  const { seccomp } = renderProfile(approved, {
    mode: 'enforce',
    resolve: () => undefined,
    machine: machine()
  })
  const socketRules = (seccomp.syscalls ?? []).filter((rule) => rule.names.includes('socket'))
  t.ok(socketRules.length > 0, 'socket has rules')
  t.ok(
    socketRules.every((rule) => (rule.args ?? []).length > 0),
    'and all of them have conditions'
  )
  await rig.start(seccomp)
  t.ok(await server.works(rig.port), 'its own sockets, threads and children work')
  const endings = await attackAll(rig, names)
  for (const name of ['af_alg', 'af_vsock', 'clone_newuser', 'clone_newns', 'i386_getpid']) {
    const ending = endings[names.indexOf(name)] ?? ''
    t.ok(isDenied(ending), `${name}: ${ending}`)
  }
  await rig.stop()
})
