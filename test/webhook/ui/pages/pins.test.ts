import { test } from 'tap'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { noRisk } from '../../../../src/seccomp/review/start-risk.js'
import type { WorkloadLine } from '../../../../webhook/ui/model/workloads.js'
import { PromotePanel } from '../../../../webhook/ui/parts/promote-view.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'
import { profile, startUiRig } from '../rig.js'

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`
const approved = approveObserved(profile, { by: 'ada', at: '', reason: '' })
const step = { at: '2026-01-01T00:00:00Z', by: 'ann', action: 'rollback' as const }
const object = {
  ...approved,
  spec: { ...approved.spec, ladder: { mode: 'enforce' as const, revision: digestOf('1') } },
  status: {
    ...{ ...approved.status, revision: digestOf('2'), previousRevision: digestOf('1') },
    history: [{ ...step, from: 'enforce', to: 'enforce' }]
  }
}
const pinned =
  'pinned to checkout.app@11111111 since 2026-01-01 00:00:00 UTC, by ann; the newest approved is checkout.app@22222222'
const leave = 'secco promote shop/checkout.app enforce --reason WHY'

const told = renderMarkup(
  PromotePanel({
    line: { key: 'shop/checkout.app', profile: object, mode: 'enforce' } as unknown as WorkloadLine,
    ...{ may: true, offered: true, assignment: undefined, now: 0, risk: noRisk }
  })
)

test('pages say to which revision new pods are pinned, and the command that leaves the pin', async (t) => {
  const { app, get } = await startUiRig({ objects: [object], denials: () => [] })
  t.teardown(() => app.close())
  for (const [path, ...words] of [
    ['/profiles/shop/checkout.app', `new pods ${pinned}`, leave],
    ['/workloads/shop/checkout.app', `new pods ${pinned}`],
    ['/profiles', 'new pods get checkout.app@11111111'],
    ['/workloads', 'new pods get checkout.app@11111111']
  ] as const) {
    const text = (await get(path)).body.replace(/<[^>]*>/g, '').replace(/\s+/g, ' ')
    for (const one of words) t.ok(text.includes(one), `${path}: ${one}`)
  }
  t.match(told, /data-pin/)
  const said = told.replace(/<[^>]*>/g, '')
  for (const one of [pinned, leave]) t.ok(said.includes(one), `next to the promotion: ${one}`)
  const free = { ...object, spec: approved.spec }
  const other = await startUiRig({ objects: [free], denials: () => [] })
  t.teardown(() => other.app.close())
  for (const path of ['/profiles', '/workloads/shop/checkout.app'])
    t.notMatch((await other.get(path)).body, /pinned to|new pods get/, path)
})

test('pages say where a pin does not hold: a rule of the root namespace that enforces', async (t) => {
  const ladder = { mode: 'audit' as const, revision: digestOf('1') }
  const loose = { ...object, spec: { ...approved.spec, ladder } }
  const { app, get } = await startUiRig({ objects: [loose], denials: () => [] })
  t.teardown(() => app.close())
  const but = 'but where a rule of secco-system enforces'
  for (const [path, words] of [
    ['/profiles/shop/checkout.app', `by ann, ${but}; the newest approved is`],
    ['/workloads/shop/checkout.app', `by ann, ${but}; the newest approved is`],
    ['/profiles', `new pods get checkout.app@11111111, ${but}`]
  ] as const) {
    const text = (await get(path)).body.replace(/<[^>]*>/g, '').replace(/\s+/g, ' ')
    t.ok(text.includes(words), `${path}: ${words}`)
  }
  const line = {
    key: 'shop/checkout.app',
    profile: loose,
    mode: 'audit'
  } as unknown as WorkloadLine
  const panel = renderMarkup(
    PromotePanel({
      line,
      ...{ may: true, offered: true, assignment: undefined, now: 0, risk: noRisk }
    })
  )
  t.match(
    panel.replace(/<[^>]*>/g, ''),
    /Not all new pods get what is approved: ?pinned to .*, but where/
  )
  t.match(told.replace(/<[^>]*>/g, ''), /New pods do not get what is approved/)
})
