import { t, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { areaOf } from '../../../../src/seccomp/data/kernel-areas.js'
import { syscallTables } from '../../../../src/syscalls/gen/syscalls.js'
import { abiOf, cellWords, gridOf } from '../../../../webhook/ui/model/grid.js'
import { denial, profile } from '../rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('the grid: every call once, each state in words', (t) => {
  const approved: SeccompProfile = {
    ...profile,
    spec: {
      ...profile.spec,
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read', 'mkdir'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  const abi = abiOf(approved, undefined)
  t.equal(abi, 'x86_64')
  const rendering = {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      syscalls: [{ names: ['read', 'mkdir', 'exit'], action: 'SCMP_ACT_ALLOW' as const }]
    },
    ...{ json: '', digest: 'sha256:0' as const, provenance: {} },
    reasons: {
      exit: [{ kind: 'base' as const, text: 'end' }],
      mkdir: [{ kind: 'person' as const, text: 'said' }]
    }
  }
  const areas = gridOf({
    profile: approved,
    abi,
    result: { rendering },
    counts: new Map([['read', 150]]),
    denials: [denial, { ...denial, syscall: 'getpriority', action: 'SCMP_ACT_LOG' }]
  })
  const cells = new Map(areas.flatMap((area) => area.cells).map((cell) => [cell.name, cell]))
  t.equal(cells.size, Object.keys(syscallTables.x86_64).length)
  t.equal(areas.length, 12)
  const words: [string, string][] = [
    ['read', 'observed at least 150 times, approved'],
    ['accept4', 'observed, not approved'],
    ['ptrace', 'observed, not approved, high risk'],
    ['exit', 'approved, base, never observed'],
    ['mkdir', 'approved, by a person, never observed'],
    ['mount', 'denied 3 times, high risk'],
    ['getpriority', 'observed, not approved'],
    ['acct', 'not allowed, never asked, medium risk']
  ]
  for (const [name, said] of words) {
    const cell = cells.get(name)
    t.equal(cell === undefined ? '' : cellWords(cell), said, name)
  }
  const places: [string, string][] = [
    ['fstat64', 'File'],
    ['futex_time64', 'IPC'],
    ['socketcall', 'Network'],
    ['clock_gettime64', 'Time'],
    ['oldstat', 'File']
  ]
  for (const [name, area] of places) t.equal(areaOf(name), area, name)
  t.end()
})
