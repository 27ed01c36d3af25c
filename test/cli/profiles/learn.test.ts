import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  type LearnArgs,
  parseBaseline,
  parseRequired,
  runLearn
} from '../../../cli/profiles/learn.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { Store } from '../../../src/store/store.js'
import { captureIo } from '../../helpers/captured-io.js'

const start = Date.parse('2026-01-01T00:00:00.000Z')

const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'web' },
  spec: {},
  status: {
    observed: { x86_64: ['keyctl', 'read', 'write'] },
    lastNew: new Date(start).toISOString(),
    instances: [
      {
        id: 'a',
        node: 'n',
        complete: true,
        ended: true,
        lastSeen: new Date(start).toISOString(),
        events: ['start', 'serve', 'stop']
      }
    ]
  }
}

/** Runs the gate on a clock of its own: each look at it takes a second. */
async function gate(more: Partial<LearnArgs>, found: SeccompProfile | null = profile) {
  let now = start
  const { io, printed } = captureIo()
  const store: Pick<Store, 'get'> = {
    get: (() => Promise.resolve(found ?? undefined)) as Store['get']
  }
  const code = await runLearn(
    {
      ...{
        ref: { namespace: 'shop', name: 'web' },
        command: [],
        untilConfident: false,
        require: ['abis', 'start']
      },
      ...{ quietMs: 2000, timeoutMs: 10_000, baseline: undefined, output: 'table' },
      ...more
    },
    { io, store, now: () => (now += 1000), signal: new AbortController().signal }
  )
  return { code, ...printed }
}

test('the gate of a pipeline: its code says which way it went', async (t) => {
  const baseline = { path: 'baseline.json', set: { x86_64: ['read', 'write'] } }
  const cases: { name: string; args: Partial<LearnArgs>; code: number; says: RegExp }[] = [
    { name: 'looks', args: {}, code: 0, says: /3 syscalls after 0 runs[^]*confident/ },
    { name: 'the command fails', args: { command: ['false'] }, code: 1, says: /^$/ },
    {
      name: 'confident',
      args: { command: ['true'], untilConfident: true },
      code: 0,
      says: /after 1 run\n[^]*confident: abis, start, quiet/
    },
    {
      name: 'never confident',
      args: { command: ['true'], untilConfident: true, require: ['instances'] },
      code: 3,
      says: /✗ instances: 1 instance seen\n {2}next: let it run/
    },
    {
      name: 'something new',
      args: { baseline },
      code: 4,
      says: /\+ keyctl \(x86_64\): high risk, RuntimeDefault denies it/
    },
    {
      name: 'nothing new',
      args: { baseline: { path: 'b', set: { x86_64: ['keyctl', 'read', 'write'] } } },
      code: 0,
      says: /nothing beyond b/
    }
  ]
  for (const { name, args, code, says } of cases) {
    const outcome = await gate(args)
    t.equal(outcome.code, code, name)
    t.match(outcome.stdout, says, name)
  }
  t.match(await gate({ untilConfident: true }, null), {
    code: 3,
    stdout: /nothing was observed yet/
  })
  await t.rejects(gate({ command: ['/absent/program'] }), { code: 'COMMAND_NOT_STARTED' })
})

test('its answer is the next baseline', async (t) => {
  const { stdout } = await gate({ output: 'json' })
  t.same(parseBaseline(stdout, 'answer'), profile.status?.observed)
  t.same(parseBaseline('{"x86_64": ["write", "read"]}', 'short'), { x86_64: ['read', 'write'] })
  for (const text of ['', '[]', '{"x86_64": []}', 'null', '{"sparc": ["read"]}']) {
    t.throws(() => parseBaseline(text, 'wrong'), SeccoError, JSON.stringify(text))
  }
})

test('--require takes what evidence has', (t) => {
  t.ok(parseRequired(undefined).includes('serve'))
  t.same(parseRequired('start, stop'), ['start', 'stop'])
  for (const text of ['strat', 'start,reload', ''])
    t.throws(() => parseRequired(text), {
      ...{ code: 'INVALID_ARGUMENT', hint: /^use some of .*start, serve, stop/ }
    })
  t.end()
})
