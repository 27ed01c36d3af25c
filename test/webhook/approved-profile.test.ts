import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { boundApproval, isApprovalStale } from '../../src/seccomp/policy/approval.js'
import { emptyOverlay } from '../../src/seccomp/render/block.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import {
  changeApproved,
  changeOverlay,
  exportApproved,
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
  await t.test('the document', (t) => exportApproved(t, ground))
  await t.test('imports', (t) => importOver(t, ground))
  await t.test('a trace', (t) => importTrace(t, ground))
  await t.test('an approval that is about another content', async (t) => {
    const edit = async (name: string) => {
      const more = { names: [name], action: 'SCMP_ACT_ALLOW' as const }
      const { spec } = await store.update('SeccompProfile', ref, (one) => {
        const approved = { ...one.spec, approval: approval(one.spec) }
        const { seccomp = { defaultAction: 'SCMP_ACT_ERRNO' as const } } = one.spec
        const syscalls = [...(seccomp.syscalls ?? []), more]
        return { ...one, spec: { ...approved, seccomp: { ...seccomp, syscalls } } }
      })
      t.ok(isApprovalStale(spec))
    }
    const isHealed = async (what: string) => {
      const { spec } = (await ground.get(ref)) ?? unapproved
      t.notOk(isApprovalStale(spec), what)
      t.match(spec.approval, { by: person }, what)
    }
    await edit('setpgid')
    const why = ['--reason', 'r']
    // [arguments]: one decision does not approve what nobody looked at.
    for (const args of [
      ['denials', 'allow', 'shop/web', 'vhangup', '--yes', ...why],
      ['profile', 'call', 'shop/web', '--allow', 'vhangup', ...why],
      ['profile', 'extend', 'shop/web', '--add', 'secco-system/musl']
    ]) {
      const rejected = await ground.secco(...args)
      t.match(rejected, { code: 1, stderr: /\(APPROVAL_INVALID\)/ }, args.join(' '))
    }
    const approve = ['profile', 'approve', 'shop/web', ...why]
    t.match((await ground.secco(...approve, '--dry-run')).stderr, /is not what olga approved/)
    t.match(await ground.secco(...approve), { code: 0 }, 'the step that the error names')
    await isHealed('profile approve')
    await edit('setsid')
    const page = await fetch(`${webhook.ui}/review/shop/web`, {
      headers: { authorization: `Bearer ${webhook.token}` }
    })
    t.notMatch(await page.text(), /type="submit" disabled>Approve/, 'the page offers it')
    const body = { reason: 'r', allow: [] }
    t.equal((await ground.api('POST', '/api/v1/profiles/shop/web/approve', body)).status, 200)
    await isHealed('the page: approve')
  })
  await t.test('the overlay', (t) => changeOverlay(t, ground, true))
})
