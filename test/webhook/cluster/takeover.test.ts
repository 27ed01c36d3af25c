import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { ensureClientLeaf, ensureServerLeaf } from '../../../certs/files.js'
import { askHub } from '../../../cli/hubs/hub-api.js'
import { Denials, type ContainerRef, SyscallCount } from '../../../src/api/gen/hub.js'
import { customResourceDefinitions } from '../../../src/api/crd.js'
import { apiVersion } from '../../../src/api/names.js'
import { startUplink, type Uplink } from '../../../satellite/uplink/uplink.js'
import type { HistoryAnswer } from '../../../webhook/confinement/history/history-routes.js'
import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import type { NodeView } from '../../../webhook/views/view.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { type Cluster, kubeconfigOf, startCluster } from '../../helpers/cluster.js'
import { spawnSecco } from '../../helpers/secco-command.js'
import { startTcpBalancer } from '../../helpers/tcp-balancer.js'
import { startTcpProxy } from '../../helpers/tcp-proxy.js'
import { isNightly } from '../../helpers/fuzz.js'
import { GivenUp, until } from '../../helpers/until.js'
import { collectLog, memoryInstaller, nodeStatus, observationOf } from '../hub/rig.js'

const found = await findApiServer()
const skip = found.skip ?? false
const root = 'secco-system'
/** Hubs listen on 127.0.0.1, at the same port. */
const relayHost = '127.0.0.2'
const namespace = 'shop'
const satellites = 10
/** Calls that containers make besides, one after the other. */
const calls = ['write', 'openat', 'close']
const patience = { timeoutMs: 60_000, everyMs: 50 }
/** Ten seconds are promised, also until every replica is whole; other tests run beside this one. */
const takeoverMs = 15_000
/** The nightly tier waits until the hubs notice that no heartbeat comes, which takes more than a minute. */
const isLong = isNightly

interface Listed<Item> {
  items: Item[]
}

interface HubProcess {
  id: string
  ui: string
  hubPort: number
  proxy: Awaited<ReturnType<typeof startTcpProxy>>
  /** Where satellites reach it once they know the active hub. */
  relay: Awaited<ReturnType<typeof startTcpBalancer>>
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

async function prepare({ kube }: Cluster): Promise<void> {
  for (const definition of Object.values(customResourceDefinitions())) {
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  }
  for (const name of [root, namespace]) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  }
  for (const plural of ['seccompprofiles', 'seccomprules']) {
    await until(`${plural} to be served`, async () =>
      (await kube.call('GET', `/apis/${apiVersion}/${plural}`)).status === 200 ? true : undefined
    )
  }
}

/** Starts `secco webhook` with a connection of its own to the API server. */
async function startHubProcess(
  t: Test,
  { cluster, folder, id }: { cluster: Cluster; folder: string; id: string }
): Promise<HubProcess> {
  const state = join(folder, id)
  mkdirSync(state, { recursive: true })
  const proxy = await startTcpProxy(Number(new URL(cluster.url).port))
  const kubeconfig = join(state, 'kubeconfig')
  const url = `https://127.0.0.1:${proxy.port}`
  writeFileSync(kubeconfig, kubeconfigOf(url, cluster.caPem, cluster.token), { mode: 0o600 })
  const local = '127.0.0.1:0'
  const child = spawnSecco([
    ...['webhook', '--state', state, '--kubeconfig', kubeconfig, '--replica', id],
    ...['--listen', local, '--hub-listen', local, '--ui-listen', local],
    ...['--tls-dir', join(folder, 'tls'), '--advertise', relayHost]
  ])
  let output = ''
  for (const stream of [child.stderr, child.stdout])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = once(child, 'close')
  const end: HubProcess['end'] = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  t.teardown(async () => {
    await end('SIGKILL')
    await proxy.close()
    const lines = output.split('\n').filter((line) => !line.includes('"msg":"denial"'))
    if (!t.passing()) t.comment(lines.slice(-60).join('\n'))
  })
  const addresses = await until(
    `hub ${id}`,
    () => {
      if (child.exitCode !== null) throw new GivenUp(output)
      const text = readFileSync(join(state, 'addresses.json'), 'utf8')
      return JSON.parse(text) as { hub: string; ui: string }
    },
    { timeoutMs: 180_000, everyMs: 50 }
  )
  const { hub, ui } = addresses
  const hubPort = Number(hub.split(':').at(-1))
  const relay = await startTcpBalancer({ host: relayHost, port: hubPort })
  t.teardown(() => relay.close())
  relay.setTargets([hubPort])
  return { id, ui, hubPort, proxy, relay, end }
}

