import { test } from 'tap'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import {
  bundleOfMaterial,
  type Material,
  planCertificates,
  type PlanOptions
} from '../../certs/plan.js'
import { splitBundle } from '../../certs/pair.js'

const day = 86_400_000
const hour = 3_600_000
const start = new Date('2026-01-01T00:00:00Z')
const after = (days: number): Date => new Date(start.getTime() + days * day)
const names = ['localhost']
const usual = { names, settleMs: 2 * hour, overlapMs: 30 * day, trusted: true }

test('what is due, and when', async (t) => {
  const [current, next, foreign] = await Promise.all([
    createAuthority(start),
    createAuthority(start),
    createAuthority(start)
  ])
  const leafOf = (authority: typeof current, at: Date, of = names) =>
    createLeaf({ kind: 'server', names: of }, authority, at)
  const leaf = await leafOf(current, start)
  const announcedAt = start.toISOString()
  const announced: Material = { current, leaf, next, announcedAt }
  const changed: Material = {
    ...{ current: next, previous: current.cert, changedAt: announcedAt },
    leaf: await leafOf(next, start)
  }
  const table: [
    what: string,
    material: Material,
    days: number,
    more: Partial<PlanOptions>,
    steps: string
  ][] = [
    ['nothing', { current, leaf }, 1, {}, ''],
    ['no leaf', { current }, 1, {}, 'issue-leaf'],
    ['a third of its lifetime is left', { current, leaf }, 59, {}, ''],
    ['less than a third', { current, leaf }, 61, {}, 'issue-leaf'],
    ['other names', { current, leaf }, 1, { names: ['other'] }, 'issue-leaf'],
    ['of another authority', { current, leaf: await leafOf(foreign, start) }, 1, {}, 'issue-leaf'],
    ['a new leaf is asked for', { current, leaf }, 1, { asked: 'leaf' }, 'issue-leaf'],
    [
      'a new authority is asked for',
      { current, leaf },
      1,
      { asked: 'authority' },
      'announce-authority'
    ],
    ['just announced', announced, 0.01, { asked: 'authority' }, ''],
    ['announced long ago', announced, 1, { asked: 'authority' }, 'change-authority issue-leaf'],
    ['not trusted yet', announced, 1, { asked: 'authority', trusted: false }, ''],
    ['announced, and not due', announced, 1, {}, ''],
    ['just changed', changed, 1, {}, ''],
    ['changed long ago', changed, 31, {}, 'forget-authority'],
    [
      'an authority that has expired',
      { current, leaf, next, announcedAt: after(3659).toISOString() },
      3659,
      { trusted: false },
      'change-authority issue-leaf'
    ]
  ]
  for (const [what, material, days, more, steps] of table) {
    const options = { ...usual, now: after(days), ...more }
    t.equal(planCertificates(material, options).join(' '), steps, what)
  }
  const bundle = (material: Material, days: number) =>
    splitBundle(bundleOfMaterial(material, after(days)))
  t.equal(bundle(announced, 1).length, 2)
  t.equal(bundle(changed, 1).length, 2, 'the old one stays trusted')
  t.equal(bundle(changed, 4000).length, 0, 'an expired authority is not in the bundle')
})
