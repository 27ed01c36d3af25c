import { test } from 'tap'
import { Observation } from '../../../../src/api/gen/hub.js'
import {
  type ObservationFinding,
  readObservation
} from '../../../../webhook/hub/observations/read-observation.js'
import { nodeStatus } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('an observation is checked, and denied syscalls are not learned', (t) => {
  const given = Observation.fromPartial({
    id: 'n/b/1',
    container: { name: 'web', id: 'c' },
    abis: [
      {
        abi: 'x86_64',
        syscalls: [
          { name: 'read', count: 9 },
          { name: 'mount', count: 2 },
          { name: 'ptrace', count: 3 },
          { name: 'syscall_999', count: 1 },
          { name: '__proto__', count: 1 },
          { name: 'BAD NAME', count: 1 }
        ]
      },
      { abi: 'i386', syscalls: [{ name: 'mount', count: 1 }] },
      { abi: 'mips', syscalls: [{ name: 'read', count: 1 }] }
    ],
    denied: [
      { name: 'mount', count: 2, action: 'SCMP_ACT_ERRNO', detail: undefined },
      { name: 'ptrace', count: 3, action: 'SCMP_ACT_LOG' }
    ]
  })
  const finding = readObservation(given, 'n') as ObservationFinding
  t.same(finding.set, {
    x86_64: ['__proto__', 'ptrace', 'read', 'syscall_999'].filter((n) => n !== '__proto__')
  })
  t.equal(finding.unreadable.length, 2)
  t.same(
    finding.denials.map(({ syscall, count }) => [syscall, count]),
    [
      ['mount', 2],
      ['ptrace', 3]
    ]
  )
  const partly = readObservation(
    {
      ...given,
      denied: [{ name: 'mount', count: 1, action: 'SCMP_ACT_ERRNO', detail: undefined }]
    },
    'n'
  )
  t.ok(
    (partly as ObservationFinding).set.x86_64?.includes('mount'),
    'denied once, but allowed once as well'
  )
  const rich = readObservation(
    Observation.fromPartial({
      ...{ id: 'n/b/2', part: 'entry', container: { name: 'web', id: 'c', runtime: 'runc' } },
      abis: [
        {
          abi: 'x86_64',
          syscalls: ['read', 'mount', 'socket'].map((name) => ({ name, count: 2 }))
        },
        { abi: 'i386', syscalls: [{ name: 'mount', count: 2 }] }
      ],
      denied: [
        {
          ...{ name: 'mount', count: 2, action: 'SCMP_ACT_ERRNO' },
          detail: {
            abi: 'x86_64',
            errno: 1,
            pid: 7,
            comm: '<script>"\n\u001b[31m',
            expected: false
          }
        }
      ],
      startup: [{ abi: 'x86_64', names: ['read', 'mount', 'invented'] }],
      serving: [{ abi: 'mips', names: ['read'] }],
      arguments: [
        { abi: 'x86_64', name: 'socket', index: 0, values: ['010', '2', '99999999999999999999'] },
        { abi: 'x86_64', name: 'mount', index: 0, values: ['1'] },
        { abi: 'x86_64', name: 'socket', index: 9, values: ['1'] }
      ],
      events: ['stop', 'start', '<b>'],
      lost: 3
    }),
    'n',
    nodeStatus
  ) as ObservationFinding
  matchLists(t, rich, {
    ...{
      part: 'entry',
      lost: 3,
      events: ['start', 'stop'],
      kernel: '6.18.0',
      runtime: 'runc 1.1.5'
    },
    set: { x86_64: ['read', 'socket'], i386: ['mount'] },
    denials: [{ abi: 'x86_64', syscall: 'mount', errno: 1, pid: 7, comm: '<script>"\n\u001b[31m' }]
  })
  t.same(rich.startup, { x86_64: ['read'] }, 'nothing denied, nothing invented')
  t.same(rich.serving, {})
  t.same(rich.arguments, [{ abi: 'x86_64', name: 'socket', index: 0, values: ['2', '10'] }])
  // [namespace, syscall, errno, whether it is what libuv tries first in Secco's own pods]
  const probes: [string, string, number, boolean][] = [
    ['secco-system', 'io_uring_setup', 38, true],
    ['secco-system', 'io_uring_setup', 1, true],
    ['secco-system', 'io_uring_setup', 13, false],
    ['secco-system', 'bpf', 38, false],
    ['shop', 'io_uring_setup', 38, false]
  ]
  for (const [podNamespace, name, errno, expected] of probes) {
    const container = { name: 'hub', id: 'c', podNamespace, podName: 'secco-1', podUid: 'u' }
    const denied = [{ name, count: 1, action: 'SCMP_ACT_ERRNO', detail: { abi: 'x86_64', errno } }]
    const own = Observation.fromPartial({ id: 'n/b/4', part: 'entry', container, denied })
    t.match(readObservation(own, 'n'), { denials: [{ expected }] }, `${podNamespace} ${name}`)
  }
  // [syscall, whether it is expected although the satellite says so: an earlier one expected more]
  const reported: [string, boolean][] = [
    ['clone3', true],
    ['memfd_create', false],
    ['statx', false]
  ]
  for (const [name, expected] of reported) {
    const detail = { abi: 'x86_64', errno: 38, expected: true }
    const denied = [{ name, count: 1, action: 'SCMP_ACT_ERRNO', detail }]
    const container = { name: 'web', id: 'c', podNamespace: 'shop', podName: 'w', podUid: 'u' }
    const own = Observation.fromPartial({ id: 'n/b/4', part: 'entry', container, denied })
    t.match(readObservation(own, 'n'), { denials: [{ expected }] }, name)
  }
  const doubtful = readObservation(
    Observation.fromPartial({
      ...{ id: 'n/b/3', part: 'entry', container: { name: 'web', id: 'c', runtime: 'runc' } },
      abis: ['x86_64', 'i386'].map((abi) => ({
        abi,
        syscalls: ['read', 'mount', 'bpf'].map((name) => ({ name, count: 2 }))
      })),
      unproven: [
        { abi: 'x86_64', names: ['mount', '<b>'] },
        { abi: 'mips', names: ['read'] }
      ]
    }),
    'n'
  ) as ObservationFinding
  t.same(
    doubtful.set,
    { x86_64: ['bpf', 'read'], i386: ['bpf', 'mount', 'read'] },
    'what a filter may have denied is not learned'
  )
  t.strictSame(doubtful.unproven, ['x86_64: mount'])
  t.strictSame(doubtful.unreadable, [], 'all of it was read')
  t.type(readObservation({ ...given, id: '' }, 'n'), 'string')
  t.type(readObservation({ ...given, container: undefined }, 'n'), 'string')
  t.end()
})
