import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import type { ApiServerPrograms } from './api-server-programs.js'
import { freePort } from './child-program.js'
import { hostilePods, podsAroundWebhook } from './hostile-pods.js'
import type { Json } from './kube.js'
import { type PlainWebhook, startPlainWebhook } from './plain-webhook.js'
import {
  type ReviewClient,
  type ReviewLoad,
  type ReviewTally,
  startReviewClient
} from './review-client.js'
import { realisticReview, testPod, type TestPod, testReview } from './review.js'
import { labels, web } from './reviews.js'
import { testRule } from './rules.js'
import { type ShippedCluster, shippedAdmission, startShippedCluster } from './shipped-cluster.js'
import { until } from './until.js'
import { makeWebhookClient } from './webhook-client.js'

/** Places of pods: those of `shop` are reviewed; `kube-node-lease` is as if Secco were not installed. */
const places = ['shop', 'kube-node-lease'] as const
/** The place whose pods a webhook that changes nothing reviews. */
const plainPlace = 'kube-system'
type Place = (typeof places)[number] | typeof plainPlace

/** Who creates the pods of Deployments; a tenant who may create pods. */
const [honest, attacker] = ['replicaset-controller', 'mallory']
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const attackers = 12
const ordinaryPod = realisticReview().request.object as TestPod
/** The path of the profile in a stored pod. */
const mark = '"localhostProfile":"secco/shop/checkout.app/'

interface Creations {
  ordinary: ReviewTally
  hostile: ReviewTally | undefined
}

export interface AttackRound {
  /** Time of a creation under attack ÷ without an attack. */
  withSecco: number
  without: number
  /** With a webhook that changes nothing: the API server writes each review for it, too. */
  withPlain: number
  /** Creations of pods that Secco reviews. */
  reviewed: readonly Creations[]
}

export interface DirectRound {
  /** Rate of creations under attack ÷ without an attack. */
  withSecco: number
  without: number
  /** Creations of pods that Secco reviews. */
  reviewed: readonly Creations[]
  /** Hostile pods that were to be stored. */
  tenants: readonly ReviewTally[]
}

/** AttackedWebhook is the webhook in a process of its own. */
interface AttackedWebhook {
  port: number
  /** PEM of its authority. */
  ca: string
  apiServerFlags: readonly string[]
  stop: () => void
}

