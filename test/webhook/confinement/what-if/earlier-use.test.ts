import { test } from 'tap'
import type { SeccompProfile, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import {
  emptyHistory,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../../src/history/workload-history.js'
import { parseSelector } from '../../../../src/rules/parse-selector.js'
import { toBitmap } from '../../../../src/syscalls/bitmap.js'
import { parseBlock } from '../../../../src/seccomp/render/block.js'
import { earlierUse } from '../../../../webhook/confinement/what-if/earlier-use.js'
import { planOf } from '../../../../webhook/confinement/what-if/simulation-plan.js'
import { profileOf } from '../../../helpers/renderings.js'

const night = '2026-01-01T02:10:00Z'
const day = '2026-01-02T12:00:00Z'

function learned(
  kind: string,
  name: string,
  status: SeccompProfile['status'],
  labels: Record<string, string> = {}
): SeccompProfile {
  const profile = profileOf({ workload: { kind, name, container: 'app' } }, status, name)
  return { ...profile, metadata: { ...profile.metadata, labels } }
}

const instance = (id: string, lastSeen: string, names: string[]) => ({
  ...{ id, node: 'n1', complete: true, ended: true, lastSeen },
  observed: { x86_64: toBitmap('x86_64', names) }
})

const profiles = [
  learned(
    ...(['CronJob', 'report'] as const),
    {
      observed: { x86_64: ['mount', 'read'] },
      instances: [instance('a', night, ['mount']), instance('b', day, ['read'])]
    },
    { team: 'books' }
  ),
  // It remembers the call, and no instance that made it.
  learned('Deployment', 'scaled', { observed: { i386: ['mount'], x86_64: ['socket'] } }),
  learned('Deployment', 'probed', { observed: {}, probes: { x86_64: ['mount'] } }),
  learned('Deployment', 'crypto', {
    observed: { x86_64: ['socket'] },
    arguments: [{ abi: 'x86_64', name: 'socket', index: 0, values: ['38'] }]
  }),
  learned('Deployment', 'plain', {
    observed: { x86_64: ['socket'] },
    arguments: [{ abi: 'x86_64', name: 'socket', index: 0, values: ['2'] }]
  }),
  learned('Deployment', 'listed', { observed: { x86_64: ['mount'] } }),
  // Nobody ran it yet: what it allows is listed as a profile that changes.
  profileOf({ seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } }, undefined, 'written')
]

const workload = (name: string, namespace = 'shop'): WorkloadKey => ({
  ...{ namespace, kind: 'Deployment', name, container: 'app' }
})
const histories = ['scaled', 'deleted', 'damaged'].map((name) => workload(name))
const foreign = workload('deleted', 'other')

/** Asks about everything but `shop Deployment/listed`, and returns the answer as lines. */
async function ask(
  deny: readonly SeccompSyscall[],
  more: Partial<Parameters<typeof earlierUse>[1]> = {}
) {
  const read: string[] = []
  const history = {
    workloads: () => [...histories, foreign],
    workloadsOf: (profile: string) => (profile === 'shop/written' ? [workload('deleted')] : []),
    sinceOf: () => night,
    get: (one: WorkloadKey) => {
      read.push(`${one.namespace}/${one.name}`)
      if (one.name === 'damaged') return Promise.reject(new Error('not readable'))
      const calls = [{ run: 'r', at: night, abi: 'x86_64', names: ['mount', 'socket'] }]
      return Promise.resolve({ ...emptyHistory(one, night), calls })
    }
  }
  const sources = { profiles: () => profiles, hub: { history } }
  const { workloads, unread, unplaced } = await earlierUse(sources, {
    plan: planOf({ deny, native: 'x86_64' }),
    isAsked: (namespace) => namespace === 'shop',
    isListed: (_, name) => name === 'Deployment/listed',
    ...more
  })
  const lines = workloads.map(
    ({ namespace, workload: name, syscalls, certain, lastUsed, firstUsed }) =>
      [namespace, name, syscalls.join(), certain, `last ${lastUsed}`, `first ${firstUsed}`].join(
        ' '
      )
  )
  return { lines, unread, unplaced, read }
}

const mount = parseBlock('mount').rules
const algorithms = parseBlock('socket:domain=AF_ALG').rules

test('workloads without a running container are found by their profiles and histories', async (t) => {
  const all = await ask(mount)
  t.same(all.lines, [
    `shop CronJob/report mount true last ${night} first ${night}`,
    `shop Deployment/deleted mount true last  first ${night}`,
    'shop Deployment/probed mount true last  first ',
    'shop Deployment/scaled mount true last  first '
  ])
  t.same(all.read.sort(), ['shop/damaged', 'shop/deleted'], 'those without a profile, in sight')
  t.equal(all.unread, 1, 'one that cannot be read is counted')
})

test('arguments decide as far as a profile knows them; a history knows none', async (t) => {
  const { lines } = await ask(algorithms)
  t.same(lines, [
    'shop Deployment/crypto socket true last  first ',
    `shop Deployment/deleted socket false last  first ${night}`,
    'shop Deployment/scaled socket false last  first '
  ])
})

test('a question about a profile or about labels says which workloads may be meant, too', async (t) => {
  const report = `shop CronJob/report mount true last ${night} first ${night}`
  const deleted = `shop Deployment/deleted mount true last  first ${night}`
  const probed = 'shop Deployment/probed mount true last  first '
  const [books, other] = ['team=books', 'app=web'].map(parseSelector)
  const runs =
    (...names: string[]) =>
    (_: string, name: string): boolean | undefined =>
      names.includes(name) ? true : name.endsWith('scaled') ? false : undefined
  const both = ['shop/damaged', 'shop/deleted']
  const table: [
    string,
    Parameters<typeof ask>[1],
    { lines: string[]; unplaced: number; unread: number; read: string[] }
  ][] = [
    [
      'of a learned profile',
      { profile: 'shop/report' },
      { lines: [report], unplaced: 0, unread: 0, read: [] }
    ],
    [
      'of a profile that workloads were learned into, and others may have had',
      { profile: 'shop/written' },
      { lines: [deleted], unplaced: 0, unread: 1, read: both }
    ],
    [
      'of a profile that nobody knows, which workloads may have had',
      { profile: 'shop/other' },
      { lines: [], unplaced: 1, unread: 1, read: both }
    ],
    [
      'by labels that a profile has',
      { selector: books },
      { lines: [report], unplaced: 3, unread: 1, read: both }
    ],
    [
      'by labels of pods that do not run',
      { selector: other },
      { lines: [], unplaced: 4, unread: 1, read: both }
    ],
    [
      'by labels of pods of which some run',
      { selector: other, isMeant: runs('Deployment/probed') },
      { lines: [probed], unplaced: 2, unread: 1, read: both }
    ],
    [
      'by labels of pods that run, and have no profile',
      { selector: other, isMeant: runs('Deployment/deleted') },
      { lines: [deleted], unplaced: 2, unread: 1, read: both }
    ]
  ]
  for (const [what, more, expected] of table) {
    const { lines, unplaced, unread, read } = await ask(mount, more)
    t.same({ lines, unplaced, unread, read: read.sort() }, expected, what)
  }
  t.same((await ask(parseBlock('umount').rules, { selector: other })).unplaced, 0, 'not used')
})

test('what a workload used before its profile was deleted and made again is in its history', async (t) => {
  const made = '2026-01-02T00:00:00Z'
  const again = (since: string, objects: WorkloadHistory['objects'], names: string[]) => {
    const one = learned('Deployment', 'again', {
      observed: { x86_64: ['socket'] },
      arguments: [{ abi: 'x86_64', name: 'socket', index: 0, values: ['2'] }]
    })
    const profile = { ...one, metadata: { ...one.metadata, creationTimestamp: made } }
    const calls = [{ run: 'r', at: night, abi: 'x86_64', names }]
    const history = { ...emptyHistory(workload('again'), since), calls, objects }
    return {
      profiles: () => [profile],
      hub: {
        history: {
          workloads: () => [workload('again')],
          workloadsOf: () => [],
          sinceOf: () => since,
          get: () => Promise.resolve(history as WorkloadHistory)
        }
      }
    }
  }
  const former = [{ profile: 'shop/again', uid: '1', since: night, deleted: day }]
  const table: [string, ReturnType<typeof again>, readonly SeccompSyscall[], string[]][] = [
    ['a call that it lacks', again(night, undefined, ['mount']), mount, ['mount true']],
    ['the history is not older', again(day, undefined, ['mount']), mount, []],
    ['arguments that the profile knows', again(night, undefined, ['socket']), algorithms, []],
    ['arguments before', again(night, former, ['socket']), algorithms, ['socket false']]
  ]
  for (const [what, sources, deny, expected] of table) {
    const { workloads } = await earlierUse(sources, {
      plan: planOf({ deny, native: 'x86_64' }),
      isAsked: () => true,
      isListed: () => false
    })
    t.same(
      workloads.map(({ syscalls, certain }) => `${syscalls.join()} ${certain}`),
      expected,
      what
    )
  }
})
