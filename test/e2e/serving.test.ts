import { mkdir, writeFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { renderLearn } from '../../src/seccomp/render/render.js'
import { writeBundle } from '../../cli/walk-through/bundle.js'
import { removeContainer, startContainer } from '../../cli/walk-through/container.js'
import { buildRootfs } from '../../cli/walk-through/rootfs.js'
import { type Server, servers as allServers } from '../bench/enforced/servers.js'
import { freePort } from '../helpers/child-program.js'
import { repositoryRoot } from '../helpers/repository.js'
import { everything } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

const tracing = probeTracing()
const skip = tracing.available ? false : (tracing.reason ?? 'no tracing')
const servers = allServers.filter(({ name }) => ['nginx', 'redis', 'memcached'].includes(name))
const patience = { timeoutMs: 120_000, everyMs: 200 }
const writable = ['/run', '/tmp', '/data', '/var/lib/nginx', '/var/log/nginx']

type Secco = Awaited<ReturnType<typeof everything>>

async function startServer(secco: Secco, server: Server, port: number) {
  const cache = join(repositoryRoot, '.cache', 'walk-through')
  const folder = join(secco.state, `of-${server.name}`)
  await mkdir(folder, { recursive: true })
  const files: { source: string; target: string }[] = []
  for (const [target, text] of Object.entries(server.files?.(port) ?? {})) {
    const source = join(folder, target.replaceAll('/', '_'))
    await writeFile(source, text)
    files.push({ source, target })
  }
  const bundle = await writeBundle(join(folder, 'bundle'), {
    rootfs: await buildRootfs(cache, server.packages, () => undefined),
    args: server.args(port),
    ...{ files, writable, profile: server.name, noNewPrivileges: true },
    seccomp: renderLearn(machine()).seccomp
  })
  const container = { id: `serving-${server.name}`, root: join(secco.state, 'runc') }
  await startContainer(container, bundle)
  await server.ready(port)
  return container
}

async function learned(secco: Secco, name: string): Promise<SeccompProfile | undefined> {
  const { items } = await secco.api<{ items: SeccompProfile[] }>('profiles')
  return items.find(({ metadata }) => metadata.name === name)
}

test('what real servers went through is what is said of them', {
  skip,
  timeout: 600_000
}, async (t) => {
  const secco = await everything()
  t.teardown(() => secco.dispose())
  for (const server of servers) {
    await t.test(server.name, async (t) => {
      const port = await freePort()
      const container = await startServer(secco, server, port)
      t.teardown(() => removeContainer(container, server.stopSignal))
      t.ok(await server.works(port), 'right answers')
      const serving = await until(
        'its serving calls to be known',
        async () => {
          // The satellite tells start-up from serving some time after the first request.
          await server.works(port)
          const { serving, startup } = (await learned(secco, server.name))?.status ?? {}
          const [after, before] = [serving?.['x86_64'] ?? [], startup?.['x86_64'] ?? []]
          return after.length > 0 && before.length > 0 ? { after, before } : undefined
        },
        patience
      )
      t.ok(
        ['bind', 'listen'].every((name) => serving.before.includes(name)),
        'start-up listens'
      )
      t.notOk(serving.after.includes('listen'), 'and serving does not')
      // A restart of Secco is no start, and no reload, of the server.
      await secco.halt('SIGKILL')
      await secco.restart()
      t.ok(await server.works(port), 'right answers after a restart of Secco')
      await removeContainer(container, server.stopSignal)
      const events = await until(
        'its end to be known',
        async () => {
          const { instances = [] } = (await learned(secco, server.name))?.status ?? {}
          const [own, ...others] = instances
          return others.length === 0 && own?.events?.includes('stop') === true
            ? own.events
            : undefined
        },
        patience
      )
      t.same([...events].sort(), ['serve', 'start', 'stop'], 'one instance')
      const words = await secco.secco('profile', 'show', server.name)
      t.notMatch(words, /serving[^\n]*not seen|reload/i, 'what was seen is not asked for')
    })
  }
})