async function startWebhook(isClientKnown: boolean): Promise<AttackedWebhook> {
  const now = new Date()
  const authority = await createAuthority(now)
  const { cert, key } = await createLeaf({ kind: 'server', names: ['127.0.0.1'] }, authority, now)
  const program = fork(new URL('./hostile-target.js', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'secco-attacked-'))
  const port = await freePort()
  const client = isClientKnown ? makeWebhookClient(folder, `127.0.0.1:${port}`) : undefined
  const clientCa = client && readFileSync(client.authority, 'utf8')
  const answer = once(program, 'message')
  program.send({ cert, key, port, ...(clientCa === undefined ? {} : { clientCa }) })
  await answer
  return {
    ...{ port, ca: authority.cert, apiServerFlags: client?.apiServerFlags ?? [] },
    stop() {
      if (program.connected) program.disconnect()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** AttackedCluster is a real API server with the shipped objects; the webhook and both clients are processes of their own. */
export class AttackedCluster {
  readonly #shipped: ShippedCluster
  readonly #webhook: AttackedWebhook
  #plain: PlainWebhook | undefined
  readonly #tenant: ReviewClient = startReviewClient(19)
  readonly #client = startReviewClient()
  readonly #attacker: ReviewClient = startReviewClient(19)

  private constructor(shipped: ShippedCluster, webhook: AttackedWebhook) {
    this.#shipped = shipped
    this.#webhook = webhook
  }

  /**
   * @param seconds how long the API server waits for the webhook; default: as it is shipped
   * @param isClientKnown whether the webhook answers only callers with the API server's certificate
   */
  static async start(
    programs: ApiServerPrograms,
    seconds?: number,
    isClientKnown = false
  ): Promise<AttackedCluster> {
    const webhook = await startWebhook(isClientKnown)
    const namespaces = { 'secco-system': {}, shop: {} }
    const own = new AttackedCluster(
      await startShippedCluster(programs, namespaces, webhook.apiServerFlags).catch(
        (error: unknown) => {
          webhook.stop()
          throw error
        }
      ),
      webhook
    )
    await own.#prepare(seconds).catch(async (error: unknown) => {
      await own.stop()
      throw error
    })
    return own
  }

  /** Creates ordinary pods, under attack or not. Returns what both were answered. */
  async create(place: Place, isAttacked: boolean, count: number): Promise<Creations> {
    const attack = isAttacked ? await this.#attacker.start(this.#attack(place)) : undefined
    const ordinary = await this.#client.run({ ...this.#ordinary(place), count })
    return { ordinary, hostile: await attack?.end() }
  }

  /**
   * Measures how much longer a creation takes under attack, with Secco, without it, and with a webhook that changes nothing:
   * the attack slows down the API server itself.
   */
  async round(): Promise<AttackRound> {
    const slowdowns: number[] = []
    const reviewed: Creations[] = []
    for (const place of [...places, plainPlace] as const) {
      const alone = await this.create(place, false, 300)
      const attacked = await this.create(place, true, 40)
      slowdowns.push(attacked.ordinary.ms / 40 / (alone.ordinary.ms / 300))
      if (place === 'shop') reviewed.push(alone, attacked)
    }
    const [withSecco = Number.NaN, without = Number.NaN, withPlain = Number.NaN] = slowdowns
    return { withSecco, without, withPlain, reviewed }
  }

  /**
   * Measures the same while the attacker sends reviews to the webhook's own port, and a tenant stores hostile pods through
   * the API server. Without Secco is what the attack costs the machine, which all of them share.
   * @param storing number of hostile pods
   */
  async directRound(storing = 8): Promise<DirectRound> {
    const rates: number[] = []
    const reviewed: Creations[] = []
    const tenants: ReviewTally[] = []
    for (const place of places) {
      const alone = await this.create(place, false, 100)
      const attack = await this.#attacker.start(this.#directAttack())
      const tenant =
        storing === 0 ? undefined : this.#tenant.run({ ...this.#stored(), count: storing })
      const ordinary = await this.#client.run({ ...this.#ordinary(place), count: 100 })
      if (tenant !== undefined) tenants.push(await tenant)
      const hostile = await attack.end()
      rates.push(alone.ordinary.ms / ordinary.ms)
      if (place === 'shop') reviewed.push(alone, { ordinary, hostile })
    }
    const [withSecco = Number.NaN, without = Number.NaN] = rates
    return { withSecco, without, reviewed, tenants }
  }

  /** Returns how many pods of `shop` are stored, and the names of those in which the profile is missing. */
  async stored(): Promise<{ count: number; unprotected: string[] }> {
    const unprotected: string[] = []
    let [count, next] = [0, '']
    do {
      const path = `/api/v1/namespaces/shop/pods?limit=500&continue=${next}`
      const { items, metadata } = await this.#shipped.cluster.kube.do('GET', path)
      for (const pod of items as { metadata: { name: string }; spec: { containers: Json[] } }[]) {
        count += 1
        const isProtected = pod.spec.containers.every((one) => JSON.stringify(one).includes(mark))
        if (!isProtected) unprotected.push(pod.metadata.name)
      }
      next = (metadata as { continue?: string }).continue ?? ''
    } while (next !== '')
    return { count, unprotected }
  }

  async stop(): Promise<void> {
    this.#client.stop()
    this.#attacker.stop()
    this.#tenant.stop()
    this.#webhook.stop()
    this.#plain?.stop()
    await this.#shipped.cluster.stop()
  }

  async #prepare(seconds: number | undefined): Promise<void> {
    const { kube } = this.#shipped.cluster
    const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: attacker }
    await kube.do('POST', `${rbac}/clusterroles`, {
      metadata: { name: attacker },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }]
    })
    for (const place of [...places, plainPlace]) {
      await kube.do('POST', `${rbac}/namespaces/${place}/rolebindings`, {
        metadata: { name: attacker },
        roleRef: role,
        subjects: [{ kind: 'ServiceAccount', name: attacker, namespace: 'shop' }]
      })
    }
    const { port, ca } = this.#webhook
    const { policies, configurationFor } = shippedAdmission('warn')
    const bundle = Buffer.from(ca).toString('base64')
    const configuration = configurationFor(`https://127.0.0.1:${port}/mutate`, bundle)
    const webhooks = (configuration['webhooks'] as Json[]).map((one) => ({
      ...one,
      ...(seconds === undefined ? {} : { timeoutSeconds: seconds })
    }))
    this.#plain = await startPlainWebhook(plainPlace)
    const own = { ...configuration, webhooks }
    await this.#shipped.apply([...policies, own, this.#plain.configuration])
    await this.#shipped.accept(testRule('web', web))
    await until('the webhook to be asked', async () => {
      const answer = await this.#shipped.create('shop', { ...testPod({ labels }) })
      return JSON.stringify(answer.body).includes(mark) ? true : undefined
    })
  }

  #load(place: Place, account: string): Omit<ReviewLoad, 'body' | 'connections'> {
    const { url, caPem, token } = this.#shipped.cluster
    return {
      ...{ port: Number(new URL(url).port), ca: caPem, localAddress: '127.0.0.1', mark },
      path: `/api/v1/namespaces/${place}/pods`,
      headers: {
        authorization: `Bearer ${token}`,
        'impersonate-user': `system:serviceaccount:${account}`
      }
    }
  }

  #ordinary(place: Place): ReviewLoad {
    const { labels, generateName } = ordinaryPod.metadata
    const body = JSON.stringify({ ...ordinaryPod, metadata: { labels, generateName } })
    return { ...this.#load(place, `kube-system:${honest}`), connections: 4, body }
  }

  /** Reviews for the webhook's own port: large ones, ordinary ones of 60 KB, and no reviews. */
  #directAttack(): ReviewLoad {
    const { port, ca } = this.#webhook
    const pod = (spec: object): string => JSON.stringify(testReview(testPod({ labels }, spec)))
    const containers = Array.from({ length: 75_000 }, (_, i) => ({ name: `c${i}`, image: 'i' }))
    const large = { name: 'app', image: 'i', args: ['x'.repeat(60_000)] }
    const body = [pod({ containers }), pod({ containers: [large] }), '{"a":']
    return { ...{ port, ca, body }, localAddress: '127.0.0.2', connections: attackers }
  }

  #stored(): ReviewLoad {
    const body = podsAroundWebhook.map(([, pod]) => JSON.stringify(pod))
    return { ...this.#load('shop', `shop:${attacker}`), connections: 2, body }
  }

  /** A dry run goes the same way up to etcd, whose space is not what is attacked here. */
  #attack(place: Place): ReviewLoad {
    const { path = '', ...load } = this.#load(place, `shop:${attacker}`)
    const body = hostilePods.map(([, text]) => text)
    return { ...load, path: `${path}?dryRun=All`, connections: attackers, body }
  }
}
