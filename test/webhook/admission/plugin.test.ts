import Fastify from 'fastify'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { alwaysRead } from '../../../webhook/admission/body-budget.js'
import type { ClientGuard } from '../../../webhook/admission/client-guard.js'
import { FairTurns } from '../../../webhook/admission/fair-turns.js'
import { admissionMetrics } from '../../../webhook/admission/metrics.js'
import { admissionPlugin } from '../../../webhook/admission/plugin.js'
import { quiet } from '../../helpers/quiet.js'
import { testPod, testReview } from '../../helpers/review.js'

/** FairTurns that notes who is first. */
class NotedTurns extends FairTurns {
  readonly first: boolean[] = []

  override take(...args: Parameters<FairTurns['take']>): Promise<void> | undefined {
    this.first.push(args[3] ?? false)
    return super.take(...args)
  }
}

const small = JSON.stringify(testReview(testPod({})))
const large = small.replace('{', `{${' '.repeat(alwaysRead)}`)

test('with a client authority the API server is first, whatever the size of its reviews', async (t) => {
  const anyone: ClientGuard = {
    watch: () => undefined,
    accepts: () => true,
    check: () => undefined
  }
  for (const guard of [anyone, undefined]) {
    const turns = new NotedTurns()
    const app = Fastify({ forceCloseConnections: true })
    app.register(admissionPlugin, {
      ...{ getSnapshot: () => buildSnapshot({ rules: [], profiles: [] }), news: undefined },
      ...{
        logger: createLogger('test', quiet),
        metrics: admissionMetrics(new Registry(), () => 0)
      },
      ...{ guard, turns, isServed: undefined }
    })
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    for (const body of [small, large]) {
      const headers = { 'content-type': 'application/json' }
      const { status } = await fetch(`${address}/mutate`, { method: 'POST', headers, body })
      t.equal(status, 200)
    }
    t.same(turns.first, Array(2).fill(guard !== undefined))
    await app.close()
  }
})
