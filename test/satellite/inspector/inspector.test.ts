import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import type { Container } from '../../../satellite/containers/runtime.js'
import { startInspector } from '../../../satellite/inspector/inspector.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { plain } from '../../helpers/container-facts.js'
import { matchLists } from '../../helpers/match-lists.js'

test('the inspector reads containers that the registry reports, unless they have ended', async (t) => {
  const reported: string[] = []
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
    scanMs: 20,
    onChange: (changed, gone) => {
      reported.push(...changed.map(({ container }) => `+${container?.id ?? ''}`))
      reported.push(...gone.map((key) => `-${key.slice(0, key.indexOf('@'))}`))
    }
  })
  t.teardown(() => inspector.close())
  const change = (container: Container) => {
    for (const listener of listeners) listener(container)
  }
  const own = plain({ id: 'own', pid: process.pid, firstPid: process.pid })
  const short = plain({ id: 'short', pid: process.ppid, firstPid: process.ppid })
  change(short)
  change({ ...short, pid: 0, status: 'stopped' })
  change(own)
  await until('the live one', () => reported.includes('+own') || undefined)
  matchLists(t, inspector.list(), [{ container: { id: 'own' }, pid: process.pid, running: true }])
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const ending = plain({ id: 'ending', pid, firstPid: pid })
  change(ending)
  await until('the one that will end', () => reported.includes('+ending') || undefined)
  child.kill('SIGKILL')
  await once(child, 'exit')
  change({ ...ending, pid: 0, status: 'stopped' })
  await until('its end', () => reported.includes('-ending') || undefined)
  const kept = spawn('sleep', ['60'], { stdio: 'ignore' })
  const run = (process: { pid?: number | undefined }): Container => {
    const { pid = 0 } = process
    return plain({ id: 'again', pid, firstPid: pid })
  }
  change(run(kept))
  await until('the first of its name', () => reported.includes('+again') || undefined)
  kept.kill('SIGKILL')
  await once(kept, 'exit')
  const again = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.teardown(() => again.kill('SIGKILL'))
  // Its folder was removed and made again between two looks at the folders: nothing reports the end.
  change(run(again))
  await until('its end', () => reported.includes('-again') || undefined, { timeoutMs: 5000 })
  t.same(
    inspector.list().flatMap(({ container, pid }) => (container?.id === 'again' ? [pid] : [])),
    [again.pid]
  )
  t.notOk(reported.some((one) => one.endsWith('short')))
  t.equal(asked.all, 1, 'a new container does not cause a walk through all of them')
})

test('a program with the name of a runtime runs when the runtime says so', async (t) => {
  const folder = t.testdir({})
  const program = join(folder, 'runc')
  await copyFile('/bin/sleep', program)
  const child = spawn(program, ['60'], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  const container = plain({ id: 'named', pid, firstPid: pid, status: 'created' })
  let tell: (container: Container) => void = () => undefined
  const inspector = startInspector({
    registry: {
      all: () => [container],
      refresh: () => Promise.resolve(),
      onAppear: () => () => undefined,
      onChange: (listener) => {
        tell = listener
        return () => undefined
      }
    },
    ...{ seccompRoot: tmpdir(), holding: () => [], abis: ['x86_64'], scanMs: 20 },
    logger: createLogger('test', quiet),
    onChange: () => undefined
  })
  t.teardown(() => inspector.close())
  await inspector.scan()
  t.same(
    inspector.list().map(({ running }) => running),
    [false]
  )
  tell({ ...container, status: 'running' })
  await until('it to run', () => inspector.list()[0]?.running || undefined)
})
