import { once } from 'node:events'
import { test } from 'tap'
import { GivenUp, until } from '../until.js'
import { whyNeverReady } from './never-ready.js'
import type { ContainerStatus, Pod } from './pods.js'
import { createSteps, Interrupted } from './steps.js'

const never = (): undefined => undefined

test('steps: each says what it does, and ends', async (t) => {
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const interrupt = new AbortController()
  const step = createSteps({ say, interrupt: interrupt.signal, everyMs: 5, graceMs: 20 })

  t.equal(await step('adding', 5_000, () => Promise.resolve(3)), 3)
  t.same(lines.splice(0), ['adding (at most 5 s)', '  done in 0 s'])

  await t.rejects(
    step('waiting', 50, ({ signal, waitFor }) => {
      waitFor('the pod')
      return until('the pod', never, { signal })
    }),
    { message: 'waiting: not done after 0 s; still waiting for the pod' },
    'a wait ends with the limit, long before its own'
  )
  t.ok(lines.splice(0).includes('  0 s: waiting for the pod'), 'a long step is reported')

  const hangs = step('hanging', 20, () => new Promise<never>(never))
  await t.rejects(hangs, /^hanging: not done/, 'work that does not heed its signal')

  await t.rejects(
    step('failing', 5_000, () => Promise.reject(new GivenUp('no image'))),
    new GivenUp('no image')
  )

  const interrupted = step('starting', 5_000, async ({ signal }) => {
    interrupt.abort(new Interrupted('SIGINT'))
    if (!signal.aborted) await once(signal, 'abort')
    throw new Error('a program of this step was interrupted, too')
  })
  await t.rejects(interrupted, new Interrupted('SIGINT'))
  await t.rejects(
    step('later', 5_000, () => Promise.resolve()),
    new Interrupted('SIGINT'),
    'no step begins after an interruption'
  )
})

function podWith(containers: readonly ContainerStatus['state'][], init: boolean): Pod {
  const statuses = containers.map((state) => ({
    name: 'secco',
    ready: false,
    restartCount: 0,
    state
  }))
  return {
    metadata: { name: 'secco-1', namespace: 'secco-system', uid: '1' },
    spec: { containers: [{ name: 'secco' }] },
    status: {
      phase: 'Pending',
      [init ? 'initContainerStatuses' : 'containerStatuses']: statuses
    }
  }
}

const waiting = (reason: string, message?: string) => ({
  waiting: { reason, ...(message === undefined ? {} : { message }) }
})

test('whyNeverReady: pods without an image are given up, others may still start', (t) => {
  const noImage = 'pod secco-1, container secco: '
  const rows: [string, Pod[], string | undefined][] = [
    ['no pods yet', [], undefined],
    ['being made', [podWith([waiting('ContainerCreating')], false)], undefined],
    ['runs', [podWith([{ running: {} }], false)], undefined],
    [
      'crashed: may find its peer later',
      [podWith([waiting('CrashLoopBackOff')], false)],
      undefined
    ],
    [
      'a pull that failed',
      [podWith([waiting('ErrImagePull', 'no such host')], false)],
      `${noImage}ErrImagePull no such host`
    ],
    [
      'kept from pulling',
      [podWith([waiting('ErrImageNeverPull')], false)],
      `${noImage}ErrImageNeverPull`
    ],
    [
      'an init container, the second pod',
      [podWith([{ running: {} }], false), podWith([waiting('ImagePullBackOff')], true)],
      `${noImage}ImagePullBackOff`
    ]
  ]
  for (const [what, pods, why] of rows) t.equal(whyNeverReady(pods), why, what)
  t.end()
})
