import { createSocket } from 'node:dgram'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Kube } from '../kube.js'
import { answerDns } from './dns.js'
import type { Ground } from './ground.js'

interface Service {
  metadata: { namespace: string; name: string }
  spec: {
    type?: string
    clusterIP?: string
    ports?: { name?: string; port: number; protocol?: string }[]
  }
}

interface Slice {
  metadata: { namespace: string; labels?: Record<string, string> }
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[]
  ports?: { name?: string; port?: number }[]
}

interface Backend {
  host: string
  port: number
}

/** What the services are now: addresses by DNS name, and where each address and port leads. */
interface Picture {
  names: Map<string, string[]>
  /** `address:port` → backends. */
  ports: Map<string, Backend[]>
}

/** Reads the API's objects into a picture; pure. */
function readServices(services: readonly Service[], slices: readonly Slice[]): Picture {
  const names = new Map<string, string[]>()
  const ports = new Map<string, Backend[]>()
  for (const { metadata, spec } of services) {
    const own = slices.filter(
      (slice) =>
        slice.metadata.namespace === metadata.namespace &&
        slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name
    )
    const ready = own.flatMap((slice) =>
      (slice.endpoints ?? [])
        .filter((one) => one.conditions?.ready !== false)
        .flatMap(({ addresses }) => addresses.map((host) => ({ host, slice })))
    )
    const address = spec.clusterIP ?? ''
    const isHeadless = address === 'None' || address === ''
    names.set(
      `${metadata.name}.${metadata.namespace}.svc.cluster.local`,
      isHeadless ? ready.map(({ host }) => host) : [address]
    )
    if (isHeadless) continue
    for (const { name = '', port, protocol } of spec.ports ?? []) {
      if ((protocol ?? 'TCP') !== 'TCP') continue
      const backends = ready.flatMap(({ host, slice }) => {
        const target = slice.ports?.find((one) => (one.name ?? '') === name)?.port
        return target === undefined ? [] : [{ host, port: target }]
      })
      ports.set(`${address}:${port}`, backends)
    }
  }
  return { names, ports }
}

/** One service port: connections go to its backends in turn. */
function forward(backends: () => readonly Backend[]): Server {
  let turn = 0
  return createServer((client: Socket) => {
    const all = backends()
    const backend = all[turn++ % Math.max(all.length, 1)]
    // Pods go without a word: nothing waits for theirs.
    client.unref()
    client.on('error', () => client.destroy())
    if (backend === undefined) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(backend)
    upstream.unref()
    upstream.on('error', () => client.resetAndDestroy())
    upstream.on('close', () => client.destroySoon())
    client.on('close', () => upstream.destroy())
    client.pipe(upstream).pipe(client)
  })
}

/**
 * What kube-proxy and cluster DNS are elsewhere, in this process and for TCP: every service address is an
 * address of the bridge, with a listener that forwards to the ready endpoints; names below
 * `svc.cluster.local` are answered at the tenth service address. Ends with the process.
 */
export async function startServiceNetwork(
  ground: Ground,
  kube: Kube
): Promise<{ close(): Promise<void> }> {
  let picture: Picture = { names: new Map(), ports: new Map() }
  const listeners = new Map<string, Server>()
  const addresses = new Set([ground.serverAddress])
  const stopped = new AbortController()

  async function take(address: string): Promise<void> {
    if (addresses.has(address)) return
    addresses.add(address)
    await ground.addAddress(address)
  }
  async function apply(): Promise<void> {
    const [services, slices] = await Promise.all([
      kube.do('GET', '/api/v1/services'),
      kube.do('GET', '/apis/discovery.k8s.io/v1/endpointslices')
    ])
    picture = readServices(services['items'] as Service[], slices['items'] as Slice[])
    for (const [key, server] of listeners) {
      if (picture.ports.has(key)) continue
      server.close()
      listeners.delete(key)
    }
    for (const key of picture.ports.keys()) {
      const [host = '', port = ''] = key.split(':')
      // The API server itself listens there.
      if (listeners.has(key) || host === ground.serverAddress) continue
      await take(host)
      const server = forward(() => picture.ports.get(key) ?? [])
      server.on('error', () => listeners.delete(key))
      server.listen({ host, port: Number(port) })
      server.unref()
      listeners.set(key, server)
    }
  }
  const dnsAddress = ground.serverAddress.replace(/\.1$/, '.10')
  await take(dnsAddress)
  const dns = createSocket('udp4')
  dns.on('message', (message, from) => {
    const answer = answerDns(message, (name) => picture.names.get(name))
    if (answer !== undefined) dns.send(answer, from.port, from.address)
  })
  await new Promise<void>((done, fail) => {
    dns.once('error', fail)
    dns.bind({ address: dnsAddress, port: 53 }, () => done())
  })
  dns.unref()
  await apply()
  const following = (async () => {
    // A few requests a second of a quiet API server; a watch would save nothing here.
    for (;;) {
      const end = { ref: false, signal: stopped.signal }
      if (await delay(250, false, end).catch(() => true)) return
      await apply().catch(() => undefined)
    }
  })()
  return {
    close: async () => {
      stopped.abort()
      await following
      dns.close()
      for (const server of listeners.values()) server.close()
    }
  }
}
