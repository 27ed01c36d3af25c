import { revisionPath } from '../../../src/api/names.js'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { generate } from 'selfsigned'
import {
  type HubMessage,
  Observation,
  type Revision,
  RunningContainer,
  SyscallCount
} from '../../../src/api/gen/hub.js'
import { parsePair } from '../../../certs/authority.js'
import { newHubClient, type UplinkTls } from '../../../satellite/uplink/hub-client.js'
import { type Body, connectMethod, encodeBody } from '../../../satellite/uplink/messages.js'
import { until } from '../../helpers/until.js'
import { nodeStatus } from '../../webhook/hub/rig.js'

export const containersOfNode = 20
const connectedAtOnce = 50
const since = '2026-11-01T00:00:00.000Z'
const patience = { timeoutMs: 300_000, everyMs: 50 }

const syscalls = ['read', 'write', 'openat', 'close', 'mmap', 'futex', 'accept4', 'sendto'].map(
  (name, i) => SyscallCount.fromPartial({ name, count: 100 + i })
)

function containerOf(node: string, nth: number, run = 0) {
  return {
    ...{ id: `${node}-c${nth}-${run}`, runtime: 'containerd', name: `c${nth}`, image: 'web:1' },
    labels: {},
    profile: ''
  }
}

function runningOf(node: string, nth: number, run = 0): RunningContainer {
  return RunningContainer.fromPartial({
    key: `${node}/boot/${nth}.${run}`,
    container: containerOf(node, nth, run),
    ...{ pid: 1000 + nth, startedAt: since, running: true, declared: 'runtime-default' },
    ...{ mode: 2, filters: 1, checked: 'mode', same: true, digest: `sha256:${'0'.repeat(64)}` }
  })
}

/** FleetNode speaks for the satellite of one node: the real protocol, on a connection with a certificate of its own. */
class FleetNode {
  readonly name: string
  readonly #tls: UplinkTls
  readonly #holding = new Set<string>()
  readonly #acked = new Map<string, number>()
  #stream: ClientDuplexStream<Uint8Array, HubMessage> | undefined
  #client: ReturnType<typeof newHubClient> | undefined
  #generation = 0
  isWelcome = false
  messages = 0

  constructor(name: string, tls: UplinkTls) {
    this.name = name
    this.#tls = tls
  }

  connect(port: number): void {
    this.isWelcome = false
    this.#client?.close()
    this.#client = newHubClient({ hub: `localhost:${port}` }, this.#tls, 1000)
    const { path, serialize, deserialize } = connectMethod
    const stream = this.#client.makeBidiStreamRequest(path, serialize, deserialize)
    this.#stream = stream
    stream.on('data', (message: HubMessage) => this.#receive(message))
    stream.on('error', () => {
      this.isWelcome = false
    })
    this.#send({
      $case: 'hello',
      value: {
        ...{ node: this.name, bootId: 'boot', version: '0.1.0', status: nodeStatus },
        ...{ holding: [...this.#holding], takesAcksTogether: true, takesTraces: true },
        ...{ startedAt: since, sendsRevisions: true }
      }
    })
  }

  holds(path: string): boolean {
    return this.#holding.has(path)
  }

  ackedUpTo(id: string): number {
    return this.#acked.get(id) ?? 0
  }

  inventory(containers: readonly RunningContainer[], gone: readonly string[], first = false): void {
    this.#generation += 1
    this.#send({
      $case: 'inventory',
      value: {
        ...{ generation: this.#generation, first, last: true },
        ...{ containers: [...containers], gone: [...gone] }
      }
    })
  }

  /** Returns the id under which the hub acknowledges it. */
  observe(nth: number, workload: string, sequence: number, denied = 0): string {
    const id = `${this.name}/boot/${nth}.0`
    const value = Observation.fromPartial({
      ...{ id, sequence, complete: true, firstSeen: since, lastSeen: new Date().toISOString() },
      container: { ...containerOf(this.name, nth), name: workload },
      abis: [{ abi: 'x86_64', syscalls }],
      denied: denied === 0 ? [] : [{ name: 'mount', count: denied, action: 'SCMP_ACT_ERRNO' }]
    })
    this.#send({ $case: 'observation', value })
    return id
  }

  close(): void {
    this.#stream?.cancel()
    this.#client?.close()
  }

