import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { runSecco, spawnSecco } from '../../helpers/secco-command.js'
import { until } from '../../helpers/until.js'
import { runHere, startWebhookProgram } from '../../helpers/webhook-program.js'

t.setTimeout(300_000)

const patience = { timeoutMs: 120_000, everyMs: 200 }
const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}

interface NodeAnswer {
  items: { name: string; revisions: number; conditions: { type: string; message: string }[] }[]
}

test('secco satellite --floor: what a node accepts, whatever its hub sends', async (t) => {
  // A short path: the satellite's socket is in it.
  const state = await mkdtemp(join(tmpdir(), 'secco-floor-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const store = await openDirectoryStore(join(state, 'objects'))
  await store.apply('SeccompProfile', profile)
  await store.close()
  const at = ['--state', state]
  // RuntimeDefault denies it, and a person approves it: before a hub runs, so that there is no earlier revision.
  const approved = await runHere([
    ...['profile', 'call', 'web', '--allow', 'keyctl', '--reason', 'keys', ...at]
  ])
  t.equal(approved.code, 0, approved.stderr)
  const { stop } = await startWebhookProgram(state)
  t.teardown(stop)
  const { hub } = JSON.parse(await readFile(join(state, 'addresses.json'), 'utf8')) as {
    hub: string
  }
  // [options, what the node says of the revision; nothing when it accepts it]
  const table: [string, string[], RegExp | undefined][] = [
    ['plain', [], undefined],
    ['approved', ['--floor', 'approved'], undefined],
    ['default', ['--floor', 'runtime-default'], /default\/web: allows keyctl, which RuntimeDefault/]
  ]
  for (const [node, options, rejected] of table) {
    const child = spawnSecco([
      ...['satellite', '--hub', hub, '--node', node, '--seccomp-root', join(state, node)],
      ...['--runc-root', join(state, 'none'), '--containerd-socket', join(state, 'none.sock')],
      ...['--record', 'off', '--pin', 'off', ...options, ...at]
    ])
    const ended = once(child, 'exit')
    t.teardown(async () => {
      child.kill('SIGKILL')
      await ended
    })
    const found = await until(
      `${node} to have or to reject the revision`,
      async () => {
        const { stdout } = await runHere(['get', 'nodes', '-o', 'json', ...at])
        const one = (JSON.parse(stdout) as NodeAnswer).items.find(({ name }) => name === node)
        const text = JSON.stringify(one?.conditions.map(({ message }) => message))
        if ((one?.revisions ?? 0) > 0 || /RuntimeDefault/.test(text)) return { one, text }
        throw new Error(stdout)
      },
      patience
    )
    t.equal((found.one?.revisions ?? 0) > 0, rejected === undefined, `${node}: ${found.text}`)
    if (rejected !== undefined) t.match(found.text, rejected, node)
    else t.notMatch(found.text, /RuntimeDefault/, node)
    child.kill('SIGTERM')
    await ended
  }
})

test('a state folder in which the socket has no place', async (t) => {
  const state = join('/tmp', 'x'.repeat(100))
  for (const verb of [['satellite', '--record', 'off', '--pin', 'off'], ['up']]) {
    const { code, stderr } = await runSecco([...verb, '--state', state])
    t.equal(code, 1, verb.join(' '))
    t.match(stderr, /satellite\.sock: has 120 bytes.* 107 \(INVALID_ARGUMENT\)\n {2}next: choose/)
  }
})
