import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { test } from 'tap'
import type { Container } from '../../../satellite/containers/runtime.js'
import { startInspector } from '../../../satellite/inspector/inspector.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { plain } from '../../helpers/container-facts.js'

test('the inspector looks at what the registry tells of, and at nothing that is over by then', async (t) => {
  const told: string[] = []
  const listeners = new Set<(container: Container) => void>()
  const asked = { all: 0 }
  const inspector = startInspector({
    registry: {
      all: () => {
        asked.all += 1
        return []
      },
      refresh: () => Promise.resolve(),
      onAppear: () => () => undefined,
      onChange: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    },
    seccompRoot: tmpdir(),
    holding: () => [],
    abis: ['x86_64'],
    logger: createLogger('test', quiet),
    lookMs: 20,
    onChange: (changed, gone) => {
      told.push(...changed.map(({ container }) => `+${container?.id ?? ''}`))
      told.push(...gone.map((key) => `-${key.slice(0, key.indexOf('@'))}`))
    }
  })
  t.teardown(() => inspector.close())
  const tell = (container: Container) => {
    for (const listener of listeners) listener(container)
  }
  const own = plain({ id: 'own', pid: process.pid, firstPid: process.pid })
  const short = plain({ id: 'short', pid: process.ppid, firstPid: process.ppid })
  tell(short)
  tell({ ...short, pid: 0, status: 'stopped' })
  tell(own)
  await until('the live one', () => told.includes('+own') || undefined)
  t.match(inspector.list(), [{ container: { id: 'own' }, pid: process.pid, running: true }])
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const ending = plain({ id: 'ending', pid, firstPid: pid })
  tell(ending)
  await until('the one that will end', () => told.includes('+ending') || undefined)
  child.kill('SIGKILL')
  await once(child, 'exit')
  tell({ ...ending, pid: 0, status: 'stopped' })
  await until('its end', () => told.includes('-ending') || undefined)
  t.notOk(told.some((one) => one.endsWith('short')))
  t.equal(asked.all, 1, 'thousands are not walked through for each that comes')
})
