import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { t, test } from 'tap'
import { run } from '../../../../cli/main.js'
import { newContainerText } from '../../../../src/seccomp/review/new-pods.js'
import type { Assignment } from '../../../../webhook/confinement/ladder/assignment.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { captureIo } from '../../../helpers/captured-io.js'
import { pages } from '../../../../webhook/ui/pages/registry.js'
import { commandsOfText, problemOf, seccoParser } from '../../../helpers/printed-commands.js'
import { repositoryRoot } from '../../../helpers/repository.js'
import { denial, node, type RigOptions, startUiRig } from '../rig.js'

t.setTimeout(150_000)

const ref = { namespace: 'shop', name: 'web' }
const observing = (names: readonly string[]): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: ref },
  spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } },
  status: { observed: names.length === 0 ? {} : { x86_64: [...names] } }
})
const approve = (profile: SeccompProfile): SeccompProfile =>
  approveObserved(profile, { by: 'ada', at: '2026-01-01T00:00:00Z', reason: 'why' })
const approved = approve(observing(['getsid', 'read']))
const more = (names: readonly string[]): SeccompProfile => ({
  ...approved,
  status: { ...approved.status, observed: { x86_64: [...names] } }
})
const extended: SeccompProfile = {
  ...approved,
  spec: { ...approved.spec, extends: ['secco-system/go'] }
}
/** Somebody changed the content after its approval. */
const stale: SeccompProfile = {
  ...approved,
  spec: {
    ...approved.spec,
    approval: { by: 'ada', at: '2026-01-01T00:00:00Z', digest: `sha256:${'0'.repeat(64)}` }
  }
}

const card = (call: string) => `/workloads/shop/web?call=${call}`
const review = '/review/shop/web'

const cases: readonly [what: string, SeccompProfile, url: string, decides: RegExp | undefined][] = [
  ['the card of an approved call', approved, card('getsid'), /call shop\/web --deny getsid/],
  ['the card of a call of the base', approved, card('read'), undefined],
  ['the card of a call that nobody made', approved, card('mount'), /--allow mount/],
  ['the card of a call, nothing approved', observing(['getsid']), card('getsid'), /--allow getsid/],
  ['the card of a call of a parent', extended, card('bind'), undefined],
  ['the card of a call under a stale approval', stale, card('getsid'), undefined],
  ['a review, nothing observed', observing([]), review, undefined],
  [
    'a review, nothing approved',
    observing(['getsid', 'read']),
    review,
    /profile approve shop\/web/
  ],
  [
    'a review with a risky call',
    observing(['getsid', 'ptrace']),
    review,
    /--allow getsid --reason/
  ],
  [
    'the list of reviews with a risky call',
    observing(['getsid', 'ptrace']),
    '/review',
    /--allow getsid --reason/
  ],
  ['the list of reviews with a risky call alone', observing(['ptrace']), '/review', undefined],
  ['a review of a risky call alone', observing(['ptrace']), review, undefined],
  ['a review, everything approved', approved, review, undefined],
  [
    'a review of new calls',
    more(['getpgid', 'getsid', 'read']),
    review,
    /profile approve shop\/web/
  ],
  ['a review of a stale approval', stale, review, /profile approve shop\/web/]
]

/** Returns the commands in the boxes of a page. */
function commandsIn(body: string): string[] {
  const boxes = [...body.matchAll(/<div class="cli"[^>]*><pre>(.*?)<\/pre>/gs)]
  const texts = boxes.map(([, inner = '']) => inner.replace(/<[^>]*>/g, ''))
  return texts.filter((text) => text !== '').map((text) => text.replaceAll('&quot;', '"'))
}

