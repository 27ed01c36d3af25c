import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { boundApproval } from '../../src/seccomp/policy/approval.js'
import { emptyOverlay } from '../../src/seccomp/render/block.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import {
  changeApproved,
  changeOverlay,
  type Ground,
  importOver,
  importTrace,
  observed,
  ref,
  unapproved
} from '../helpers/approved-profile.js'
import { apiOf, runHere, startWebhookProgram } from '../helpers/webhook-program.js'

t.setTimeout(300_000)

test('on one machine, a profile that carries an approval is changed in every way', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-approved-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const store = await openDirectoryStore(join(state, 'objects'))
  t.teardown(() => store.close())
  const person = process.env['SUDO_USER'] ?? userInfo().username
  // As they come from a cluster, where approvals are part of the spec.
  const approval = (spec: typeof unapproved.spec) =>
    boundApproval(spec, { by: 'olga', at: '2026-11-20T10:00:00.000Z' })
  for (const one of [unapproved, emptyOverlay()]) {
    await store.apply('SeccompProfile', {
      ...one,
      spec: { ...one.spec, approval: approval(one.spec) }
    })
  }
  await store.update('SeccompProfile', ref, (one) => ({ ...one, status: { observed } }))
  const webhook = await startWebhookProgram(state)
  t.teardown(() => webhook.stop())
  const call = apiOf(webhook.ui, webhook.token)
  const ground: Ground = {
    ...{ isCluster: false, person },
    folder: state,
    secco: (...args) => runHere([...args, '--state', state]),
    api: (method, path, body) => call(method, path, body, { 'x-secco-user': person }),
    get: (wanted) => store.get('SeccompProfile', wanted)
  }
  await t.test('a profile', (t) => changeApproved(t, ground))
  await t.test('imports', (t) => importOver(t, ground))
  await t.test('a trace', (t) => importTrace(t, ground))
  await t.test('the overlay', (t) => changeOverlay(t, ground, true))
})
