import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { shortcomings, walkReadme } from './readme-walk.js'
import { freePort } from '../helpers/child-program.js'
import { repositoryRoot } from '../helpers/repository.js'

t.setTimeout(900_000)
const probe = probeTracing()

test("a newcomer's five minutes: the README's commands, on a workload of one's own", {
  skip: probe.available ? false : (probe.reason ?? 'nothing can be traced')
}, async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-newcomer-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const others = ['--listen', '--hub-listen', '--ui-listen']
    .flatMap((option) => [option, '127.0.0.1:0'])
    .concat('--runc-root', join(state, 'none'))
  // Without the walk-through, which other tests see: what npm start does after it is this.
  const { steps, seconds, announced } = await walkReadme({
    start: {
      command: process.execPath,
      args: [join(repositoryRoot, 'bin/secco'), 'up', ...others]
    },
    // What runs beside it on this machine is not its own.
    instead: {
      ...{ 'my-web': `my-web-${process.pid}`, '8080': String(await freePort()) },
      'runc ': `runc --root ${join(state, 'runc')} `,
      'secco trace': `secco trace --root ${join(state, 'runc')}`
    },
    env: { SECCO_STATE: state },
    step: ({ command, seconds }) => t.comment(`${seconds.toFixed(1)} s: ${command}`)
  })
  t.same(shortcomings(steps), [])
  t.match(
    announced,
    /^pages +http:\/\/\S+\/login\/\S{43}$/m,
    'the way in, also where stdout is a file'
  )
  t.ok(seconds < 300, `${seconds.toFixed(0)} s`)
})
