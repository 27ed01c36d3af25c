import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { startWebhook } from '../../../webhook/main.js'
import { quiet } from '../../helpers/quiet.js'
import { changes } from './changes.js'
import { rowOfRoute, routes, verbs, writes } from './table.js'
import { seccoProgram } from '../../helpers/secco-program.js'

/** Every verb of the real program that does something, as words. */
async function programVerbs(): Promise<string[]> {
  const program = await seccoProgram()
  // A verb with verbs below it does something itself when it has options or arguments of its own.
  const doesSomething = ({ commands, options, registeredArguments }: Command) =>
    commands.length === 0 || options.length > 0 || registeredArguments.length > 0
  const below = (command: Command, path: string): string[] =>
    command.commands.flatMap((each) => {
      const own = `${path}${each.name()}`
      return [...(doesSomething(each) ? [own] : []), ...below(each, `${own} `)]
    })
  return below(program, '').filter((verb) => !/(^| )help$/.test(verb))
}

/** Every route of every server that the central service starts, as `METHOD /path`. */
async function servedRoutes(t: Test): Promise<string[]> {
  const found = new Set<string>()
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) found.add(`${each} ${url}`)
    })
  }
  // Not t.testdir: it is removed before the hub has written the end of its history.
  const folder = await mkdtemp(join(tmpdir(), 'secco-views-'))
  await mkdir(join(folder, 'objects'))
  const store = await openDirectoryStore(join(folder, 'objects'))
  const local = { host: '127.0.0.1', port: 0 }
  subscribe('fastify.initialization', onServer)
  const webhook = await startWebhook({
    ...{ store, certsDir: join(folder, 'certs'), revisionsDir: join(folder, 'revisions') },
    serverNames: ['localhost'],
    ...{ listen: local, hubListen: local, uiListen: local },
    uiToken: 'token',
    legacyAnnotations: false,
    logger: createLogger('test', quiet)
  })
  unsubscribe('fastify.initialization', onServer)
  t.teardown(async () => {
    await webhook.close()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  // Fastify answers HEAD wherever it answers GET.
  return [...found].filter((route) => !route.startsWith('HEAD ')).sort()
}

const changing = new Set(changes.map(({ of }) => of))
const unique = (names: string[]) => [...new Set(names)].sort()

test('every verb has a view, or the reason why it has none', async (t) => {
  t.strictSame(
    unique(await programVerbs()),
    Object.keys(verbs).sort(),
    'each verb has a row in `verbs` of test/e2e/views/table.ts'
  )
  const verbsThatWrite = [...changing]
    .filter((of) => of.startsWith('secco '))
    .map((of) => of.slice(6))
  for (const [verb, row] of Object.entries(verbs)) {
    if (row === writes) t.ok(verbsThatWrite.includes(verb), `${verb}: what it changes`)
    const views: readonly string[] = typeof row === 'string' ? [] : row
    for (const words of views) t.ok(words.startsWith(verb), `${words} is ${verb}`)
    t.ok(views.length > 0 || typeof row === 'string', `${verb}: a view or a reason`)
  }
  for (const verb of verbsThatWrite) t.ok(verb in verbs, `${verb} is a verb`)
})

test('every route has a view or a row of what it changes, or the reason why it has none', async (t) => {
  const served = await servedRoutes(t)
  t.ok(served.includes('POST /mutate') && served.includes('GET /metrics'), 'of the webhook')
  t.ok(served.includes('GET /') && served.includes('POST /api/v1/mute'), 'of the pages')
  const reading = served.filter((route) => route.startsWith('GET ')).map((route) => route.slice(4))
  t.strictSame(
    unique(reading.map(rowOfRoute)),
    Object.keys(routes).sort(),
    'each route has a row in `routes` of test/e2e/views/table.ts'
  )
  const writing = served.filter((route) => !route.startsWith('GET '))
  t.strictSame(
    writing.filter((route) => !changing.has(route)),
    [],
    'routes without a row in test/e2e/views/changes.ts'
  )
  const rows = [...changing].filter((of) => !of.startsWith('secco '))
  t.strictSame(
    rows.filter((route) => !writing.includes(route)),
    [],
    'rows without a route'
  )
})
