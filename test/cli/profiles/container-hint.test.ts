import { machine } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { run } from '../../../cli/main.js'
import type { Ladder } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { renderLearn, renderProfile } from '../../../src/seccomp/render/render.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { captureIo } from '../../helpers/captured-io.js'
import { commandsOfText, wordsOfCommand } from '../../helpers/printed-commands.js'

t.setTimeout(150_000)

const ref = { namespace: 'default', name: 'web' }
const profile = approveObserved(
  {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: ref },
    spec: { workload: { kind: 'Container', name: 'web' } },
    status: { observed: { x86_64: ['execve', 'getsid', 'read'] } }
  },
  { by: 'ada', at: '2026-01-01T00:00:00Z', reason: 'why' }
)

async function stateWith(folder: string, object: SeccompProfile): Promise<void> {
  const store = await openDirectoryStore(join(folder, 'objects'))
  await store.apply('SeccompProfile', object)
  await store.update('SeccompProfile', ref, (was) => ({ ...was, status: object.status ?? {} }))
  await store.close()
}

const rendered = (mode: Ladder['mode']): string =>
  mode === 'learn'
    ? renderLearn(machine()).json
    : renderProfile(profile, { mode, resolve: () => undefined }).json

test('the printed command gives a container outside Kubernetes the filter of the mode', async (t) => {
  t.not(rendered('audit'), rendered('enforce'))
  for (const mode of ['learn', 'audit', 'enforce'] as const) {
    const folder = t.testdir({ [mode]: {} })
    const state = join(folder, mode)
    await stateWith(state, { ...profile, spec: { ...profile.spec, ladder: { mode } } })
    const shown = captureIo()
    t.equal(await run(['--state', state, 'profile', 'show', 'default/web'], shown.io), 0)
    const printed = commandsOfText(shown.printed.stdout + shown.printed.stderr)
    t.ok(printed.length > 1, `${mode}: ${printed.length} commands`)
    for (const { rest } of printed)
      t.match(`${rest} `, `--state ${state} `, `${mode}: secco ${rest}`)
    const filter = printed.find(({ rest }) => /render|export/.test(rest))
    const pasted = captureIo()
    const words = wordsOfCommand(filter?.rest ?? '')
    t.equal(await run(words, pasted.io), 0, `${mode}: ${pasted.printed.stderr}`)
    t.same(JSON.parse(pasted.printed.stdout), JSON.parse(rendered(mode)), mode)
  }
})
