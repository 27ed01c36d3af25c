import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import type { ApiServerPrograms } from './api-server-programs.js'
import { hostilePods } from './hostile-pods.js'
import type { Json } from './kube.js'
import {
  type ReviewClient,
  type ReviewLoad,
  type ReviewTally,
  startReviewClient
} from './review-client.js'
import { realisticReview, testPod, type TestPod } from './review.js'
import { labels, web } from './reviews.js'
import { testRule } from './rules.js'
import { type ShippedCluster, shippedAdmission, startShippedCluster } from './shipped-cluster.js'
import { until } from './until.js'

/** Places of pods: those of `shop` are reviewed; `kube-node-lease` is as if Secco were not installed. */
const places = ['shop', 'kube-node-lease'] as const
type Place = (typeof places)[number]

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
  /** Creations of pods that Secco reviews. */
  reviewed: readonly Creations[]
}

/** AttackedCluster is a real API server with the shipped objects; the webhook and both clients are processes of their own. */
export class AttackedCluster {
  readonly #shipped: ShippedCluster
  readonly #webhook = fork(new URL('./hostile-target.js', import.meta.url))
  readonly #client = startReviewClient()
  readonly #attacker: ReviewClient = startReviewClient(19)

  private constructor(shipped: ShippedCluster) {
    this.#shipped = shipped
  }

  /** @param seconds how long the API server waits for the webhook; default: as it is shipped */
  static async start(programs: ApiServerPrograms, seconds?: number): Promise<AttackedCluster> {
    const own = new AttackedCluster(
      await startShippedCluster(programs, { 'secco-system': {}, shop: {} })
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
   * Measures how much longer a creation takes under attack, with Secco and without it: the attack slows down the API
   * server itself.
   */
  async round(): Promise<AttackRound> {
    const slowdowns: number[] = []
    const reviewed: Creations[] = []
    for (const place of places) {
      const alone = await this.create(place, false, 300)
      const attacked = await this.create(place, true, 40)
      slowdowns.push(attacked.ordinary.ms / 40 / (alone.ordinary.ms / 300))
      if (place === 'shop') reviewed.push(alone, attacked)
    }
    const [withSecco = Number.NaN, without = Number.NaN] = slowdowns
    return { withSecco, without, reviewed }
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
    if (this.#webhook.connected) this.#webhook.disconnect()
    await this.#shipped.cluster.stop()
  }

  async #prepare(seconds: number | undefined): Promise<void> {
    const { kube } = this.#shipped.cluster
    const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: attacker }
    await kube.do('POST', `${rbac}/clusterroles`, {
      metadata: { name: attacker },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }]
    })
    for (const place of places) {
      await kube.do('POST', `${rbac}/namespaces/${place}/rolebindings`, {
        metadata: { name: attacker },
        roleRef: role,
        subjects: [{ kind: 'ServiceAccount', name: attacker, namespace: 'shop' }]
      })
    }
    const now = new Date()
    const authority = await createAuthority(now)
    const { cert, key } = await createLeaf({ kind: 'server', names: ['127.0.0.1'] }, authority, now)
    const answer = once(this.#webhook, 'message')
    this.#webhook.send({ cert, key })
    const [port] = (await answer) as [number]
    const { policies, configurationFor } = shippedAdmission('warn')
    const bundle = Buffer.from(authority.cert).toString('base64')
    const configuration = configurationFor(`https://127.0.0.1:${port}/mutate`, bundle)
    const webhooks = (configuration['webhooks'] as Json[]).map((one) => ({
      ...one,
      ...(seconds === undefined ? {} : { timeoutSeconds: seconds })
    }))
    await this.#shipped.apply([...policies, { ...configuration, webhooks }])
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

  /** A dry run goes the same way up to etcd, whose space is not what is attacked here. */
  #attack(place: Place): ReviewLoad {
    const { path = '', ...load } = this.#load(place, `shop:${attacker}`)
    const body = hostilePods.map(([, text]) => text)
    return { ...load, path: `${path}?dryRun=All`, connections: attackers, body }
  }
}