interface Lease {
  metadata: { annotations?: Record<string, string> }
  spec: { holderIdentity?: string; renewTime?: string }
}

/** A satellite whose one container makes denied calls, and reports them as real ones do: the whole count. */
class DenyingNode {
  readonly #uplink: Uplink
  readonly #container: ContainerRef
  readonly name: string
  count = 0
  #sequence = 0

  constructor(name: string, uplink: Uplink, container: ContainerRef) {
    this.name = name
    this.#uplink = uplink
    this.#container = container
  }

  deny(): void {
    this.count += 1
    this.report()
    this.#sequence += 1
    this.#uplink.offer(
      observationOf(`${this.name}/boot/1`, ['read', calls[this.#sequence % 3] ?? ''], {
        ...{ sequence: this.#sequence, container: this.#container, denied: this.#denied() }
      })
    )
  }

  report(): void {
    if (this.count === 0) return
    const one = { instance: `${this.name}/boot/1`, container: this.#container, revision: '' }
    const value = Denials.fromPartial({ containers: [{ ...one, denied: this.#denied() }] })
    this.#uplink.send({ $case: 'denials', value })
  }

  #denied() {
    const call = { name: 'chroot', count: this.count, action: 'SCMP_ACT_ERRNO' }
    return [SyscallCount.fromPartial(call)]
  }
}

async function startNode(
  t: Test,
  { cluster, folder, port, name }: { cluster: Cluster; folder: string; port: number; name: string }
): Promise<DenyingNode> {
  const { kube } = cluster
  await kube.do('POST', '/api/v1/nodes', {
    metadata: { name, labels: { 'kubernetes.io/os': 'linux' } }
  })
  const pod = (await kube.do('POST', `/api/v1/namespaces/${namespace}/pods`, {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: `web-${name}` } },
    spec: { nodeName: name, containers: [{ name: 'app', image: 'web:1' }] }
  })) as { metadata: { uid: string } }
  const container: ContainerRef = {
    ...{ id: `c-${name}`, runtime: 'runc', name: 'app', image: 'web:1', labels: {}, profile: '' },
    ...{ podNamespace: namespace, podName: `web-${name}`, podUid: pod.metadata.uid }
  }
  const installer = memoryInstaller()
  let node: DenyingNode | undefined
  const uplink = await startUplink({
    ...{ hub: `localhost:${port}`, node: name, logger: collectLog().logger },
    ...{ onRevision: installer.onRevision, holding: installer.holding },
    tls: await ensureClientLeaf(join(folder, 'certs'), name),
    spoolDir: join(folder, 'spool', name),
    status: () => nodeStatus,
    onWelcome: () => node?.report()
  })
  t.teardown(() => uplink.close())
  return (node = new DenyingNode(name, uplink, container))
}

test('the active hub goes, another one takes over: nothing lost, nothing counted twice', {
  skip,
  timeout: 900_000
}, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const folder = mkdtempSync(join(tmpdir(), 'secco-takeover-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  await prepare(cluster)
  const { ca, cert, key } = await ensureServerLeaf(join(folder, 'certs'), [
    'localhost',
    '127.0.0.1',
    relayHost
  ])
  mkdirSync(join(folder, 'tls'))
  for (const [name, text] of [
    ['ca.crt', ca],
    ['tls.crt', cert],
    ['tls.key', key]
  ] as const) {
    writeFileSync(join(folder, 'tls', name), text, { mode: 0o600 })
  }

  const hubs = new Map<string, HubProcess>()
  const service = await startTcpBalancer()
  t.teardown(() => service.close())
  const route = (): void => service.setTargets([...hubs.values()].map(({ hubPort }) => hubPort))
  const begin = async (id: string): Promise<HubProcess> => {
    const hub = await startHubProcess(t, { cluster, folder, id })
    hubs.set(id, hub)
    route()
    return hub
  }
  const leave = (hub: HubProcess): void => {
    hubs.delete(hub.id)
    route()
  }
  const lease = async (): Promise<Lease> =>
    (await cluster.kube.do(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/${root}/leases/secco-hub`
    )) as unknown as Lease
  const activeId = async (): Promise<string> =>
    ((await lease()).spec.holderIdentity ?? '').replace(/_[^_]*$/, '')
  /** The active hub has read which replica waits: it renews the lease after it has read it. */
  const standbyKnown = async (): Promise<void> => {
    await until(
      'a standby in the lease',
      async () => (await lease()).metadata.annotations?.['secco.dev/standby'] || undefined,
      patience
    )
    for (let renewals = 0; renewals < 2; renewals += 1) {
      const { renewTime } = (await lease()).spec
      await until(
        'the lease to be renewed',
        async () => (await lease()).spec.renewTime !== renewTime || undefined,
        patience
      )
    }
  }
  const active = () =>
    until('an active hub', async () => hubs.get(await activeId().catch(() => '')), patience)

  await Promise.all([begin('h1'), begin('h2')])
  const nodes: DenyingNode[] = []
  for (let nth = 0; nth < satellites; nth += 1) {
    nodes.push(await startNode(t, { cluster, folder, port: service.port, name: `n${nth}` }))
  }
  const accessOf = ({ ui }: HubProcess) => ({ ui, token: cluster.token })
  const all = (): HubProcess[] => [...hubs.values()]
  /** Every replica gives the whole answer. */
  const whole = (of: readonly HubProcess[]) =>
    until(
      'every node to be connected, by every replica',
      async () => {
        for (const hub of of) {
          const { items } = await askHub<Listed<NodeView>>(accessOf(hub), '/api/v1/nodes')
          if (items.filter(({ connected }) => connected).length !== satellites) return undefined
        }
        return true
      },
      patience
    )
  const counts = async (hub: HubProcess): Promise<Record<string, number>> => {
    const { items } = await askHub<Listed<DenialView>>(
      accessOf(hub),
      `/api/v1/denials?namespace=${namespace}`
    )
    const sums: Record<string, number> = Object.fromEntries(nodes.map(({ name }) => [name, 0]))
    for (const { node, count } of items) sums[node] = (sums[node] ?? 0) + count
    return sums
  }
  const made = () => Object.fromEntries(nodes.map(({ name, count }) => [name, count]))
  const exact = async (t: Test, of: readonly HubProcess[]): Promise<void> => {
    for (const hub of of) {
      await until(
        `the counts of ${hub.id}`,
        async () =>
          JSON.stringify(await counts(hub)) === JSON.stringify(made()) ? true : undefined,
        patience
      ).catch(() => undefined)
      t.strictSame(await counts(hub), made(), `every denial once, by replica ${hub.id}`)
    }
  }
  await whole(all())
  const busy = new AbortController()
  const load = (async () => {
    for (let at = 0; !busy.signal.aborted; at += 1) {
      nodes[at % satellites]?.deny()
      await delay(20)
    }
  })()
  t.teardown(async () => {
    busy.abort()
    await load
  })

  const takeover = async (t: Test, what: string, go: (old: HubProcess) => Promise<void>) => {
    await whole(all())
    const old = await active()
    const others = all().filter((hub) => hub !== old)
    const began = performance.now()
    await go(old)
    await until(
      'another hub',
      async () => ((await activeId().catch(() => old.id)) === old.id ? undefined : true),
      patience
    )
    const activeMs = performance.now() - began
    await whole(others)
    const wholeMs = performance.now() - began
    t.comment(
      `${what}: another one is active after ${activeMs.toFixed(0)} ms, whole after ${wholeMs.toFixed(0)} ms`
    )
    t.ok(activeMs <= takeoverMs, `${what}: active after ${activeMs.toFixed(0)} ms`)
    if (isNightly) t.ok(wholeMs <= takeoverMs, `${what}: whole after ${wholeMs.toFixed(0)} ms`)
  }

  /** Waits until the last two lines about hubs, as the active one answers. */
  const recorded = (before: RegExp, last: RegExp) =>
    until(
      `${String(before)}, ${String(last)}`,
      async () => {
        const path = `/api/v1/history?workload=web-n0&namespace=${namespace}`
        const { installation } = await askHub<HistoryAnswer>(accessOf(await active()), path)
        const texts = installation?.events.map(({ text }) => text) ?? []
        const [one = '', two = ''] = texts.filter((text) => text.startsWith('hub ')).slice(-2)
        return (before.test(one) && last.test(two)) || undefined
      },
      patience
    )

  await t.test('killed', async (t) => {
    await takeover(t, 'killed', async (old) => {
      await old.end('SIGKILL')
      leave(old)
    })
    await recorded(/^hub (started|took over)/, /; the one before was killed or cut off after 2/)
    await begin('h3')
    await whole(all())
  })
  await t.test('ended gracefully', async (t) => {
    await takeover(t, 'ended', async (old) => {
      leave(old)
      void old.end('SIGTERM')
      await Promise.resolve()
    })
    await recorded(/^hub stopped, /, /^hub took over, [^;]*$/)
    await begin('h4')
    await whole(all())
  })
  await t.test('cut off from the API server for a while', async (t) => {
    await standbyKnown()
    const cut = await active()
    const isolate = async (old: HubProcess) => {
      old.proxy.freeze()
      old.proxy.deny(true)
      await Promise.resolve()
    }
    await takeover(t, 'cut off', isolate)
    cut.proxy.deny(false)
    cut.proxy.reset()
    await whole(all())
    t.not(await activeId(), cut.id)
  })
  await t.test('nothing gets through between satellites and hubs for a while', async (t) => {
    const before = await active()
    const ways = [service, ...all().map(({ relay }) => relay)]
    for (const way of ways) way.cut(true)
    // The other hub answers through the active one, which it cannot reach either.
    const isCut = async () => {
      const { items } = await askHub<Listed<NodeView>>(accessOf(before), '/api/v1/nodes')
      return items.some(({ connected }) => connected) ? undefined : true
    }
    if (isLong)
      await until('every node to be shown as not connected', isCut, { timeoutMs: 180_000 })
    else await delay(15_000)
    t.ok((await counts(before))['n0'] ?? 0, 'what was known stays known')
    for (const way of ways) way.cut(false)
    await whole(all())
    t.equal((await active()).id, before.id, 'no other hub took over')
  })
  await t.test('satellites find no hub for a while', async (t) => {
    service.setTargets([])
    const old = await active()
    await old.end('SIGKILL')
    hubs.delete(old.id)
    await delay(12_000)
    await begin('h5')
    await whole(all())
    t.pass('they are back')
  })
  busy.abort()
  await load
  await exact(t, all())
  const total = nodes.reduce((sum, { count }) => sum + count, 0)
  t.comment(`${total} denials through four takeovers and a cut`)
  const path = `/apis/${apiVersion}/namespaces/${namespace}/seccompprofiles`
  const { items } = (await cluster.kube.do('GET', path)) as {
    items: { status?: { observed?: Record<string, string[]>; evidence?: { instances?: number } } }[]
  }
  const observed = items.map(({ status }) => status?.observed?.['x86_64']?.join())
  t.strictSame([...new Set(observed)], ['close,openat,read,write'], 'every observation')
  t.equal(observed.length, satellites)
})
