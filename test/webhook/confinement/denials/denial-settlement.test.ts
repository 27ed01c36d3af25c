import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { emergencyLabel } from '../../../../src/seccomp/render/emergency.js'
import { test } from 'tap'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import type {
  LinuxSeccomp,
  SeccompProfile,
  SeccompSyscall
} from '../../../../src/api/seccomp-profile.js'
import { apiVersion } from '../../../../src/api/names.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-view.js'
import { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import { wantsDenial } from '../../../../webhook/confinement/denials/denial-choice.js'
import { settledDenialViews } from '../../../../webhook/confinement/denials/denial-views.js'
import { isOpen } from '../../../../webhook/views/denial-view.js'
import { type DenialRow, keyWithoutCaller } from '../../../../webhook/hub/denials/denial-row.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { view } from '../../../helpers/hub-answers.js'
import { testProfile, testRevision } from '../../../helpers/rules.js'

const second = (at: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString()
const digestOf = (digit: string) => testRevision('shop', 'web', digit).digest

const allowing = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }, ...syscalls]
})
const getsid: SeccompSyscall = { names: ['getsid'], action: 'SCMP_ACT_ALLOW' }
const inet: SeccompSyscall = {
  ...{ names: ['socket'], action: 'SCMP_ACT_ALLOW' },
  args: [{ index: 0, value: 2, op: 'SCMP_CMP_EQ' }]
}

/** What RuntimeDefault allows of socket: all families but AF_VSOCK. */
const asRuntimeDefault: SeccompSyscall = {
  ...{ names: ['socket'], action: 'SCMP_ACT_ALLOW' },
  args: [{ index: 0, value: 40, op: 'SCMP_CMP_NE' }]
}

/** What each revision allows: d is what denied the call, 0 has nothing of what is blocked. */
const revisions: Readonly<Record<string, LinuxSeccomp>> = {
  0: allowing(),
  d: allowing(),
  e: allowing(getsid, inet),
  f: allowing(getsid),
  b: allowing(asRuntimeDefault),
  c: allowing({ ...asRuntimeDefault, action: 'SCMP_ACT_LOG' }),
  k: allowing({
    ...{ names: ['keyctl'], action: 'SCMP_ACT_ALLOW' },
    args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
  }),
  // Audit lets everything pass, and logs what is not approved.
  a: { ...allowing(), syscalls: [{ ...getsid, action: 'SCMP_ACT_LOG' }] }
}

