import type { ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { readKernelFilters } from '../../native/kernel-filters.js'
import { probeTracing } from '../../native/recorder.js'
import { compileFilter } from '../../native/trial-load.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { freePort } from '../helpers/child-program.js'
import { repositoryRoot } from '../helpers/repository.js'
import { compileAttack, parseAttempts } from '../../cli/walk-through/attack.js'
import { writeBundle } from '../../cli/walk-through/bundle.js'
import {
  containerState,
  execInContainer,
  removeContainer,
  startContainer
} from '../../cli/walk-through/container.js'
import { buildRootfs } from '../../cli/walk-through/rootfs.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import { parseFilter } from '../../src/seccomp/filter/cbpf.js'
import { compareFilter, allowedNames } from '../../src/seccomp/filter/filter-compare.js'
import { renderLearn } from '../../src/seccomp/render/render.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import { servers as allServers } from '../bench/enforced/servers.js'
import { spawnSecco } from '../helpers/secco-command.js'

const starts = 20
const grants = ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_BPF']

const servers = allServers.filter(({ name }) => name === 'nginx' || name === 'redis')
/** Empty folders that either of them writes to. */
const writable = ['/run', '/tmp', '/data', '/var/lib/nginx', '/var/log/nginx']

/** The same profile, one call denied. */
const withoutCall = (profile: LinuxSeccomp, name: string): LinuxSeccomp => ({
  ...profile,
  syscalls: (profile.syscalls ?? [])
    .map((rule) => ({ ...rule, names: rule.names.filter((one) => one !== name) }))
    .filter(({ names }) => names.length > 0)
})

function traceUntilEnd(
  id: string,
  root: string
): { child: ChildProcess; ready: Promise<void>; profile: Promise<string> } {
  const child = spawnSecco(['trace', id, '--wait', '--root', root, '-o', 'profile'])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  const ready = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      if (stderr.includes('waiting for')) resolve()
    })
    child.once('close', () => reject(new Error(stderr)))
  })
  const profile = new Promise<string>((resolve, reject) => {
    child.once('close', (code) => (code === 0 ? resolve(stdout) : reject(new Error(stderr))))
  })
  profile.catch(() => undefined)
  return { child, ready, profile }
}

const tracing = probeTracing()

test('real servers: learned once, enforced every time', {
  skip: tracing.available ? false : (tracing.reason ?? 'no tracing')
}, async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'secco-servers-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const cache = join(repositoryRoot, '.cache', 'walk-through')
  const attack = await compileAttack(cache)

  for (const server of servers) {
    await t.test(server.name, async (t) => {
      const port = await freePort()
      const folder = join(work, server.name)
      const rootfs = await buildRootfs(cache, server.packages, (line) => t.comment(line))
      const files = [{ source: attack, target: '/root/attack' }]
      for (const [target, text] of Object.entries(server.files?.(port) ?? {})) {
        const source = join(folder, target.replaceAll('/', '_'))
        await mkdir(folder, { recursive: true })
        await writeFile(source, text)
        files.push({ source, target })
      }
      const container = { id: `secco-test-${server.name}`, root: join(work, 'runc') }
      t.teardown(() => removeContainer(container, server.stopSignal))
      const start = async (seccomp: LinuxSeccomp | undefined) => {
        const bundle = await writeBundle(join(folder, 'bundle'), {
          rootfs,
          args: server.args(port),
          files,
          writable,
          seccomp,
          profile: server.name,
          noNewPrivileges: true,
          extraCapabilities: grants
        })
        await startContainer(container, bundle)
        await server.ready(port)
      }
      const attackNow = async () =>
        parseAttempts((await execInContainer(container, ['/root/attack'])).stdout)

      await start(undefined)
      const free = await attackNow()
      t.same(
        free.map((attempt) => attempt.denied),
        [false, false, false, false, false],
        'without a profile the attack succeeds'
      )
      await removeContainer(container, server.stopSignal)

      const trace = traceUntilEnd(container.id, container.root)
      await trace.ready
      await start(renderLearn(machine()).seccomp)
      t.ok(await server.works(port), 'right answers while learning')
      await removeContainer(container, server.stopSignal)
      const profile = JSON.parse(await trace.profile) as LinuxSeccomp

      let right = 0
      for (let round = 0; round < starts; round += 1) {
        await start(profile)
        if (await server.works(port)) right += 1
        if (round === 0) {
          const caged = await attackNow()
          t.same(
            caged.map((attempt) => attempt.denied),
            [true, true, true, true, true],
            'under the profile it is denied on every count'
          )
          const pid = (await containerState(container))?.pid ?? 0
          const abis = abisOfMachine(machine())
          const found = (await readKernelFilters([pid])).byPid.get(pid) ?? []
          t.equal(found.length, 1, 'one filter, read back from the kernel')
          const filter = parseFilter(found[0] ?? Buffer.alloc(0))
          const skipped = new Set((await compileFilter(profile))?.skipped)
          const own = compareFilter(filter, profile, { abis, skipped })
          t.same(own.differences, [], 'it is the profile, call by call')
          t.ok(own.same && own.asked > 1500, `${own.asked} calls asked, arguments among them`)
          const [left = 'read'] = allowedNames(filter, abis[0] ?? 'x86_64')
          const less = withoutCall(profile, left)
          const { same, differences } = compareFilter(filter, less, { abis, skipped })
          t.notOk(same, `a profile without ${left} is told apart`)
          t.match(differences[0], { syscall: left, found: 'SCMP_ACT_ALLOW' })
          const foreign = compareFilter(filter, runtimeDefault(), { abis })
          t.notOk(foreign.same, 'and so is RuntimeDefault')
          t.comment(
            `${own.asked} calls asked; others differ in ${String(foreign.differences.length)}`
          )
        }
        await removeContainer(container, server.stopSignal)
      }
      t.equal(right, starts, `${right} of ${starts} enforced starts with right answers`)
    })
  }
})
