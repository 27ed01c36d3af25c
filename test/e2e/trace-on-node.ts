import { once } from 'node:events'
import type { Test } from 'tap'
import { namespace } from '../../cli/install/names.js'
import { isNightly } from '../helpers/fuzz.js'
import type { Pod } from '../helpers/kubernetes/pods.js'
import type { RealCluster } from '../helpers/kubernetes/real-cluster.js'
import type { SeccoAtWork } from '../helpers/kubernetes/secco-on-host.js'
import type { SeccoInUse } from '../helpers/kubernetes/secco-in-use.js'
import { spawnSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

interface TraceView {
  id: string
  path: string
  node: string
  ended: boolean
  problem: string
  syscalls: { name: string; since: number; total: number }[]
}

interface Given {
  cluster: RealCluster
  secco: SeccoAtWork
  shop: SeccoInUse
  /** A running pod of the test server, which has made getsid once. */
  pod: Pod
}

/** The profiler by API and command line: known calls of a pod on a node are counted exactly, and the end is an end. */
export async function traceOnNode(t: Test, { cluster, secco, shop, pod }: Given): Promise<void> {
  const name = `shop/${pod.metadata.name}`
  async function api<Answer>(path: string, body?: object): Promise<Answer> {
    const answer = await fetch(`${secco.ui}/api/v1/traces${path}`, {
      headers: { authorization: `Bearer ${secco.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as Answer
  }
  const getsid = ({ syscalls }: TraceView) => syscalls.find((call) => call.name === 'getsid')
  const call = async (times: number): Promise<void> => {
    for (let nth = 0; nth < times; nth += 1) {
      t.equal(await shop.ask(pod, '/call/getsid'), 'getsid ok\n')
    }
  }

  const begun = performance.now()
  const started = await api<TraceView>('', { container: name })
  const startedMs = performance.now() - begun
  t.match(started, { path: `${name}/app`, node: 'node-1', ended: false })
  t.match(getsid(started), { since: 0, total: 1 })
  const abandoned = await api<TraceView>('', { container: `${name}/app` })

  await call(7)
  const asked = performance.now()
  const counted = await until('the seven calls', async () => {
    const view = await api<TraceView>(`/${started.id}`)
    return (getsid(view)?.since ?? 0) >= 7 ? view : undefined
  })
  const countedMs = performance.now() - asked
  t.match(getsid(counted), { since: 7, total: 8 }, 'exactly those, beside all since it began')
  t.comment(`started in ${Math.round(startedMs)} ms, counted ${Math.round(countedMs)} ms later`)
  if (isNightly) t.ok(startedMs < 3000 && countedMs < 3000, 'within seconds')

  await t.test('secco trace through the API server, beside the other trace', async (t) => {
    const words = ['--kubeconfig', cluster.kubeconfig, 'trace', name, '--for', '6s', '-o', 'json']
    const running = spawnSecco(words, { SECCO_TOKEN: secco.token })
    const said = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      running[stream].on('data', (chunk: Buffer) => (said[stream] += chunk.toString()))
    }
    const ended = once(running, 'close')
    await until('it to count', () =>
      /tracing shop\/.*\/app on node-1/.test(said.stderr) ? true : undefined
    )
    await call(3)
    t.same(await ended, [0, null], said.stderr)
    const report = JSON.parse(said.stdout) as Record<'abis' | 'total', Record<string, object>>
    t.match(Object.values(report.abis)[0], { getsid: 3 })
    t.match(Object.values(report.total)[0], { getsid: 11 })
  })

  const stopped = await api<TraceView>(`/${started.id}/stop`, {})
  t.match(stopped, { ended: true, problem: '' })
  t.match(getsid(stopped), { since: 10, total: 11 })

  // Lists do not count as watching.
  const over = await until('the end of the trace that nobody watched', async () => {
    const { items } = await api<{ items: TraceView[] }>('')
    return items.find(({ id, ended }) => id === abandoned.id && ended)
  })
  t.match(over.problem, /nobody watched/)
  await until('their ends on the node', async () => {
    const logs = ['logs', '-n', namespace, '-l', 'secco.dev/role-satellite=true', '--tail=-1']
    const lines = (await cluster.kubectl(...logs)).split('\n')
    const count = (text: string) => lines.filter((line) => line.includes(text)).length
    return count('trace started') === 3 && count('trace ended') === 3 ? true : undefined
  })
}