  #send(body: Body): void {
    this.#stream?.write(encodeBody(body))
  }

  #receive({ body }: HubMessage): void {
    this.messages += 1
    if (body?.$case === 'welcome') {
      this.isWelcome = true
      const all = Array.from({ length: containersOfNode }, (_, nth) => runningOf(this.name, nth))
      this.inventory(all, [], true)
    } else if (body?.$case === 'revision') this.#take(body.value)
    else if (body?.$case === 'observationAck') this.#ack(body.value)
    else if (body?.$case === 'observationAcks') for (const one of body.value.acks) this.#ack(one)
    else if (body?.$case === 'heartbeat') this.#send({ $case: 'heartbeat', value: body.value })
  }

  #ack({ id, sequence }: { id: string; sequence: number }): void {
    this.#acked.set(id, Math.max(sequence, this.ackedUpTo(id)))
  }

  #take({ namespace, profile, digest }: Revision): void {
    this.#holding.add(revisionPath(namespace, profile, digest))
    const ready = { ready: true, code: '', message: '' }
    this.#send({ $case: 'revisionStatus', value: { namespace, profile, digest, ...ready } })
  }
}

/** Makes a certificate for each node. Here and not in a thread for each, as the product does: it is thousands. */
async function certificatesOf(certs: string, names: readonly string[]): Promise<UplinkTls[]> {
  const path = join(certs, 'authority.pem')
  const ca = parsePair(await readFile(path, 'utf8'), path)
  const notAfterDate = new Date(Date.now() + 86_400_000)
  return Promise.all(
    names.map(async (value) => {
      const made = await generate([{ name: 'commonName', value }], {
        ...{ keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notAfterDate, ca },
        extensions: [
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', clientAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value }] }
        ]
      })
      return { ca: ca.cert, cert: made.cert, key: made.private }
    })
  )
}

/** Satellites is the fleet: its nodes connect, report and take revisions. */
export class Satellites {
  readonly nodes: readonly FleetNode[]
  #runs = 0

  private constructor(nodes: readonly FleetNode[]) {
    this.nodes = nodes
  }

  static async create(certs: string, count: number): Promise<Satellites> {
    const names = Array.from({ length: count }, (_, nth) => `n${String(nth).padStart(5, '0')}`)
    const tls = await certificatesOf(certs, names)
    return new Satellites(names.map((name, i) => new FleetNode(name, tls[i] as UplinkTls)))
  }

  /** Connects all, some at once as after the start of a cluster; resolves when the hub has welcomed each. */
  async connect(port: number): Promise<void> {
    for (let at = 0; at < this.nodes.length; at += connectedAtOnce) {
      const some = this.nodes.slice(at, at + connectedAtOnce)
      for (const node of some) node.connect(port)
      await this.#all('to be welcomed', some, ({ isWelcome }) => isWelcome)
    }
  }

  /** Resolves when every node has this revision. */
  hold(path: string): Promise<void> {
    return this.#all(`to have ${path}`, this.nodes, (node) => node.holds(path))
  }

  /** Each node reports every one of its containers; resolves when the hub has acknowledged all. */
  async observe(workloads: number): Promise<void> {
    this.#runs += 1
    const sequence = this.#runs
    const sent = this.nodes.flatMap((node, at) =>
      Array.from({ length: containersOfNode }, (_, nth) => {
        const workload = `w${(at * containersOfNode + nth) % workloads}`
        return { node, id: node.observe(nth, workload, sequence) }
      })
    )
    await until(
      'every observation to be acknowledged',
      () => {
        const missing = sent.filter(({ node, id }) => node.ackedUpTo(id) < sequence).length
        if (missing > 0) throw new Error(`${missing} of ${sent.length} are not`)
        return true
      },
      patience
    )
  }

  /** A container of one node is replaced by a new one. */
  replace(nth: number): void {
    this.#runs += 1
    const node = this.nodes[nth % this.nodes.length]
    const at = nth % containersOfNode
    if (node === undefined) return
    node.inventory([runningOf(node.name, at, this.#runs)], [`${node.name}/boot/${at}.0`])
  }

  deny(nth: number, workloads: number): void {
    this.#runs += 1
    const node = this.nodes[nth % this.nodes.length]
    node?.observe(nth % containersOfNode, `w${nth % workloads}`, this.#runs, this.#runs)
  }

  messages(): number {
    return this.nodes.reduce((sum, node) => sum + node.messages, 0)
  }

  close(): void {
    for (const node of this.nodes) node.close()
  }

  async #all(
    what: string,
    nodes: readonly FleetNode[],
    is: (node: FleetNode) => boolean
  ): Promise<void> {
    await until(
      `all nodes ${what}`,
      () => {
        const missing = nodes.filter((node) => !is(node)).length
        if (missing > 0) throw new Error(`${missing} of ${nodes.length} are not`)
        return true
      },
      patience
    )
  }
}

/** A name that no other run uses. */
export const freshName = (): string => `p${randomUUID().slice(0, 8)}`
