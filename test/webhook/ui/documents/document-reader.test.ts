import { test, type Test } from 'tap'
import { limits } from '../../../../src/api/limits.js'
import { createDocumentReader } from '../../../../webhook/ui/documents/document-reader.js'
import { type Gap, longestGap } from '../../../helpers/longest-gap.js'
import { startUiRig } from '../rig.js'

const size = limits.pastedYamlBytes / 2
const repeated = (part: string) => part.repeat(size / part.length)
const numbered = (part: (i: number) => string) =>
  Array.from({ length: size / part(10_000).length }, (_, i) => part(i)).join('')
const pod = 'kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: a\n'

const pasted: [what: string, document: string][] = [
  ['an ordinary pod', `${pod}      env:\n${repeated('        - {name: abc, value: "1"}\n')}`],
  ['keys', numbered((i) => `k${i}:\n`)],
  ['empty keys', `a: {${repeated(':,')}}`],
  ['closing brackets', repeated(']\n')],
  ['commas', `a: [${repeated(',')}]`],
  ['question marks', `a: [${repeated('? ')}`],
  ['mappings as keys', numbered((i) => `? {a: ${i}}\n: 1\n`)],
  ['aliases that begin with a dash', `a: &-a x\nb:\n${repeated('  - *-a\n')}`]
]

async function start(t: Test) {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  // The first document also starts the thread.
  await rig.send('POST', '/api/v1/rules/test', { document: 'kind: Pod' })
  return rig
}

/** The least gap of some rounds: other programs of the machine cause gaps, too. */
async function leastGap(run: () => Promise<unknown>): Promise<Gap> {
  const rounds: Gap[] = []
  for (let round = 0; round < 3; round++) rounds.push(await longestGap(run))
  const [least] = rounds.sort((a, b) => a.gapMs - b.gapMs)
  return least ?? { gapMs: 0, tookMs: 0 }
}

const slow = { timeout: 120_000 }

test('the event loop runs on while a pasted document is read', slow, async (t) => {
  const { send } = await start(t)
  const post = (document: string) => () => send('POST', '/api/v1/rules/test', { document })
  // A request of the same size whose document is rejected before any parser reads it.
  const unread = await leastGap(post(`{"a": ${repeated('x')}`))
  for (const [what, document] of pasted) {
    const { gapMs, tookMs } = await leastGap(post(document))
    // Of a document that is read in less than two ticks of the kernel (4 ms) no part is a gap.
    const most = Math.max(3 * unread.gapMs, tookMs / 4, 4)
    t.ok(
      gapMs < most,
      `${what}: gap of ${gapMs.toFixed(1)} ms in ${tookMs.toFixed()} ms, ${unread.gapMs.toFixed(1)} ms unread`
    )
  }
})

test('so it does for profiles and imports', slow, async (t) => {
  const { send } = await start(t)
  const document = `apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\nmetadata: {name: a}\nspec:\n${numbered((i) => `  k${i}:\n`)}`
  const profile = await leastGap(() => send('PUT', '/api/v1/profiles/default/a', { document }))
  t.ok(profile.gapMs < profile.tookMs / 3, `profile: ${JSON.stringify(profile)}`)
  const files = [{ name: 'a.yaml', text: numbered((i) => `k${i}:\n`) }]
  const imported = await leastGap(() => send('POST', '/api/v1/import', { files, dryRun: true }))
  t.ok(imported.gapMs < imported.tookMs / 3, `import: ${JSON.stringify(imported)}`)
})

test(
  'a reader reads in turn, keeps the fields of errors, and limits what waits',
  slow,
  async (t) => {
    const reader = createDocumentReader()
    t.teardown(() => reader.close())
    const bad = reader.read('pods', 'a: [')
    const good = reader.read('pods', 'kind: Pod')
    await t.rejects(bad, { code: 'INVALID_DOCUMENT', message: /^pod: is not YAML/ })
    t.strictSame(await good, [{ kind: 'Pod' }])
    await t.rejects(reader.read('profile', { text: 'kind: Pod', name: 'a' }), {
      code: 'INVALID_DOCUMENT',
      field: 'kind'
    })
    const many = { kind: 'List', items: Array.from({ length: 101 }, () => ({ kind: 'Pod' })) }
    await t.rejects(reader.read('pods', JSON.stringify(many)), { code: 'TOO_LARGE' })
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, () => reader.read('pods', '{}'))
    )
    const done = all.filter(({ status }) => status === 'fulfilled').length
    t.equal(done, 16)
    t.match(all[19], { status: 'rejected', reason: { code: 'UNAVAILABLE' } })
    await reader.close()
    await t.rejects(reader.read('pods', '{}'), { code: 'UNAVAILABLE' })
  }
)
