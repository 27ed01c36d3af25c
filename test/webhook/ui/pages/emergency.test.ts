import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { boundChange } from '../../../../src/seccomp/policy/approval.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { denial, profile, startUiRig } from '../rig.js'

const decision = { by: 'ops', at: '2026-05-01T00:00:00Z', reason: 'umount: CVE' }

test('the page names what does the same as a blocked call, with a way to block it', async (t) => {
  const overlay = withBlock(emptyOverlay(), parseBlock('umount'), decision, false)
  const foreign = {
    ...{ method: 'POST' as const, url: '/api/v1/block', summary: 'a block', cli: 'secco block' },
    needs: { verb: 'approve', resource: 'seccompprofiles' } as const,
    handle: () => Promise.resolve({})
  }
  for (const [what, routes, expected] of [
    [
      'who may not block',
      [],
      /umount2<\/span>.*not blocked, and in place of umount.*secco block umount\+/s
    ],
    ['who may', [foreign], /in place of umount.*value="umount\+"/s]
  ] as const) {
    const { app, get } = await startUiRig({ objects: [overlay], foreign: [...routes] })
    t.teardown(() => app.close())
    t.match((await get('/emergency')).body, expected, what)
  }
  const whole = withBlock(overlay, parseBlock('umount+'), decision, false)
  const { app, get } = await startUiRig({ objects: [whole] })
  t.teardown(() => app.close())
  t.notMatch((await get('/emergency')).body, /in place of/)
})

test('an exported file is what nodes get, without what is blocked; the approved part has it', async (t) => {
  const profile: SeccompProfile = {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name: 'web' } },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read', 'umount2'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  const reason = 'umount2: parrot'
  const overlay = withBlock(emptyOverlay(), parseBlock('umount2'), { ...decision, reason }, false)
  const { app, get } = await startUiRig({ objects: [profile, overlay] })
  t.teardown(() => app.close())
  const textOf = async (format: string) =>
    (await get(`/api/v1/profiles/shop/web/export?format=${format}`)).json<{ text: string }>().text
  for (const format of ['oci', 'spo']) {
    const text = await textOf(format)
    t.match(text, /\bread\b/, format)
    t.notMatch(text, /umount2|parrot/, `${format}: neither the call nor why`)
  }
  const approved = await textOf('yaml')
  t.match(approved, /umount2/, 'what people approved')
  t.notMatch(approved, /parrot/)
})

test('the list of blocks says who blocked each, and why; the pages of a blocked call offer no Allow', async (t) => {
  const block = (overlay: SeccompProfile, what: string, why: string) =>
    withBlock(overlay, parseBlock(what), { ...decision, reason: `${what}: ${why}` }, false)
  const overlay = block(block(emptyOverlay(), 'mount', 'CVE-1'), 'socket:domain=AF_ALG', 'CVE-2')
  const denied = { ...denial, hint: 'blocked', block: 'mount' }
  const rig = await startUiRig({ objects: [profile, overlay], denials: () => [denied] })
  t.teardown(() => rig.app.close())
  const { body } = await rig.get('/emergency')
  t.match(body, /mount<\/span>(?:(?!<li)[^])*blocked mount: CVE-1 \(ops, 2026-05-01\)/)
  t.match(body, /socket<\/span>(?:(?!<li)[^])*blocked socket:domain=AF_ALG: CVE-2 \(ops/)
  const list = (await rig.get('/denials')).body
  t.match(list, /blocked mount: CVE-1 \(ops/)
  t.match(list, /href="\/emergency#h-now"[^>]*>Unblock/)
  const panel = (await rig.get('/workloads/shop/checkout.app?call=mount')).body
  const [, card = ''] = panel.split('id="call-name"')
  t.match(card, /blocked mount: CVE-1 \(ops[^]*href="\/emergency#h-now"/)
  t.match(card.replace(/<[^>]*>/g, ''), /secco block mount --remove --reason WHY/)
  t.notMatch(card, /> ?Allow|profile call/)
  const review = (await rig.get('/review/shop/checkout.app')).body
  t.match(review, /href="\/emergency#h-now"[^>]*>blocked/)
  t.notMatch(review, /aria-label="Include mount"/)
})

test('while a block is in force the page does not say that nothing was ever blocked', async (t) => {
  const made = withBlock(emptyOverlay(), parseBlock('bpf'), decision, false)
  const blocked = boundChange(emptyOverlay(), made, decision)
  const byHand = { ...emptyOverlay(), spec: made.spec }
  const metadata = { ...byHand.metadata, creationTimestamp: '2026-04-01T10:00:00Z' }
  const never = /Nothing was ever blocked/
  const none = /1 rule is in force, and no decision about a block is recorded/
  // [what, the profile of what is blocked, what is shown, what is not]
  const table: [string, SeccompProfile[], RegExp[], RegExp][] = [
    ['nothing', [], [never], none],
    ['unblocked', [emptyOverlay()], [/Nothing is blocked, and no decision is known/], never],
    [
      'in the spec',
      [blocked],
      [none, /Its rules are by ops, 2026-05-01: blocked umount: CVE/],
      never
    ],
    ['written by hand', [byHand], [none, /Somebody wrote them into the profile/], never],
    ['a known age', [{ ...byHand, metadata }], [none, /exists since 2026-04-01/], never]
  ]
  for (const [what, objects, shown, hidden] of table) {
    const { app, get } = await startUiRig({ objects })
    t.teardown(() => app.close())
    const text = (await get('/emergency')).body.replace(/<[^>]*>/g, '')
    for (const pattern of shown) t.match(text, pattern, what)
    t.notMatch(text, hidden, what)
  }
})
