import { test } from 'tap'
import { UsedSet } from '../../../../src/api/gen/hub.js'
import type { LinuxSeccomp, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { simulate } from '../../../../webhook/confinement/what-if/simulate.js'
import { FleetSets } from '../../../../webhook/hub/nodes/used-sets.js'
import { longestGap } from '../../../helpers/longest-gap.js'

const native = 'x86_64'
const everything = Buffer.alloc(64, 0xff)

/** Containers that made every syscall, each with values of its own for an argument. */
function fleetOf(containers: number): FleetSets {
  const sets = new FleetSets()
  for (let at = 0; at < containers; at += 1) {
    const used = UsedSet.fromPartial({
      ...{ since: '2026-01-01T09:00:00Z', complete: true },
      abis: [{ abi: native, bitmap: everything, counts: [] }],
      arguments: ['clone', 'socket'].map((name) => ({
        ...{ abi: native, name, index: 0, many: false },
        values: Array.from({ length: 8 }, (_, value) => String(100_000 + at * 8 + value))
      }))
    })
    sets.put(`n1/c${at}`, used)
  }
  return sets
}

const conditional = (count: number, action: SeccompSyscall['action']): SeccompSyscall[] =>
  Array.from({ length: count }, (_, value) => ({
    ...{ names: ['clone', 'socket'], action },
    args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }]
  }))

test('others have their turn while very many containers are simulated', async (t) => {
  const sets = fleetOf(1500)
  const seccomp: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: conditional(256, 'SCMP_ACT_ALLOW')
  }
  const table: [what: string, trial: Parameters<typeof simulate>[1]][] = [
    ['a profile with very many conditions', { native, seccomp }],
    ['64 syscalls that are denied', { native, deny: conditional(64, 'SCMP_ACT_ERRNO') }]
  ]
  for (const [what, trial] of table) {
    let hits = 0
    const run = async () => {
      const { considered } = await simulate(
        sets,
        trial,
        () => true,
        () => (hits += 1)
      )
      t.equal(considered, 1500, `${what}: all are read`)
    }
    // The first round is compiled while it runs.
    await longestGap(run)
    const { gapMs } = await longestGap(run)
    t.ok(gapMs <= 40, `${what}: ${gapMs.toFixed(1)} ms at once`)
    if ('seccomp' in trial) t.equal(hits, 3000, what)
  }
})

test('a container is read once, wherever its row is after a pause', async (t) => {
  const sets = fleetOf(2000)
  const seen: string[] = []
  const deny = conditional(64, 'SCMP_ACT_ERRNO')
  const left = new Set(['n1/c1500', 'n1/c1600'])
  const slow = (id: string): boolean => {
    const until = performance.now() + 0.05
    while (performance.now() < until);
    seen.push(id)
    return true
  }
  const running = simulate(sets, { native, deny }, slow, () => undefined)
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(seen.length > 0 && seen.length < 1500, `${seen.length} are read in one turn`)
  for (const id of left) sets.drop(id)
  // It gets the row of one of these.
  const moved = UsedSet.fromPartial({ abis: [{ abi: native, bitmap: everything, counts: [] }] })
  sets.drop('n1/c1999')
  sets.put('n1/new', moved)
  sets.put('n1/c1999', moved)
  await running
  t.equal(new Set(seen).size, seen.length, 'none twice')
  t.notOk(
    seen.some((id) => left.has(id)),
    'none that has ended'
  )
  t.ok(seen.includes('n1/c1999'), 'one that is in another row')
  t.notOk(seen.includes('n1/new'), 'none that has started since')
})
