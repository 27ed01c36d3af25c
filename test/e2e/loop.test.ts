import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { repositoryRoot } from '../helpers/repository.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'

const free = [
  '--listen',
  '127.0.0.1:0',
  '--hub-listen',
  '127.0.0.1:0',
  '--ui-listen',
  '127.0.0.1:0'
]
const tracing = probeTracing()

async function stateFolder(t: Test): Promise<string> {
  const state = await mkdtemp(join(tmpdir(), 'secco-loop-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  return state
}

interface UpAddresses {
  webhook: string
  ui: string
  caBundle: string
  state: string
}

function ask(url: string, ca: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ca, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    call.once('error', reject)
    call.end()
  })
}

test('secco up prints its addresses, serves, rejects a second one and stops cleanly', async (t) => {
  const state = await stateFolder(t)
  const child = spawnSecco(['up', '-o', 'json', '--state', state, ...free])
  t.teardown(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  t.equal(line.toString().split('\n').length, 2, 'one line')
  const addresses = JSON.parse(line.toString()) as UpAddresses
  const ca = Buffer.from(addresses.caBundle, 'base64').toString()
  t.equal(addresses.state, state)

  t.match(await ask(`${addresses.webhook}/livez`, ca), { status: 200, body: 'ok' })
  t.match(await ask(`${addresses.webhook}/readyz?verbose`, ca), { status: 200, body: /\[\+\]/ })
  t.match(await ask(`${addresses.webhook}/metrics`, ca), { status: 200, body: /secco_/ })
  await t.rejects(
    ask(`${addresses.webhook}/livez`, await readFile(join(repositoryRoot, 'package.json'), 'utf8')),
    'another authority'
  )

  const nodes = JSON.parse(
    (await runSecco(['get', 'nodes', '-o', 'json', '--state', state])).stdout
  ) as { items: { connected: boolean; hook: string }[] }
  t.match(nodes.items, [{ connected: true, hook: tracing.available ? /tp/ : '' }])

  t.match(await runSecco(['up', '--once', '--state', state, ...free]), {
    code: 1,
    stderr: /runs on the state folder.*\(CONFLICT\)\n {2}next: /
  })

  child.kill('SIGTERM')
  const [code] = (await once(child, 'close')) as [number]
  t.equal(code, 0, stderr)
  t.match(await runSecco(['get', 'nodes', '--state', state]), { code: 1, stderr: /no hub runs/ })
})

test('a taken port is said with the next step', async (t) => {
  const state = await stateFolder(t)
  const child = spawnSecco(['up', '-o', 'json', '--state', state, ...free])
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const taken = new URL((JSON.parse(line.toString()) as UpAddresses).webhook).host
  const other = await stateFolder(t)
  t.match(await runSecco(['up', '--once', '--state', other, ...free, '--listen', taken]), {
    code: 1,
    stderr: /\(PORT_IN_USE\)\n {2}next: /
  })
  child.kill('SIGTERM')
  await once(child, 'close')
})

test('the walk-through: the whole loop once', {
  skip: tracing.available ? false : (tracing.reason ?? 'no tracing')
}, async (t) => {
  const state = await stateFolder(t)
  const { code, stderr } = await runSecco([
    'up',
    '--walk-through',
    '--once',
    '--state',
    state,
    ...free
  ])
  t.equal(code, 0, stderr)
  for (const said of [
    /without a filter.*keyctl succeeds, bpf succeeds, unshare succeeds, mount succeeds, ptrace succeeds/,
    /observed: \d\d syscalls/,
    /bytes, mode 644, sha256 equals its name/,
    /"localhostProfile":"secco\/default\/walk-through-nginx\/[0-9a-f]{64}\.json"/,
    /traffic: 20 of 20 answers right/,
    /the same attack: keyctl denied, bpf denied, unshare denied, mount denied, ptrace denied/
  ]) {
    t.match(stderr, said)
  }
  const exported = await runSecco(['profile', 'export', 'walk-through-nginx', '--state', state])
  const digest = createHash('sha256').update(exported.stdout).digest('hex')
  t.match(
    stderr,
    new RegExp(`walk-through-nginx/${digest}\\.json`),
    'what is exported is what the node has'
  )
  const decisions = (await readFile(join(state, 'secco.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"decision"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const early = decisions.slice(0, -1)
  t.ok(
    early.every(({ reason }) => reason === 'not-ready'),
    'one audit line per decision; asked again until the webhook had read the revision'
  )
  t.match(decisions.at(-1), {
    component: 'webhook',
    namespace: 'default',
    pod: 'web',
    mode: 'enforce',
    dryRun: false
  })
})
