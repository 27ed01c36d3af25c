import { join } from 'node:path'
import { test } from 'tap'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { startHubApiInCluster } from '../helpers/kubernetes/hub-api-in-cluster.js'
import { whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { type NodeVictim, restartPrograms } from '../helpers/kubernetes/restart-programs.js'
import { type Forwarded, forwardUi } from '../helpers/kubernetes/secco-in-cluster.js'
import { allow, attack } from './journey/attack-and-allow.js'
import { decide, nothingWaits, runAgain } from './journey/decide.js'
import { approve, enforce, learn } from './journey/learn-and-enforce.js'
import { truth } from './journey/truth.js'
import { TypingPerson } from './journey/typing-person.js'
import type { Way } from './journey/way.js'
import { workloads } from './journey/workloads.js'
import { route } from './views/read.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

/** The steps of both journeys, and what is ended after each. */
const steps: readonly [string, (way: Way) => Promise<void>, readonly NodeVictim[]][] = [
  ['learn', learn, ['hub']],
  ['approve', approve, ['satellite']],
  ['enforce', enforce, ['API server']],
  ['attack', attack, ['hub', 'satellite']],
  ['allow', allow, ['hub', 'API server']],
  ['decide', decide, ['hub', 'satellite', 'API server']],
  ['run again', runAgain, ['hub', 'satellite']]
]

/** After these nothing waits for a person. */
const settled: ReadonlySet<string> = new Set(['decide', 'run again'])

/** Logs in as a browser does. Returns its cookie. */
async function logIn(ui: string, token: string): Promise<string> {
  const headers = { origin: ui, 'content-type': 'application/json' }
  const body = JSON.stringify({ token })
  const answer = await fetch(`${ui}/api/v1/session`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`log-in: ${answer.status} ${await answer.text()}`)
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

test('pages, verbs and kernel say the same after each step and each restart', {
  skip,
  timeout: 1_800_000
}, async (t) => {
  const { programs } = found
  if (programs === undefined) return
  const { cluster, secco, folder } = await startHubApiInCluster(t, programs)
  const metadata = { name: 'shop', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } }
  await cluster.kube.do('POST', '/api/v1/namespaces', { metadata })
  const { kubeconfig } = cluster
  const hands = { folder: join(folder, 'shop'), kubectl: programs.kubectl, kubeconfig }
  const person = await TypingPerson.sitDown(t, { ...hands, administrator: kubeconfig })
  const own = workloads.filter(({ kind }) => kind === 'Deployment')
  const way: Way = { t, person, cluster, namespace: 'shop', workloads: own }
  let forwarded: Forwarded | undefined
  let cookie: string | undefined
  t.teardown(() => forwarded?.stop())
  /** Reads a page through a new connection to the hub of now, as a browser that logged in once, before the first step. */
  const openBrowser = async (): Promise<(path: string) => Promise<string>> => {
    await forwarded?.stop()
    const { url: ui } = (forwarded = await forwardUi(programs, cluster))
    cookie ??= await logIn(ui, secco.token)
    const headers = { cookie }
    const none = { options: [], env: {}, files: {}, webhook: '', ca: '', serverName: '' }
    return async (path) => {
      const { status, page } = (await route({ ...none, ui, headers }, path)) as {
        status: number
        page?: string[]
      }
      if (status !== 200 || page === undefined) throw new Error(`${path}: ${status}`)
      return page.join('\n')
    }
  }
  const rows: string[] = []
  for (const [what, step, victims] of steps) {
    await t.test(what, async (t) => {
      person.t = t
      const there = { ...way, t }
      await step(there)
      const before = await truth(there, what, await openBrowser())
      if (settled.has(what)) await nothingWaits(there, await openBrowser())
      await restartPrograms(cluster, victims)
      const after = await truth(
        there,
        `${what}, and a restart of ${victims.join(' and ')}`,
        await openBrowser()
      )
      t.equal(after, before, 'a restart changes none of it')
      if (settled.has(what)) await nothingWaits(there, await openBrowser())
      rows.push(`${what} | ${before} | the same after a restart of ${victims.join(' and ')}`)
    })
    if (!t.passing()) break
  }
  t.comment(rows.join('\n'))
})