for (const [what, object, url, decides] of cases) {
  test(`commands of a page work as printed: ${what}`, async (t) => {
    const folder = t.testdir()
    const option = `--state ${folder}`
    const rig = await startUiRig({ objects: [object], denials: () => [], commandOptions: option })
    t.teardown(() => rig.app.close())
    const commands = commandsIn((await rig.get(url)).body)
    for (const command of commands) t.match(command, `secco ${option} `, 'it names the hub')
    const offline = commands.filter((one) => / profile (call|approve) | diff /.test(one))
    const deciding = offline.filter((one) => / profile (call|approve) /.test(one))
    if (decides === undefined) t.strictSame(deciding, [])
    else t.match(deciding.join(), decides)
    if (object.spec.seccomp === undefined) t.notMatch(commands.join(), / promote /)
    for (const [at, command] of offline.entries()) {
      const state = join(folder, String(at))
      const store = await openDirectoryStore(join(state, 'objects'))
      t.teardown(() => store.close())
      await store.apply('SeccompProfile', object)
      await store.update('SeccompProfile', ref, (was) => ({ ...was, status: object.status ?? {} }))
      const { io, printed } = captureIo()
      const words = command.replace(option, `--state ${state}`).split(' ').slice(1)
      const code = await run(words, io)
      t.ok(code === 0 || (code === 1 && words.includes('diff')), `${command}: ${printed.stderr}`)
      const names = (await store.get('SeccompProfile', ref))?.spec.seccomp?.syscalls ?? []
      t.notOk(
        names.some((rule) => rule.names.includes('ptrace')),
        'what the page leaves to a person is not approved'
      )
    }
  })
}

test('the commands on the pages of profiles that ship with Secco work as printed', async (t) => {
  const folder = t.testdir()
  const option = `--state ${folder}`
  const rig = await startUiRig({ objects: [], denials: () => [], commandOptions: option })
  t.teardown(() => rig.app.close())
  for (const url of ['/profiles?builtin=yes', '/profiles/secco-system/go']) {
    const commands = commandsIn((await rig.get(url)).body).filter((one) => !one.includes('FILE'))
    t.match(commands.join(), /--builtin/, url)
    for (const command of commands) {
      const { io, printed } = captureIo()
      t.equal(await run(command.split(' ').slice(1), io), 0, `${command}: ${printed.stderr}`)
      t.match(printed.stdout, /\bgo\b/, command)
    }
  }
})

test('the log-in names the hub in its command, and a hub on the usual folder needs no option', async (t) => {
  for (const [commandOptions, expected] of [
    ['--state /srv/secco', 'secco --state /srv/secco ui link'],
    ['', 'secco ui link']
  ] as const) {
    const rig = await startUiRig({ commandOptions })
    t.teardown(() => rig.app.close())
    const headers = { host: 'localhost', accept: 'text/html' }
    const { body } = await rig.app.inject({ url: '/login', headers })
    t.strictSame(commandsIn(body), [expected])
  }
})

/** Returns the text of a page, in which a command of a sentence stands as people copy it. */
function textOf(body: string): string {
  return body
    .replace(/<(script|style)\b.*?<\/\1>/gs, '')
    .replace(/<\/?(?:button|code|div|h\d|li|p|pre|td|th)\b[^>]*>/g, '\n')
    .replace(/<[^>]*>/g, '')
}

const verbs =
  'block|check|denials|diff|doctor|explain|get|history|learn|lint|profile|promote|ps|render|rollback|rule|satellite|trace|ui|up'
/** What is to be run on another node has no folder of this machine. */
const printed = new RegExp(`\\bsecco (?:--state \\S+ )?(?:${verbs})\\b(?! --node)[^\\n]{0,8}`, 'g')

const said = 'see `secco ps`'
/** A profile of a container outside Kubernetes, in a canary whose quiet proves nothing. */
const outside: SeccompProfile = {
  ...approved,
  metadata: { namespace: 'shop', name: 'outside' },
  spec: {
    ...approved.spec,
    workload: { kind: 'Container', name: 'outside' },
    ladder: {
      mode: 'audit',
      canary: {
        ...{ percent: 40, from: { mode: 'learn' } },
        ...{ startedAt: '2026-01-01T00:00:00Z', quietFor: '1h' }
      }
    }
  },
  status: {
    ...approved.status,
    conditions: ['QuietUnproven', 'Ready'].map((type) => ({
      ...{ type, status: type === 'Ready' ? 'False' : 'True', reason: 'x', message: said },
      lastTransitionTime: '2026-01-01T00:00:00Z'
    }))
  }
}
const assignment: Assignment = {
  ...{
    mode: 'audit',
    containers: 1,
    inForce: 0,
    others: [],
    hidden: 0,
    givenBy: [],
    labels: {},
    command: ''
  },
  notGiven: [
    {
      why: `outside Kubernetes nothing assigns a profile: ${newContainerText(ref, { mode: 'audit' })}`,
      containers: 1
    }
  ]
}