const denied: DenialRow = {
  ...{ key: 'k', node: 'n1', namespace: 'shop', workload: 'Deployment/web', profile: 'web' },
  ...{ container: 'c', containerName: 'app', pod: 'web-1', answer: 'EPERM' },
  ...{ instance: 'n1/boot/7.8.1', revision: digestOf('d'), syscall: 'getsid', abi: 'x86_64' },
  ...{ arguments: '', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', comm: 'app', pid: 7 },
  ...{ count: 3, firstSeen: second(10), lastSeen: second(12), at: second(12) },
  ...{ expected: false, succeeded: 0 }
}

/** What a container of the pod of the row has that started after the row's. */
const samePod = { id: 'c2', namespace: 'shop', pod: 'web-1', revision: digestOf('d') }

interface Ground {
  samePod?: Partial<ContainerView>
  row?: Partial<DenialRow>
  /** Arguments of other rows of the same call. */
  values?: readonly string[]
  state?: Partial<ProfileState>
  /** The container of the row, while it runs. */
  running?: Partial<ContainerView>
  node?: { connected: boolean } | null
  listed?: boolean
  mute?: NonNullable<SeccompProfile['spec']['mute']>
  /** The digit of the revision to which the profile is pinned. */
  pinned?: string
  /** When the call of the row was blocked in an emergency. */
  blocked?: string
  /** Nothing is approved in the profile. */
  learns?: boolean
  /** The profile is that of a pod of Secco. */
  own?: boolean
  /** When the profile was created; null: there is none. */
  createdAt?: string | null
}

const valueRow = (row: DenialRow, value: string): DenialRow =>
  value === '' ? row : { ...row, arguments: value, key: `${keyWithoutCaller(row)} 1 ${value} app` }

/** Returns the denial as a hub shows it that was just started on these facts. */
async function shown(ground: Ground) {
  const isGone = ground.createdAt === null
  const pinned =
    ground.pinned === undefined ? undefined : testRevision('shop', 'web', ground.pinned)
  const state = testProfile('shop', 'web', {
    ...{ enforce: testRevision('shop', 'web', 'e'), audit: testRevision('shop', 'web', 'a') },
    previous: testRevision('shop', 'web', 'd'),
    ...(pinned === undefined ? {} : { ladder: { mode: 'enforce', revision: pinned } }),
    ...ground.state
  })
  const ladder = pinned && { ladder: { mode: 'enforce' as const, revision: pinned.digest } }
  const profile: SeccompProfile = {
    ...{ apiVersion, kind: 'SeccompProfile' },
    metadata: {
      ...{ namespace: ground.own === true ? 'secco-system' : 'shop', name: 'web' },
      creationTimestamp: ground.createdAt ?? second(0)
    },
    spec: {
      ...(ground.own === true ? { workload: { kind: 'Deployment', name: 'secco' } } : {}),
      ...(ground.learns === true ? {} : { seccomp: allowing(getsid, inet) }),
      ...(ground.mute === undefined ? {} : { mute: ground.mute }),
      ...ladder
    },
    status: {
      revision: digestOf('e'),
      approvals: [
        { by: 'ann', at: second(5), revision: digestOf('d') },
        { by: 'ann', at: second(20), revision: digestOf('f') },
        { by: 'ann', at: second(40), revision: digestOf('e') }
      ]
    }
  }
  const denialRows = new DenialRows({
    since: second(0),
    rows: ['', ...(ground.values ?? [])].map((value) =>
      valueRow({ ...denied, ...ground.row }, value)
    ),
    runs: {}
  })
  const { running, node = { connected: true } } = ground
  const hub = {
    ...{ denialRows, profiles: () => new Map(isGone ? [] : [['shop/web', state]]) },
    ...{ node: () => node ?? undefined, inventory: { isComplete: () => ground.listed !== false } },
    bytes: (digest: string) => {
      const digit = digest.slice('sha256:'.length)[0] ?? ''
      const seccomp = revisions[digit]
      return Promise.resolve(seccomp && Buffer.from(JSON.stringify(seccomp)))
    }
  } as unknown as Confinement['sources']['hub']
  const decision = { by: 'olga', at: ground.blocked ?? '', reason: 'getsid: CVE' }
  const overlay =
    ground.blocked === undefined
      ? undefined
      : withBlock(emptyOverlay(), parseBlock('getsid'), decision, false)
  const revisionIndex = new RevisionIndex({ hub, profiles: () => (isGone ? [] : [profile]) })
  revisionIndex.refresh()
  const confinement = {
    ...{ sources: { hub, isElsewhere: () => false, snapshot: () => buildSnapshot({}) } },
    profile: (key: string) =>
      ({ [emergencyLabel]: overlay, 'shop/web': isGone ? undefined : profile })[key],
    revisions: revisionIndex,
    views: {
      reachedBy: () =>
        ground.samePod === undefined ? [] : [view('n1', 'app', { ...samePod, ...ground.samePod })],
      peekContainer: () =>
        running && view('n1', 'app', { id: 'c', pod: 'web-1', revision: digestOf('d'), ...running })
    }
  } as unknown as Confinement
  const [one] = await settledDenialViews(confinement)
  if (one === undefined) throw new Error('there is no denial')
  return one
}

test('a denial of a deleted profile stays, and offers nothing to allow', async (t) => {
  const runs = { startedAt: second(1), workload: 'Deployment/web' }
  const deleted = { deleted: second(30) }
  const older = { revision: digestOf('9') }
  const gone = 'its profile shop/web was deleted'
  const keeps = `${gone}, and the container keeps its filter until: kubectl rollout restart -n shop deployment/web`
  const ended = `closed: ${gone}, and the container that was denied it has ended`
  const away = `${gone}, but n1 is not connected: secco get nodes`
  // [what, the facts, the state, since when it is closed, since when it is deleted, the hint]
  const table: [string, Ground, string, string, string | undefined, string][] = [
    [
      'its container runs',
      { createdAt: null, row: deleted, running: runs },
      'open',
      '',
      second(30),
      keeps
    ],
    ['it has ended', { createdAt: null, row: deleted }, 'closed', second(30), second(30), ended],
    [
      'a later container has its name and its filter',
      { createdAt: null, row: deleted, running: { startedAt: second(33), pod: '' } },
      ...(['closed', second(33), second(30), ended] as const)
    ],
    ['its node is away', { createdAt: null, node: { connected: false } }, 'open', '', '', away],
    ['nobody saw the deletion', { createdAt: null, running: runs }, 'open', '', '', keeps],
    [
      'another one has its name',
      { createdAt: second(40), row: { ...deleted, ...older }, running: { ...runs, ...older } },
      ...(['open', '', second(30), keeps] as const)
    ],
    [
      'another one, and nobody saw the deletion',
      { createdAt: second(40), row: older, running: { ...runs, ...older } },
      ...(['open', '', '', keeps] as const)
    ],
    [
      'another one has its name, and has nothing approved',
      {
        ...{ createdAt: second(40), learns: true, row: { ...deleted, ...older } },
        running: { ...runs, ...older, pod: '' }
      },
      ...(['open', '', second(30)] as const),
      `${gone}, and the container keeps its filter until: secco profile approve shop/web ` +
        '(nothing is approved in the new one yet), then create c again with the filter that ' +
        '`secco profile export shop/web --mode enforce` prints'
    ],
    [
      'what is muted in another one',
      {
        ...{ createdAt: second(40), row: { ...deleted, ...older } },
        running: { ...runs, ...older },
        mute: [{ syscall: 'getsid', by: 'ann', at: second(41) }]
      },
      ...(['open', '', second(30), keeps] as const)
    ],
    [
      'on purpose',
      { createdAt: null, row: { ...deleted, syscall: 'clone3', expected: true } },
      ...(['expected', '', second(30), 'denied on purpose: the C library uses clone'] as const)
    ]
  ]
  for (const [what, ground, state, closedAt, deletedAt, hint] of table) {
    const one = await shown(ground)
    t.same(
      [one.state, one.closedAt, one.deleted, one.muted, one.hint],
      [state, closedAt, deletedAt, false, hint],
      what
    )
  }
  const same = await shown({ createdAt: second(40), row: deleted, running: runs })
  t.match(same, { state: 'allowed', hint: /allows it/ }, 'made again with equal content')
  const own = await shown({ createdAt: second(40), running: runs })
  t.equal(
    own.deleted,
    undefined,
    'its revision is one of the profile, whatever the clock of the node'
  )
  t.match(own.hint, /allows it/)
})

test('the mode of a denial of a deleted profile is known after a restart of the hub', async (t) => {
  const gone = { createdAt: null, row: { deleted: second(30), revision: digestOf('9') } }
  const runs = { startedAt: second(1), revision: digestOf('9') }
  const beyond = { ...gone.row, syscall: 'mount' }
  // [what, the facts, the mode]; the bytes of revision 9 are not known
  const table: [string, Ground, string][] = [
    ['logged', { ...gone, row: { ...gone.row, action: 'SCMP_ACT_LOG' } }, 'audit'],
    ['killed', { ...gone, row: { ...beyond, action: 'SCMP_ACT_KILL_PROCESS' } }, 'enforce'],
    ['audit denies nothing that RuntimeDefault allows', gone, 'enforce'],
    ['both modes deny it', { ...gone, row: beyond }, ''],
    ['it runs', { ...gone, row: beyond, running: { ...runs, state: 'enforced' } }, 'enforce'],
    ['it runs in audit', { ...gone, row: beyond, running: { ...runs, state: 'audit' } }, 'audit'],
    ['the bytes are known', { createdAt: null, row: { syscall: 'mount' } }, 'enforce'],
    ['no revision denied it', { ...gone, row: { ...gone.row, revision: '' } }, '']
  ]
  for (const [what, ground, mode] of table) t.equal((await shown(ground)).mode, mode, what)
})

test('a denial is closed when its profile allows the call and its container has ended', async (t) => {
  const before = testRevision('shop', 'web', 'd')
  const runs = { startedAt: second(1), workload: 'Deployment/web' }
  // [what, the facts, the state, since when it is closed, what the hint says]
  const table: [string, Ground, string, string, RegExp][] = [
    ['not allowed', { state: { enforce: before } }, 'open', '', /allow it: secco denials allow/],
    [
      'it runs on',
      { running: runs },
      'allowed',
      '',
      /kubectl rollout restart -n shop deployment\/web$/
    ],
    [
      'its arguments are not known, and all that RuntimeDefault allows is allowed',
      { row: { syscall: 'socket' }, state: { enforce: testRevision('shop', 'web', 'b') } },
      ...(['closed', second(12), /has ended/] as const)
    ],
    [
      'its arguments are not known, and some are allowed',
      { row: { syscall: 'socket' } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'its arguments are not known, and it would be logged',
      { row: { syscall: 'socket' }, state: { enforce: testRevision('shop', 'web', 'c') } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'its arguments are known, and others are allowed',
      {
        row: { syscall: 'socket', arguments: 'domain=AF_VSOCK' },
        state: { enforce: testRevision('shop', 'web', 'b') }
      },
      ...(['open', '', /allow it/] as const)
    ],
    ['it has ended', {}, 'closed', second(20), /^closed: web@e{8} allows it, .* has ended$/],
    ['it ended then', { row: { ended: second(30) } }, 'closed', second(30), /has ended/],
    ['it ended before', { row: { ended: second(15) } }, 'closed', second(20), /has ended/],
    [
      'a later run of the container, which keeps its filter',
      { running: { startedAt: second(33), workload: 'Deployment/web' } },
      ...(['allowed', '', /rollout restart/] as const)
    ],
    [
      'an engine started it again, with what it was created with',
      { running: { startedAt: second(33), pod: '', runtime: 'docker' } },
      ...(['allowed', '', /create c again/] as const)
    ],
    [
      'a later container of the same name under the same revision',
      { running: { startedAt: second(33), pod: '' } },
      ...(['closed', second(33), /has ended/] as const)
    ],
    [
      'a later container of the same name, and the end of the first was reported',
      { row: { ended: second(30) }, running: { startedAt: second(33), pod: '' } },
      ...(['closed', second(30), /has ended/] as const)
    ],
    [
      'a container outside of pods runs on',
      { running: { startedAt: second(1), pod: '' } },
      ...(['allowed', '', /create c again/] as const)
    ],
    [
      'a later run under the newer one',
      { running: { startedAt: second(33), revision: digestOf('e') } },
      ...(['closed', second(33), /has ended/] as const)
    ],
    [
      'the pod started it again',
      { row: { ended: second(30) }, samePod: { workload: 'Deployment/web' } },
      ...(['allowed', '', /rollout restart/] as const)
    ],
    [
      'the pod of that name is another one',
      { row: { ended: second(30) }, samePod: { revision: digestOf('e') } },
      ...(['closed', second(30), /has ended/] as const)
    ],
    [
      'denied by RuntimeDefault, and not allowed',
      { row: { revision: '' }, state: { enforce: before } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'denied by RuntimeDefault, and allowed',
      { row: { revision: '', ended: second(30) } },
      ...(['closed', second(30), /^closed: web@e{8} allows it, .* has ended$/] as const)
    ],
    [
      'denied by RuntimeDefault, which its containers get again',
      { row: { revision: '' }, state: { ladder: { mode: 'learn' } } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'denied by RuntimeDefault, and its pod runs, which nothing gives the profile',
      { row: { revision: '' }, running: { ...runs, revision: '' } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'denied by RuntimeDefault, and its pod runs, while others have the profile',
      {
        ...{ row: { revision: '' }, running: { ...runs, revision: '' } },
        samePod: { pod: 'web-2', revision: digestOf('e') }
      },
      ...(['allowed', '', /kubectl rollout restart -n shop deployment\/web$/] as const)
    ],
    [
      'denied by RuntimeDefault, and a container outside of pods runs on',
      {
        row: { revision: '', pod: '' },
        running: { ...runs, revision: '', pod: '', runtime: 'docker' }
      },
      ...(['allowed', '', /create c again with/] as const)
    ],
    [
      'denied by RuntimeDefault, and its profile is gone, as is its container',
      { row: { revision: '', ended: second(30) }, createdAt: null },
      ...(['closed', second(30), /^closed: .* has ended, and there is no profile of it$/] as const)
    ],
    [
      'denied by RuntimeDefault, without a profile, and not listed yet',
      { row: { revision: '' }, createdAt: null },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'denied by RuntimeDefault, and it runs before its profile is learned',
      { row: { revision: '' }, createdAt: null, running: { ...runs, revision: '' } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'by a file of the author, and its pod runs',
      { row: { revision: digestOf('9') }, running: { ...runs, revision: digestOf('9') } },
      ...(['open', '', /allow it/] as const)
    ],
    [
      'by a file of the author, and it has ended',
      { row: { revision: digestOf('9') } },
      ...(['closed', second(20), /has ended/] as const)
    ],
    [
      'by an old revision, of which a restarted hub knows the bytes alone',
      { row: { revision: digestOf('c') } },
      ...(['closed', second(20), /has ended/] as const)
    ],
    [
      ...(['back in learn', { state: { ladder: { mode: 'learn' } } }] as const),
      ...(['closed', second(20), /has ended/] as const)
    ],
    [
      ...([
        'it runs under the newer one',
        { running: { ...runs, revision: digestOf('f') } }
      ] as const),
      ...(['closed', second(20), /./] as const)
    ],
    [
      'its node is away',
      { node: { connected: false } },
      'allowed',
      '',
      /n1 is not connected: secco get profiles -n shop$/
    ],
    ['its node has not listed it', { listed: false }, 'allowed', '', /n1 has not listed its/],
    ['its node is gone', { node: null }, 'closed', second(20), /has ended/],
    [
      ...([
        'no node has the revision',
        { state: { enforce: testRevision('shop', 'web', 'e', false) } }
      ] as const),
      ...(['allowed', '', /n1 does not have it yet/] as const)
    ],
    [
      'another node lacks it',
      { state: { enforce: { ...testRevision('shop', 'web', 'e', false), lacking: ['n2'] } } },
      ...(['closed', second(20), /./] as const)
    ],
    [
      ...(['rolled back', { state: { ladder: { mode: 'enforce', revision: before } } }] as const),
      ...(['open', '', /allow it/] as const)
    ],
    [
      'a canary has the older one',
      {
        state: {
          ladder: {
            mode: 'enforce',
            canary: { percent: 5, from: { mode: 'enforce', revision: before } }
          }
        }
      },
      ...(['open', '', /allow it/] as const)
    ],
    ['in audit it is logged', { state: { ladder: { mode: 'audit' } } }, 'open', '', /allow it/],
    [
      ...(['other arguments', { row: { syscall: 'socket', arguments: '0x26 0x5' } }] as const),
      ...(['open', '', /socket:domain=AF_ALG,type=5$/] as const)
    ],
    [
      ...(['its arguments', { row: { syscall: 'socket', arguments: '0x2 0x1' } }] as const),
      ...(['closed', second(40), /./] as const)
    ],
    [
      'two values, of which one is allowed: this one',
      { row: { syscall: 'socket', arguments: '0x2' }, values: ['0x10'] },
      ...(['closed', second(40), /./] as const)
    ],
    [
      'two values, of which one is allowed: the other one',
      { row: { syscall: 'socket', arguments: '0x10' }, values: ['0x2'] },
      ...(['open', '', /socket:domain=AF_NETLINK$/] as const)
    ],
    [
      'values that are not kept, and all known ones are allowed',
      { row: { syscall: 'socket', arguments: '?' }, values: ['0x2', '0x2 0x1'] },
      ...(['closed', second(40), /./] as const)
    ],
    [
      'values that are not kept, and a known one is denied',
      { row: { syscall: 'socket', arguments: '?' }, values: ['0x2', '0x10'] },
      ...(['open', '', /web socket$/] as const)
    ],
    [
      'values that are not kept, and none is known',
      {
        row: { syscall: 'socket', arguments: '?' },
        state: { enforce: testRevision('shop', 'web', 'b') }
      },
      ...(['open', '', /web socket$/] as const)
    ],
    [
      'an argument that only the filter reads which denied it',
      {
        row: { syscall: 'keyctl', arguments: '0x5', revision: digestOf('k') },
        state: { enforce: before }
      },
      ...(['open', '', /web keyctl:0=5$/] as const)
    ],
    ['unknown arguments', { row: { syscall: 'socket' } }, 'open', '', /web socket$/],
    [
      'denied under that very revision',
      { row: { revision: digestOf('e') } },
      'open',
      '',
      /allow it/
    ],
    ['on purpose', { row: { syscall: 'clone3', expected: true } }, 'expected', '', /on purpose/],
    [
      'muted',
      { mute: [{ syscall: 'getsid' }], state: { enforce: before } },
      ...([
        'muted',
        '',
        /^muted in shop\/web; .*: secco denials mute shop\/web getsid --remove --reason WHY$/
      ] as const)
    ],
    [
      'muted by somebody, with a reason',
      {
        mute: [
          {
            syscall: 'getsid',
            by: 'ann',
            at: '2026-01-02T03:04:05.678Z',
            reason: 'no: secco needs it'
          }
        ],
        state: { enforce: before }
      },
      ...([
        'muted',
        '',
        /^muted in shop\/web by ann, 2026-01-02T03:04:05.678Z: no: secco\\x20needs it; to report .*: secco denials mute/
      ] as const)
    ],
    [
      'muted in the profile that a rule gave, which is not the one that learns',
      {
        row: { profile: 'web-1.app' },
        mute: [{ syscall: 'getsid' }],
        state: { enforce: before }
      },
      ...(['muted', '', /^muted in shop\/web/] as const)
    ],
    [
      'it was closed, and its call is blocked since',
      { blocked: second(50), state: { enforce: testRevision('shop', 'web', '0') } },
      ...(['closed', second(20), /^closed: .* an emergency blocks it now$/] as const)
    ],
    [
      'it was allowed, runs on, and its call is blocked since',
      { running: runs, blocked: second(50), state: { enforce: testRevision('shop', 'web', '0') } },
      ...(['open', '', /secco block getsid --remove$/] as const)
    ],
    [
      'its call was blocked when it was denied',
      { blocked: second(2), state: { enforce: testRevision('shop', 'web', '0') } },
      ...(['open', '', /secco block getsid --remove$/] as const)
    ],
    ['muted, and allowed since', { mute: [{ syscall: 'getsid' }] }, 'closed', second(20), /./]
  ]
  for (const [what, ground, state, closedAt, hint] of table) {
    const one = await shown(ground)
    t.same([one.state, one.closedAt], [state, closedAt], what)
    t.match(one.hint, hint, what)
    if (state === 'closed') {
      t.notOk(wantsDenial(one, { muted: true }), `${what}: not listed`)
      t.ok(wantsDenial(one, { muted: true, closed: true }), what)
    }
  }
})

test('what a pod of Secco was denied waits for nobody: there is nothing to approve or to mute', async (t) => {
  const running = { startedAt: second(1), workload: 'Deployment/secco' }
  const state = { enforce: testRevision('shop', 'web', '0') }
  const foreign = await shown({ running, state })
  t.same([foreign.state, isOpen(foreign)], ['open', true], 'of another workload it does')
  for (const mute of [undefined, [{ syscall: 'getsid' }]]) {
    const one = await shown({ own: true, running, state, ...(mute && { mute }) })
    t.same([one.state, one.closedAt, isOpen(one)], ['own', '', false])
    t.match(one.hint, /^a pod of Secco was denied this call .*: there is nothing to allow; report/)
    t.ok(wantsDenial(one, {}), 'it is listed all the same')
  }
  const ended = await shown({ own: true, state })
  t.equal(ended.state, 'closed', 'it ends with its container')
})

test('a container that ended has all its denials end; a later call opens its own again', (t) => {
  const other = { ...denied, key: 'other', syscall: 'getpgid', instance: 'n1/boot/7.8.2.probe' }
  const next = { ...denied, key: 'next', instance: 'n1/boot/9.9.1' }
  const saved = { since: second(0), rows: [denied, other, next], runs: {} }
  const rows = new DenialRows(saved)
  const ended = () => rows.list().map(({ ended = '' }) => ended)
  rows.end({ node: 'n1', container: 'c', instance: 'n1/boot/7.8.1' }, second(30))
  t.same(ended(), [second(30), second(30), ''], 'in the order of before')
  t.same(rows.heard(), [], 'the end is no denial')
  rows.end({ node: 'n1', container: 'c', instance: 'n1/boot/7.8.1' }, second(55))
  t.same(ended(), [second(30), second(30), ''], 'the first report of the end counts')
  t.same(new DenialRows(rows.saved()).list(), rows.list(), 'a restart keeps it')

  const call = (lastSeen: string) => ({ ...denied, count: 4, lastSeen })
  const key = (lastSeen: string) => {
    const again = new DenialRows()
    again.grow(call(second(12)), 3, second(12))
    again.end(denied, second(30))
    again.grow(call(lastSeen), 1, second(50))
    return again.list().map(({ ended = '', count }) => [ended, count])
  }
  t.same(key(second(29)), [[second(30), 4]], 'a report of a call before its end')
  t.same(key(second(45)), [['', 4]], 'a call after it')
  t.end()
})

test('the end of a run that nobody saw is the start of the next one of its id, and stays so', (t) => {
  const rows = new DenialRows({ since: second(0), rows: [denied], runs: {} })
  const ended = () => rows.list().map((row) => row.ended)
  const run = (startedAt: string) => rows.endBefore({ node: 'n1', id: 'c', startedAt })
  t.notOk(run(second(9)), 'the run that was denied the call')
  t.same(ended(), [undefined])
  t.ok(run(second(30)), 'a later one')
  t.same(ended(), [second(30)])
  t.notOk(run(second(50)), 'the next')
  t.same(ended(), [second(30)])
  t.notOk(rows.endBefore({ node: 'n2', id: 'c', startedAt: second(50) }), 'of another node')
  t.end()
})

test('a denial of a pinned profile stays open, and its hint is the command that leaves the pin', async (t) => {
  const leave = 'secco promote shop/web enforce --reason WHY'
  const newPods = (digit: string) =>
    `new pods get web@${digit.repeat(8)}, to which the profile is pinned`
  // [what, the revision that is pinned, the call, the hint]
  const table: [string, string, string, string][] = [
    [
      'what is approved allows it',
      'd',
      'getsid',
      `web@eeeeeeee allows it, but ${newPods('d')}: ${leave}`
    ],
    [
      'nothing allows it',
      'd',
      'getpgid',
      `allow it: ${newPods('d')}: secco denials allow shop/web getpgid, then ${leave}`
    ]
  ]
  for (const [what, pinned, syscall, hint] of table) {
    const one = await shown({ pinned, row: { syscall }, running: {} })
    t.match(one, { state: 'open', hint }, what)
  }
  const allowed = await shown({ pinned: 'f', running: { workload: 'Deployment/web' } })
  t.match(allowed, { state: 'allowed', hint: /^web@f{8} allows it/ }, 'the pinned one allows it')
})
