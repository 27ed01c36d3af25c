import { test } from 'tap'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { namesBeyondDefault } from '../../../../src/confinement/profile-kind.js'
import { answersOf } from '../../../../src/seccomp/filter/filter-answers.js'
import {
  capabilitiesOfDefault,
  runtimeDefault
} from '../../../../src/seccomp/policy/runtime-default.js'
import { blockCheckOf } from '../../../../src/seccomp/render/block-check.js'
import { riskReport } from '../../../../src/seccomp/review/risk-score.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources } from '../../../../webhook/confinement/containers/sources.js'
import {
  checkLikeDefault,
  runsDefault,
  runsLikeDefault,
  seccompLikeDefault
} from '../../../../webhook/confinement/containers/like-default.js'
import { createBlockProgress } from '../../../../webhook/confinement/what-if/block-progress.js'
import { builtView, runningUnder } from '../../../helpers/built-view.js'

const reported = (denied: string[], names: string[]) => ({
  ...{ declared: 'like-default', digest: '' },
  likeDefault: { difference: '2 calls differ: without ptrace; with bpf', denied },
  beyondDefault: { names }
})

test('a profile like RuntimeDefault allows what its node reports', (t) => {
  const like = (denied: string[], names: string[]) => {
    const seccomp = seccompLikeDefault(runningUnder('', reported(denied, names)))
    if (seccomp === undefined) throw new Error('not whole')
    return seccomp
  }
  const answers = answersOf(like(['ptrace'], ['bpf', 'socket']))
  t.notOk(answers.sometimes('ptrace'))
  t.ok(answers.always('bpf') && answers.always('read'))
  t.ok(answers.always('socket'), 'of any arguments')
  const { runtimeDefault } = riskReport(like([], []))
  t.equal(riskReport(like([], [])).score, runtimeDefault)
  t.ok(riskReport(like([], ['bpf', 'mount', 'kexec_load'])).score > runtimeDefault)
  t.ok(riskReport(like(['ptrace', 'keyctl', 'process_vm_writev'], [])).score < runtimeDefault)
  t.equal(seccompLikeDefault(runningUnder('', { declared: 'like-default' })), undefined)
  t.end()
})

test('its state, its risk, and a block of what it allows', async (t) => {
  const running = runningUnder('', reported(['ptrace'], ['bpf']))
  const view = builtView(running)
  t.match(view, {
    state: 'other',
    why: /^like RuntimeDefault, 2 calls differ: without ptrace; with bpf; /
  })
  t.equal(view.risk, 51, 'of what it allows')
  const containers = [{ name: 'app', kind: 'container', seccomp: 'RuntimeDefault' }] as const
  const owner = { kind: 'Pod', name: 'web-1' }
  const pod = { namespace: 'shop', name: 'web-1', labels: {}, owner, assigned: '', containers }
  t.match(
    builtView(running, { pod }),
    { state: 'runtime-default', risk: 51 },
    'the runtime made it, as the pod asked'
  )
  const other = { ...running, same: false }
  t.ok(runsLikeDefault(running) && !runsLikeDefault(other))
  t.not(builtView(other).risk, 51, 'another filter is in force')
  const progress = createBlockProgress({
    profile: () => undefined,
    views: { list: () => [view], decided: () => undefined },
    sources: {
      snapshot: () => buildSnapshot({}),
      hub: {
        ...{ nodes: () => [], bytes: () => Promise.resolve(undefined) },
        inventory: { isComplete: () => true, get: () => running } as never
      }
    }
  })
  t.equal((await progress([{ name: 'ptrace' }])).done, 100)
  t.equal((await progress([{ name: 'bpf' }])).done, 0)
})

const ofAllCapabilities = runtimeDefault({ capabilities: capabilitiesOfDefault })
const beyondAll = namesBeyondDefault(ofAllCapabilities)
const byDefault = (names?: string[]) =>
  runningUnder('', {
    ...{ declared: 'runtime-default', digest: '', allowed: 300 },
    ...(names === undefined ? {} : { beyondDefault: { names } })
  })

test('the answers of a default are those of the profile that its node reports', (t) => {
  const sets: [string[], string[]][] = [
    [[], []],
    [
      ['ptrace', 'read', 'socket'],
      ['bpf', 'socket']
    ],
    [[], beyondAll]
  ]
  for (const [denied, names] of sets) {
    for (const running of [runningUnder('', reported(denied, names)), byDefault(names)]) {
      const slow = blockCheckOf(seccompLikeDefault(running) ?? { defaultAction: 'SCMP_ACT_ALLOW' })
      const fast = checkLikeDefault(running)
      const wrong = [...knownSyscalls, 'no_such_call'].filter(
        (name) => fast?.({ name }) !== slow({ name })
      )
      t.same(wrong, [], `${running.declared}: ${denied.join()} ${names.join()}`)
    }
  }
  const unix = { name: 'socket', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 } as const] }
  t.equal(checkLikeDefault(byDefault([]))?.(unix), 'some')
  t.equal(checkLikeDefault(byDefault(['socket']))?.(unix), 'unknown', 'a name is reported alone')
  t.equal(checkLikeDefault(byDefault()), undefined)
  t.end()
})

test('a published default rendered for all capabilities has the risk of what it allows, and says so', (t) => {
  const index = new RevisionIndex({} as Pick<ConfinementSources, 'hub' | 'profiles'>)
  const { score } = riskReport(ofAllCapabilities)
  t.equal(index.riskLikeDefault(byDefault(beyondAll)), score)
  t.equal(index.riskLikeDefault(byDefault([])), index.runtimeDefaultRisk, 'a plain one')
  t.equal(index.riskLikeDefault(byDefault()), undefined, 'not reported')
  const lie = { likeDefault: { difference: '', denied: ['ptrace', 'keyctl'] } }
  t.equal(
    index.riskLikeDefault({ ...byDefault([]), ...lie }),
    index.runtimeDefaultRisk,
    'RuntimeDefault denies nothing of itself'
  )
  t.ok(score > index.runtimeDefaultRisk)
  const view = builtView(byDefault(beyondAll))
  t.match(view, { state: 'runtime-default', risk: 51 })
  t.match(view.why, /^the kernel's filter is this one, byte for byte; allows \d+ calls more, /)
  t.match(view.why, / than Docker's newest default for default capabilities: bpf, /)
  t.match(view.why, /mount/)
  t.match(view.why, / and \d+ more$/)
  t.ok(view.why.length < 300, view.why)
  t.match(builtView(byDefault([])), {
    risk: 51,
    why: /^the kernel's filter is this one, byte for byte$/
  })
  t.match(builtView(byDefault()), { risk: 40 }, 'not reported')
  t.match(
    builtView(byDefault(['bpf'])).why,
    /; allows 1 call more, .* for default capabilities: bpf$/
  )
  t.match(builtView({ ...byDefault(), allowed: 375 }), { risk: 50 }, 'by the number of names')
  t.notOk(runsDefault({ ...byDefault([]), same: false }), 'another filter is in force')
  t.end()
})
