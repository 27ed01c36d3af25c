import { test } from 'tap'
import type { DenialDetail, Slot } from '../../../native/types.js'
import { DenialWatch } from '../../../satellite/denials/denial-watch.js'
import type { SyscallCount } from '../../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'

const slot = { index: 3, generation: 9, mntns: 7, cgroupId: 5n, part: 'entry', pid: 41 } as Slot
const socket = 41

/** Allows sockets of one family. */
const seccomp: LinuxSeccomp = {
  ...{ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 },
  syscalls: [
    { names: ['read'], action: 'SCMP_ACT_ALLOW' },
    {
      ...{ names: ['socket'], action: 'SCMP_ACT_ALLOW' },
      args: [{ index: 0, value: 2, op: 'SCMP_CMP_EQ' }]
    }
  ]
}
const container = {
  ...{ id: 'c', runtime: 'runc', name: 'web', pid: 41, status: 'running' as const, labels: {} },
  seccomp
}

/** What the kernel side notes; the type of a socket is noted where any profile of the node reads it. */
const note = (domain: number, count: number, at: number, type?: number): DenialDetail => ({
  ...{ index: 3, generation: 9, abi: 'native', nr: socket, count, result: -1, succeeded: 0 },
  ...{ pid: at, comm: `c${at}`, at: BigInt(at), firstAt: BigInt(at - 1) },
  arguments: [BigInt(domain), type === undefined ? undefined : BigInt(type)]
})

function denied(details: DenialDetail[]): SyscallCount[] {
  let noted = 0
  const watch = new DenialWatch({
    recorder: {
      watchDenials: () => true,
      newDenials: () => details,
      noted: () => (noted += 1)
    },
    ...{ machine: 'x86_64', logger: createLogger('test', quiet), timeOf: String }
  })
  watch.follow(slot, container)
  const count = { name: 'socket', count: 99, action: '', detail: undefined }
  return watch.denied(slot, [{ abi: 'x86_64', syscalls: [count] }], container)
}

const shown = ([only, ...others]: SyscallCount[]) => ({
  calls: others.length + 1,
  count: only?.count,
  newest: only?.detail?.arguments,
  values: only?.detail?.values?.values.map(
    ({ arguments: args, count, comm, at, firstAt }) => `${args} ${count} ${comm} ${firstAt}-${at}`
  )
})

test('the values of a call that is denied by arguments are reported with their counts', (t) => {
  const many = Array.from({ length: 40 }, (_, at) => note(100 + at, 1, 50 + at))
  const table: [string, DenialDetail[], ReturnType<typeof shown>][] = [
    ['one', [note(16, 3, 5)], { calls: 1, count: 3, newest: '0x10', values: ['0x10 3 c5 4-5'] }],
    [
      'two in one report, in the order of their newest calls',
      [note(17, 2, 9), note(16, 3, 5)],
      { calls: 1, count: 5, newest: '0x11', values: ['0x10 3 c5 4-5', '0x11 2 c9 8-9'] }
    ],
    [
      'an argument that this profile does not read makes no other value',
      [note(16, 1, 5, 1), note(16, 1, 9, 2), note(16, 1, 7, 3)],
      { calls: 1, count: 3, newest: '0x10', values: ['0x10 3 c9 4-9'] }
    ],
    [
      'one that is allowed is none',
      [note(2, 8, 5), note(16, 1, 6)],
      {
        ...{ calls: 1, count: 1, newest: '0x10', values: ['0x10 1 c6 5-6'] }
      }
    ],
    [
      'very many: the newest, and every call counts',
      many,
      {
        ...{ calls: 1, count: 40, newest: '0x8b' },
        values: many
          .slice(24)
          .map((_, at) => `0x${(124 + at).toString(16)} 1 c${74 + at} ${73 + at}-${74 + at}`)
      }
    ]
  ]
  for (const [what, details, expected] of table) t.same(shown(denied(details)), expected, what)
  t.end()
})