/** A fleet in which much is wrong, so that pages print what to do about it. */
const troubled: RigOptions = {
  objects: [
    stale,
    { ...approved, metadata: { namespace: 'shop', name: 'api' } },
    outside,
    {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
      ...{ metadata: { namespace: 'shop', name: 'web' }, spec: { mode: 'enforce', profile: ref } }
    }
  ],
  nodes: () => [
    { ...node, losses: { ...node.losses, missed: 3, unidentified: 2 }, connected: false },
    {
      ...{ ...node, name: 'node-2', tracingUnavailable: said },
      conditions: [{ type: 'ProfilesWritable', status: 'False', reason: 'X', message: said }]
    }
  ],
  denials: () => [
    { ...denial, state: 'allowed', hint: 'restart it: see `secco ps`' },
    { ...denial, syscall: 'bpf', deleted: '', hint: 'find its container with secco ps' },
    { ...denial, syscall: 'getsid', state: 'closed', hint: `closed: ${said}` },
    { ...denial, syscall: 'setsid', state: 'expected', hint: said }
  ],
  assignment: () => assignment,
  foreign: [
    {
      ...{ method: 'POST', url: '/api/v1/promote', cli: 'secco promote', summary: 'a step' },
      needs: { verb: 'approve', resource: 'seccompprofiles' },
      handle: () => ({})
    }
  ]
}

/** A sentence of Secco's own that a page shows as it is: a command in it would not name the hub. */
const bare =
  />\s*\{(?:\w+\.)*(?:detail|found|hint|message|next|problem|summary|text|warning|why)\}/g
/** Their texts are labels, or what people wrote. */
const labels = ['call-panel', 'forms', 'history-view', 'layout', 'marks', 'panels', 'audit']

test('pages show a sentence by the part that names the hub in its commands', (t) => {
  const found = ['pages', 'parts'].flatMap((folder) => {
    const path = join(repositoryRoot, 'webhook', 'ui', folder)
    return readdirSync(path)
      .filter((name) => name.endsWith('.tsx') && !labels.includes(name.replace('.tsx', '')))
      .flatMap((name) =>
        [...readFileSync(join(path, name), 'utf8').matchAll(bare)].map(
          ([match]) => `${name}: ${match.replace(/\s+/g, '')}`
        )
      )
  })
  t.strictSame(found, [])
  t.match('<bdi>{one.why}</bdi>', bare)
  t.end()
})

test('a command in running text names the hub, as one in a box does', async (t) => {
  const none: RigOptions = { objects: [], nodes: () => [], denials: () => [] }
  let [commands, parsed] = [0, 0]
  const parse = await seccoParser()
  for (const [what, sources] of [
    ['a fleet in trouble', troubled],
    ['an empty fleet', none]
  ] as const) {
    const rig = await startUiRig({ ...sources, commandOptions: '--state /srv/x' })
    t.teardown(() => rig.app.close())
    const paths = pages.map(({ path }) =>
      path.replace(':namespace', 'shop').replace(':name', 'web')
    )
    for (const path of [
      ...paths,
      '/workloads/shop/none',
      '/review/shop/outside',
      '/emergency?all=1'
    ]) {
      for (const role of ['admin', 'viewer'] as const) {
        const { body } = await rig.get(path, { cookie: rig.cookie(role) })
        const raw = /.{0,60}\b\d{4}-\d\d-\d\dT\d\d:.{0,20}/.exec(
          // A document is shown as it is stored.
          textOf(body.replace(/<(pre class="doc|textarea)[^]*?<\/(pre|textarea)>/g, ''))
        )?.[0]
        t.equal(raw, undefined, `${what}: ${path} as ${role}: times are written for people`)
        const plain = textOf(body).replaceAll('&quot;', '"').replaceAll('&#39;', "'")
        for (const command of commandsOfText(plain).filter((one) => one.program === 'secco')) {
          parsed += 1
          const problem = await problemOf(command, parse)
          t.equal(problem, undefined, `${what}: ${path} as ${role}: secco ${command.rest}`)
        }
        for (const [command] of textOf(body).matchAll(printed)) {
          commands += 1
          t.match(command, /^secco --state \/srv\/x /, `${what}: ${path} as ${role}: ${command}`)
        }
      }
    }
  }
  t.ok(parsed > 60, `${parsed} commands were parsed`)
  t.ok(commands > 60, `${commands} commands were printed`)
})
