import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { AuditEntry } from '../../webhook/ui/model/audit-trail.js'
import { admit } from '../helpers/admit.js'
import { runSecco } from '../helpers/secco-command.js'
import { readProfile } from '../helpers/state-folder.js'
import { makeApps, textOf, until, untilSaid } from './app.js'
import { logIn, openBrowser, picture, startSecco, violationsOf } from './rig.js'

const ref = { namespace: 'default', name: 'story' }
const key = 'default/story'

/**
 * Tells how an operator walks the pages: from an unconfined container to an enforced one, a canary and an emergency.
 * @param between what happens between any two steps
 */
export async function tellStory(t: Test, between?: 'SIGKILL and start'): Promise<void> {
  const secco = await startSecco()
  t.teardown(secco.stop)
  const apps = await makeApps(secco.state)
  t.teardown(apps.clean)
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  let { page, complaints } = await logIn(browser, secco.link)
  const open = (path: string) => page.goto(`${secco.ui}${path}`)
  const api = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${secco.token}` }
    return (await (await fetch(`${secco.ui}/api/v1/${path}`, { headers })).json()) as T
  }
  /** The file of a mode that the node has, other than the one before. */
  const revision = (mode: 'enforce' | 'audit', not = '') =>
    until(`${mode} on the node`, async () => {
      const { items } = await api<{ items: ProfileState[] }>('states')
      const found = items.find(({ name }) => name === ref.name)?.[mode]
      return found?.ready === true && found.path !== not ? found : undefined
    })
  const read = async (path: string) => {
    const text = await readFile(join(secco.state, 'seccomp', path), 'utf8')
    const digest = createHash('sha256').update(text).digest('hex')
    t.ok(path.endsWith(`/${digest}.json`), 'the file on the node is what its name says')
    return JSON.parse(text) as LinuxSeccomp
  }
  const allowed = ({ syscalls = [] }: LinuxSeccomp) =>
    new Set(
      syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW').flatMap(({ names }) => names)
    )
  const path = (pod: string) => admit(secco, pod, { app: 'story' })
  const admitted = (wanted: string) =>
    until(`pods to get ${wanted}`, async () =>
      (await path('story-x')) === wanted ? true : undefined
    )
  const done = async (action: string, detail: string) => {
    const { items } = await api<{ items: AuditEntry[] }>('audit')
    const found = items.find((one) => one.action === action && one.detail.endsWith(detail))
    t.match(
      found,
      { status: 200, object: /story|getpgid/ },
      `the audit knows: ${action}, ${detail}`
    )
  }
  const profile = () => readProfile(join(secco.state, 'objects'), ref)

  /** Waits until page, verb and kernel say the same of what runs, and returns what they say. */
  const truth = async (after: string): Promise<string> => {
    const row = await until(`page, verb and kernel to agree after ${after}`, async () => {
      const modes = Object.entries(await apps.kernelModes()).sort()
      const kernel = modes.map(([id, mode]) => `${id} ${mode === '2' ? 'filter' : 'none'}`)
      const { stdout } = await runSecco(['ps', '-o', 'json', '--state', secco.state])
      const { items } = JSON.parse(stdout) as { items: ContainerView[] }
      const verb = items.map(
        ({ id, state }) => `${id} ${state === 'unconfined' ? 'none' : 'filter'}`
      )
      await open('/')
      const page = await statesOn()
      const states = items.map(({ state }) => state)
      const counted = { unconfined: 0, audit: 0, enforced: 0 }
      for (const state of states) if (state in counted) counted[state as keyof typeof counted] += 1
      const same = verb.sort().join() === kernel.join() && page === Object.values(counted).join(' ')
      if (!same) return undefined
      return `${kernel.join(', ')}; page and -o json: ${JSON.stringify(counted)}`
    })
    t.pass(`${after}: ${row}`)
    return row
  }
  const statesOn = async (): Promise<string> => {
    const said = await textOf(page)
    const count = (word: string) => new RegExp(`\\b${word}\\s+(\\d+)`).exec(said)?.[1] ?? '0'
    return ['unconfined', 'audit', 'enforced'].map(count).join(' ')
  }

  /** What follows builds on it. */
  const step = async (words: string, walk: (t: Test) => Promise<void>) => {
    const begun = Date.now()
    await t.test(words, walk)
    if (!t.passing()) throw new Error(`${words}: the rest of the story is left out`)
    t.comment(`${Math.round((Date.now() - begun) / 1000)} s`)
    if (between === undefined) return
    const before = await truth(words)
    await page.context().close()
    await secco.restart()
    ;({ page, complaints } = await logIn(browser, secco.link))
    t.equal(await truth(`${words}, and a restart`), before, 'a restart changes none of it')
  }

  await step('unconfined: seen as it is, and learned', async (t) => {
    const app = apps.app('story', 'story')
    await app.start(undefined)
    t.equal(await app.kernelMode(), '0')
    await open('/')
    await untilSaid(page, /unconfined\s+1/)
    await app.signal('USR1')
    await until('the review', async () => {
      await open(`/review/${key}`)
      return (await page.getByLabel('Include getpgid').count()) > 0 ? true : undefined
    })
    // From the keyboard: the reason, past the link to what is missing, then the button.
    await page.locator('#why').focus()
    await page.keyboard.type('a week of staging')
    const focused = () => page.locator(':focus').innerText()
    for (let stop = 0; stop < 3; stop += 1) {
      await page.keyboard.press('Tab')
      if ((await focused()).startsWith('Approve')) break
    }
    t.match(await focused(), /^Approve\s+sha256:/)
    await app.signal('WINCH')
    const observed = () => Object.values(profile()?.status?.observed ?? {}).flat()
    await until('a call that the page does not show', () =>
      Promise.resolve(observed().includes('getrusage') ? true : undefined)
    )
    const newer = page.getByRole('button', { name: 'Show the newer list' })
    t.notOk(await newer.isVisible(), 'no newer list is known')
    await page.keyboard.press('Enter')
    await untilSaid(page, /changed since it was shown, and nothing was approved[^]*getrusage/)
    t.equal(profile()?.spec.seccomp, undefined, 'an older list approves nothing')
    await newer.click()
    await page.getByLabel('Include getrusage').waitFor()
    t.equal(await page.locator('#why').inputValue(), 'a week of staging', 'what was typed stays')
    await page.getByRole('button', { name: /^Approve/ }).click()
    await untilSaid(page, /On all nodes[^]{0,20}1 of 1/)
    const approved = allowed(await read((await revision('enforce')).path))
    t.ok(approved.has('getpgid') && approved.has('getrusage'))
    await done('approveProfile', 'a week of staging')
    await app.stop()
  })

  await step('a rule: new pods are audited', async (t) => {
    await open('/rules#new')
    await page.getByLabel('Name', { exact: true }).fill('story')
    await page.getByLabel('Pod labels').fill('app=story')
    await page.getByLabel('Mode').selectOption('audit')
    await page.getByLabel('Profile').fill(key)
    await page.getByLabel('Profile').press('Enter')
    await untilSaid(page, /app: story/)
    const audit = await revision('audit')
    await admitted(audit.path)
    const app = apps.app('story', 'story')
    await app.start(await read(audit.path))
    t.equal(await app.kernelMode(), '2')
    await open('/')
    await untilSaid(page, /unconfined\s+0[^]*audit\s+1/)
    await app.signal('HUP')
    await app.signal('USR2')
  })

  await step('denials: explain one, keep one denied, allow one', async (t) => {
    const before = await revision('enforce')
    await open('/denials')
    await untilSaid(page, /getpriority[^]*/)
    await untilSaid(page, /keyctl[^]*/)
    const keep = page.locator('details', { hasText: 'Mute' }).filter({ hasText: 'keyctl' })
    await keep.locator('summary').press('Enter')
    await keep.getByRole('textbox').fill('nobody needs keys')
    await keep.getByRole('textbox').press('Enter')
    // Words of the row alone: the filter above offers "muted" too.
    await untilSaid(page, /muted\s+in default\/story by \S+, 2[-\d :]+ UTC: nobody needs keys/)
    t.match(profile()?.spec.mute, [{ syscall: 'keyctl' }])
    const { stdout } = await runSecco(['denials', '--state', secco.state])
    t.match(stdout, /getpriority/)
    t.notMatch(stdout, /keyctl/, 'it alarms nobody')
    await picture(page, 'denials-kept')

    await page.getByRole('link', { name: /^Explain getpriority/ }).click()
    await page.waitForURL(/call=getpriority/)
    await untilSaid(page, /number 140, x86_64[^]{0,20}not approved\s+observed/)

    await open('/denials')
    await page.getByRole('link', { name: /^Allow in review getpriority/ }).click()
    await page.waitForURL(`${secco.ui}/review/${key}`)
    const included = page.getByLabel('Include getpriority')
    // A call is listed when audit logged it. With the first report of its instance the list of calls to add is another one.
    await until('getpriority to be proposed', async () => {
      await page.reload()
      const [row] = await page.locator('tr', { has: included }).allInnerTexts()
      return /observed in \d+ of/.test(row ?? '') ? true : undefined
    })
    t.notOk(await included.isChecked(), 'what audit logged is ticked by a person')
    await included.check()
    await untilSaid(page, /in force: 1 of 1 running container/)
    await page.locator('#why').fill('release 2 asks for it')
    await page.getByRole('button', { name: /^Approve/ }).click()
    // Without a reload: the container keeps the filter from before.
    await untilSaid(page, /in force: 0 of 1 running container[^]*stale: 1 of 1 container/)
    const after = await revision('enforce', before.path)
    t.ok(allowed(await read(after.path)).has('getpriority'))
    t.notOk(allowed(await read(after.path)).has('keyctl'))
    await done('approveProfile', 'release 2 asks for it')
  })

  await step('a canary, then everybody, then back', async (t) => {
    const [audit, enforce] = [await revision('audit'), await revision('enforce')]
    await admitted(audit.path)
    await open(`/review/${key}`)
    await untilSaid(page, /Nothing else would have been denied to 1 running container/)
    const simulated = await runSecco(['simulate', key, '-o', 'json', '--state', secco.state])
    t.match(JSON.parse(simulated.stdout), { considered: 1, hit: 0 })

    t.equal(await page.getByLabel('Next mode').inputValue(), 'enforce')
    await page.locator('#canary').focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    t.match(await page.locator('#canary-out').innerText(), /^50 %, 1 of 1 container$/)
    await page.locator('#promote-why').fill('try it')
    await page.getByRole('button', { name: 'Try without doing it' }).click()
    await untilSaid(page, /Tried, nothing was changed/)
    t.equal(profile()?.spec.ladder, undefined)
    await page.locator('#promote-why').fill('half of it first')
    await page.getByRole('button', { name: 'Promote', exact: true }).click()
    await untilSaid(page, /Canary: 50 % in enforce\. Outside Kubernetes nothing assigns a profile/)
    t.same(await violationsOf(page), [], 'axe: a review with a canary')
    await picture(page, 'review-canary')
    await done('postPromote', 'half of it first')
    const shares = await until('half of four pods', async () => {
      const got: string[] = []
      for (const n of [0, 1, 2, 3]) got.push(await path(`story-${n}`))
      return got.filter((one) => one === enforce.path).length === 2 ? got : undefined
    })
    t.equal(shares.filter((one) => one === audit.path).length, 2, 'the others as before')
    const canary = apps.app('story-canary', 'story')
    await canary.start(await read(enforce.path))
    t.equal(await canary.kernelMode(), '2')
    await canary.signal('USR1')
    await canary.signal('HUP')
    await open('/')
    await untilSaid(page, /audit\s+1\s+enforced\s+1/)

    await open(`/review/${key}`)
    await page.locator('#canary').focus()
    await page.keyboard.press('End')
    await page.locator('#promote-why').fill('quiet enough')
    await page.getByRole('button', { name: 'Promote', exact: true }).click()
    await untilSaid(page, /promoted: /)
    await done('postPromote', 'quiet enough')
    await admitted(enforce.path)
    await canary.signal('USR2')
    await open('/denials?q=mount')
    await untilSaid(page, /mount[^]*EPERM/)

    // A less strict mode is not what promote names.
    await open(`/review/${key}`)
    await page.getByLabel('Next mode').selectOption('audit')
    await page.locator('#promote-why').fill('down')
    await page.getByRole('button', { name: 'Promote', exact: true }).click()
    await untilSaid(page, /is in enforce mode; audit is less strict/)
    await page.locator('#back-why').fill('it broke a customer')
    await page.getByRole('button', { name: 'Roll back' }).click()
    await untilSaid(page, /rolled back: enforce → audit/)
    await done('postRollback', 'it broke a customer')
    await admitted(audit.path)
    await picture(page, 'review-back')
  })

  await step('an emergency: who uses it, block, who must restart, give back', async (t) => {
    const before = await revision('enforce')
    await open('/emergency')
    await page
      .getByLabel('Syscall, with + all that do the same, or some of its arguments')
      .fill('getpgid')
    await page.getByLabel('Reason', { exact: true }).fill('CVE of today')
    // Both run since before it: what they call now reaches the hub a moment later.
    for (const id of ['story', 'story-canary']) await apps.app(id, 'story').signal('USR1')
    await until('the impact', async () => {
      await page.getByRole('button', { name: 'Impact, then block', exact: true }).click()
      await untilSaid(page, /Tried, nothing was changed/)
      return /nothing was changed[^]*story[^]*getpgid/.test(await textOf(page)) || undefined
    })
    t.equal((await revision('enforce')).path, before.path)
    await page.getByRole('button', { name: /^Block in \d+ workloads?$/ }).press('Enter')
    await untilSaid(page, /Blocked now[^]*getpgid/)
    await untilSaid(page, /\d+ of \d+ running containers? can still make it/)
    await untilSaid(page, /Who must restart[^]*story[^]*story-canary/)
    await done('postBlock', 'CVE of today')
    const blocked = await revision('enforce', before.path)
    t.notOk(allowed(await read(blocked.path)).has('getpgid'))
    t.same(await violationsOf(page), [], 'axe: emergency')
    await picture(page, 'emergency-blocked')

    for (const id of ['story', 'story-canary']) {
      const app = apps.app(id, 'story')
      await app.stop()
      await app.start(await read(blocked.path))
      await app.signal('USR1')
    }
    await until('both to deny it', async () => {
      const open = (await page.locator('[data-blocked]').textContent()) ?? ''
      return !/asking|story/.test(open) || undefined
    })
    await open('/denials?q=getpgid')
    // Who has just been started may not listen yet.
    const asking = setInterval(() => {
      for (const id of ['story', 'story-canary'])
        void apps
          .app(id, 'story')
          .signal('USR1')
          .catch(() => undefined)
    }, 1000)
    await untilSaid(page, /getpgid[^]*EPERM/).finally(() => clearInterval(asking))

    await open('/emergency')
    await page.getByLabel('Reason to unblock getpgid').fill('patched')
    await page.getByRole('button', { name: 'Unblock getpgid' }).click()
    await untilSaid(page, /Nothing is blocked/)
    await done('postUnblock', 'patched')
    const lifted = await revision('enforce', blocked.path)
    t.equal(lifted.path, before.path, 'the very bytes of before')
  })

  await open('/audit')
  t.match(
    await textOf(page),
    /blocked in an emergency[^]*rolled back[^]*promoted[^]*muted a denial[^]*wrote the rule[^]*approved/
  )
  t.same(
    complaints.filter((each) => !/40[049]/.test(each)),
    [],
    'the browser complains of nothing'
  )
}
