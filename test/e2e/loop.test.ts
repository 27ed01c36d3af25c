import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { type Test, test } from 'tap'
import { pinsOfState } from '../../cli/programs/up-pins.js'
import { probeTracing } from '../../native/recorder.js'
import { repositoryRoot } from '../helpers/repository.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'
import { removeUpPins } from '../helpers/up-recorder.js'

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
  t.teardown(async () => {
    removeUpPins(state)
    await rm(state, { recursive: true, force: true })
  })
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
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
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
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const taken = new URL((JSON.parse(line.toString()) as UpAddresses).webhook).host
  const other = await stateFolder(t)
  t.match(await runSecco(['up', '--once', '--state', other, ...free, '--listen', taken]), {
    code: 1,
    stderr: /\(PORT_IN_USE\)\n {2}next: /
  })
  child.kill('SIGINT')
  await once(child, 'close')
})

test('where no packages can be fetched Secco runs without the walk-through', {
  skip: tracing.available ? false : (tracing.reason ?? 'nothing can be traced')
}, async (t) => {
  const state = await stateFolder(t)
  const programs = join(state, 'programs')
  await mkdir(programs)
  for (const name of ['apt-get', 'apt-cache'])
    await writeFile(join(programs, name), '#!/bin/sh\necho E: no network >&2\nexit 100\n', {
      mode: 0o755
    })
  const env = { PATH: `${programs}:${process.env['PATH'] ?? ''}` }
  const args = ['up', '--walk-through', '--state', join(state, 'own'), ...free]
  t.match(await runSecco([...args, '--once'], { env }), {
    code: 1,
    stderr: /Debian packages could not be listed: .*no network.*\(UNAVAILABLE\)\n {2}next: check/
  })
  const child = spawnSecco(args, env)
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await until('it to run', () => /^Running\./m.test(stderr) || undefined)
  t.match(stderr, /The walk-through is skipped: Debian packages .*no network\n {2}next: check/)
  child.kill('SIGINT')
  t.strictSame(await ended, [0, null], stderr)
})

test('the example of a walk-through that was killed is removed', async (t) => {
  const state = await stateFolder(t)
  const root = join(state, 'runc')
  const rootfs = await makeRootfs()
  const bundle = await makeBundle(rootfs, { args: ['/probe', 'wait'] })
  for (const id of ['walk-through-nginx', 'other']) {
    const args = ['--root', root, 'run', '-d', '--bundle', bundle, id]
    const [code] = (await once(spawn('runc', args, { stdio: 'ignore' }), 'exit')) as [number]
    t.equal(code, 0, id)
  }
  t.teardown(async () => {
    await run('runc', ['--root', root, 'delete', '--force', 'other'])
    for (const folder of [bundle, dirname(rootfs)]) await rm(folder, { recursive: true })
  })
  const up = await runSecco(['up', '--once', '--state', state, ...free])
  t.match(up, { code: 0, stderr: /removed walk-through-nginx, a container of a walk-through/ })
  const { stdout } = await run('runc', ['--root', root, 'list', '-q'])
  t.equal(stdout.trim(), 'other', 'a container of somebody else stays')
  // A folder that runc does not know, as a container that was only half made leaves it.
  await mkdir(join(root, 'walk-through-open'))
  t.notMatch((await runSecco(['up', '--once', '--state', state, ...free])).stderr, /removed walk/)
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
  t.notOk(existsSync(dirname(pinsOfState(state))), 'nothing is left in the kernel')
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
