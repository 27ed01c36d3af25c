import { test } from 'tap'
import { factsOf } from '../../../satellite/inspector/container-facts.js'
import type { Declared } from '../../../satellite/inspector/declared.js'
import type { FilterCheck } from '../../../satellite/inspector/filter-checks.js'
import type { Container } from '../../../satellite/containers/runtime.js'
import { stateOf } from '../../../src/confinement/state.js'

const container = {
  ...{ runtime: 'runc', id: 'c', name: 'app', pid: 7, status: 'running', labels: {} }
} as unknown as Container
const kinds = ['none', 'runtime-default', 'like-default', 'allow-all', 'revision', 'other'] as const
const checks: readonly (FilterCheck | undefined)[] = [
  undefined,
  { checked: 'none', same: false, difference: '', others: 0, allowed: 0 },
  { checked: 'bytes', same: true, difference: '', others: 1, allowed: 300 },
  { checked: 'table', same: true, difference: '', others: 0, allowed: 300 },
  { checked: 'table', same: false, difference: 'getsid', others: 0, allowed: 300 }
]

/** What is reported as read, by the mode in the kernel, whether reading was tried, and what was read. */
function expectedOf(mode: number, tried: boolean, check: FilterCheck | undefined): string {
  if (mode !== 2) return 'none'
  if (check !== undefined && check.checked !== 'none') return check.checked
  return tried ? 'mode' : 'none'
}

test('what a node reports of a filter is what the kernel has, whatever is declared', (t) => {
  const wrong: string[] = []
  let count = 0
  for (const kind of kinds)
    for (const mode of [0, 1, 2])
      for (const tried of [false, true])
        for (const begun of [false, true])
          for (const check of checks) {
            count += 1
            const digest = kind === 'none' ? '' : `sha256:${'1'.repeat(64)}`
            const declared: Declared = {
              ...{ kind, digest, mode: kind === 'revision' ? 'enforce' : '' },
              ...{ file: undefined, assigned: undefined, beyond: ['bpf'] },
              like: kind === 'like-default' ? { difference: 'one', denied: ['ptrace'] } : undefined
            }
            const one = { key: 'c@1', container, startedAt: '', check, begun, tried }
            const facts = factsOf(one, { declared, disk: undefined, status: { mode, filters: 1 } })
            const words = `${kind}, mode ${mode}, tried ${tried}, ${JSON.stringify(check)}`
            const { state } = stateOf(
              { ...facts, assignedDigest: '' },
              kind === 'revision' ? { short: 'web@1', mode: 'enforce' } : undefined
            )
            if (facts.mode !== mode) wrong.push(`${words}: mode ${facts.mode}`)
            const isDefault = kind === 'runtime-default' || kind === 'like-default'
            const names = isDefault ? 'bpf' : undefined
            if (facts.likeDefault !== declared.like) wrong.push(`${words}: like`)
            if (facts.beyondDefault?.names.join() !== names) wrong.push(`${words}: beyond`)
            const checked = expectedOf(mode, tried, check)
            if (facts.checked !== checked) wrong.push(`${words}: checked ${facts.checked}`)
            // A check that is older than the loss of the filter says nothing about now.
            const isRead = checked === 'bytes' || checked === 'table'
            const result = isRead ? check : { same: false, difference: '', others: 0, allowed: 0 }
            for (const name of ['same', 'difference', 'others', 'allowed'] as const)
              if (facts[name] !== result?.[name]) wrong.push(`${words}: ${name} ${facts[name]}`)
            if (begun && mode === 0 && state !== 'unconfined') wrong.push(`${words}: ${state}`)
            if (!begun && state !== 'starting') wrong.push(`${words}: ${state}, not begun`)
          }
  t.equal(count, 360)
  t.strictSame(wrong, [])
  t.end()
})
