import { type sendUnaryData, Server, ServerCredentials } from '@grpc/grpc-js'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { capability, capabilityNames } from '../../../native/capability-table.js'
import { probeTracing } from '../../../native/recorder.js'
import { printVerdict } from '../../../cli/doctor/doctor.js'
import {
  byWords,
  chooseNodes,
  type Node,
  nodesText,
  untriedText
} from '../../../cli/doctor/doctor-cluster-nodes.js'
import type { NodeFacts } from '../../../cli/doctor/node-facts.js'
import { judgeNode } from '../../../cli/doctor/node-verdict.js'
import { type VersionResponse, VersionService } from '../../../satellite/containers/gen/version.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { runSecco } from '../../helpers/secco-command.js'

const facts: NodeFacts = {
  root: true,
  kernel: '6.1.0',
  arch: 'x86_64',
  abis: ['x86_64', 'i386', 'x32'],
  btf: true,
  btfFile: '',
  cgroup: 'v2',
  hook: 'tp_btf',
  capabilities: capabilityNames.map((name) => capability(name)),
  runtimes: [{ name: 'runc', version: '1.1.5' }],
  silentRuntimes: ['docker'],
  libseccomp: '2.5.4',
  seccompRoot: '/var/lib/kubelet/seccomp',
  seccompRootProblem: undefined,
  filterProblem: undefined,
  selfTest: { value: { ok: true, counted: 1000, expected: 1000, recursionMisses: 0 } },
  memory: { value: 20 * 2 ** 20 },
  pinned: ['/sys/fs/bpf/secco']
}
const without = (...names: string[]) =>
  facts.capabilities.map((one) => (names.includes(one.name) ? capability(one.name, 'why') : one))

test('the verdict on a node', (t) => {
  type Change = Partial<NodeFacts>
  const table: { name: string; change: Change; can: [boolean, boolean]; reason?: RegExp }[] = [
    { name: 'all', change: {}, can: [true, true] },
    {
      name: 'no hook',
      change: { hook: '', capabilities: without('record'), selfTest: { reason: 'x' } },
      can: [false, true],
      reason: /^record: .*why/
    },
    {
      name: 'not exact',
      change: { selfTest: { value: { ok: false, counted: 9, expected: 10, recursionMisses: 0 } } },
      can: [false, true],
      reason: /9 of 10/
    },
    {
      name: 'hook skipped',
      change: { selfTest: { value: { ok: true, counted: 10, expected: 10, recursionMisses: 4 } } },
      can: [false, true],
      reason: /skipped 4 times/
    },
    {
      name: 'recorded and not proven',
      change: { selfTest: { reason: 'no room' } },
      can: [true, true]
    },
    {
      name: 'no runtime',
      change: { runtimes: [] },
      can: [false, false],
      reason: /no container runtime/
    },
    {
      name: 'read-only',
      change: { seccompRootProblem: 'EROFS' },
      can: [true, false],
      reason: /EROFS/
    },
    {
      name: 'no filters',
      change: { filterProblem: 'EINVAL' },
      can: [true, false],
      reason: /EINVAL/
    },
    {
      name: 'foreign machine',
      change: { arch: 'riscv64', abis: [] },
      can: [false, false],
      reason: /riscv64/
    },
    {
      name: 'lesser capabilities',
      change: { capabilities: without('pin', 'audit-log', 'iter-task', 'read-filter') },
      can: [true, true]
    },
    {
      name: 'types from a file',
      change: { btf: false, btfFile: '/var/lib/secco/vmlinux.btf', hook: 'raw_tp' },
      can: [true, true]
    },
    {
      name: 'not root',
      change: { root: false, capabilities: without('record') },
      can: [false, true],
      reason: /\(not root\)/
    }
  ]
  for (const { name, change, can, reason } of table) {
    const verdict = judgeNode({ ...facts, ...change })
    t.same([verdict.learning, verdict.enforcing], can, name)
    if (reason === undefined) t.same(verdict.reasons, [], name)
    else t.match(verdict.reasons.join('\n'), reason, name)
    for (const row of verdict.rows) {
      const wantsNext = row.mark === 'no' || row.mark === 'untried'
      t.equal(row.next !== '', wantsNext, `${name}: ${row.what}`)
    }
  }
  for (const [change, says] of [
    [
      {},
      /^runc answered, docker did not: if your containers run under one of these, start it; .*--runc-root/
    ],
    [{ silentRuntimes: [] }, /^runc answered, and no other is installed: .*let them run again/],
    [{ runtimes: [] }, /see `runtimes`/]
  ] as const) {
    const { rows } = judgeNode({ ...facts, ...change })
    t.match(
      rows.find(({ what }) => what === 'container names'),
      { mark: 'note', found: says }
    )
  }
  const unproven = judgeNode({ ...facts, selfTest: { reason: 'no room' } })
  t.match(
    unproven.rows.find(({ what }) => what === 'self-test'),
    { mark: 'note', found: /no count is proven: no room/ }
  )
  const text: string[] = []
  const io = {
    stdout: (words: string) => text.push(words),
    stderr: () => undefined,
    isTerminal: false,
    color: true,
    readFile: () => Promise.resolve(''),
    env: {}
  }
  printVerdict(io, judgeNode({ ...facts, capabilities: without('pin') }))
  t.match(text.join(''), /\[31m✗\u001b\[0m pin .*\(why\)\n +next: mount -t bpf/)
  t.match(text.join(''), /\[32m✓\u001b\[0m record/)
  t.match(text.join(''), /20\.0 MiB/)
  t.match(text.join(''), /docker \(installed, does not answer\)/)
  t.end()
})

test('which nodes of a cluster get a canary, and what is said of the others', (t) => {
  const nodeOf = (name: string, arch: string, ready: string): Node => ({
    metadata: { name, labels: { 'kubernetes.io/arch': arch } },
    status: { conditions: [{ type: 'Ready', status: ready }] }
  })
  const nodes = [
    nodeOf('away', 'amd64', 'Unknown'),
    ...['a', 'b', 'c', 'd'].map((name) => nodeOf(name, 'amd64', 'True')),
    nodeOf('arm', 'arm64', 'True')
  ]
  const three = chooseNodes(nodes, 3)
  t.same(three.tried, ['a', 'b', 'c'])
  t.equal(three.arch, 'amd64')
  t.equal(
    untriedText(three.untried),
    'away (not Ready), d (beyond --nodes 3), arm (arm64, not amd64)'
  )
  const each = chooseNodes(nodes, Number.POSITIVE_INFINITY)
  t.same(each.tried, ['a', 'b', 'c', 'd'])
  t.equal(each.tried.length + each.untried.length, nodes.length, 'none is passed over in silence')
  t.same(chooseNodes(nodes.slice(0, 1), 3).tried, [])
  const many = Array.from({ length: 12 }, (_, n) => `n${n}`)
  t.match(nodesText(many), /^n0, n1, .*n9 and 2 more$/)
  const found = [
    ...many.slice(0, 2).map((node) => ({ node, words: 'EPERM' })),
    { node: 'z', words: 'counted' }
  ]
  t.equal(byWords(found), 'EPERM on n0, n1; counted on z')
  t.end()
})

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

test('secco doctor --node', { skip }, async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-doctor-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const args = ['doctor', '--node', '--seccomp-root', join(state, 'seccomp')]
  const table = await runSecco(args)
  t.match(table, { code: 0, stderr: '', stdout: /learning: possible {3}enforcing: possible\n$/ })
  for (const name of capabilityNames) t.match(table.stdout, new RegExp(`^[✓✗] ${name} `, 'm'))
  const json = await runSecco([...args, '-o', 'json'])
  t.match(JSON.parse(json.stdout), {
    btf: true,
    learning: true,
    enforcing: true,
    reasons: [],
    selfTest: { value: { ok: true, counted: 1000 } }
  })
  t.match(await runSecco([...args, '-o', 'yaml']), { code: 0, stdout: /^learning: true$/m })
  t.match(await runSecco([...args, '-o', 'xml']), { code: 1, stderr: /choose one of table, json/ })

  const secco = join(repositoryRoot, 'bin/secco')
  const poor = spawnSync(
    'setpriv',
    [
      '--bounding-set=-all',
      '--inh-caps=-all',
      'env',
      '-u',
      'NODE_OPTIONS',
      process.execPath,
      secco,
      ...args
    ],
    { encoding: 'utf8' }
  )
  t.equal(poor.status, 1)
  t.match(poor.stdout, /^✗ record .*CAP_BPF/m)
  t.match(poor.stdout, /learning: not possible/)
})

test('secco doctor --node --containerd-socket asks the containerd of that socket', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-doctor-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const socket = join(state, 'containerd.sock')
  const server = new Server()
  server.addService(VersionService, {
    version: (_call: unknown, answer: sendUnaryData<VersionResponse>) =>
      answer(null, { version: 'v1.2.3-of-this-socket' })
  })
  await promisify(server.bindAsync.bind(server))(
    `unix:${socket}`,
    ServerCredentials.createInsecure()
  )
  t.teardown(() => server.forceShutdown())
  const containerd = async (path: string) => {
    const words = ['--seccomp-root', join(state, 'seccomp'), '--containerd-socket', path]
    const { stdout } = await runSecco(['doctor', '--node', ...words, '-o', 'json'])
    const { runtimes } = JSON.parse(stdout) as Pick<NodeFacts, 'runtimes'>
    return runtimes.filter(({ name }) => name === 'containerd')
  }
  const asked = { name: 'containerd', version: 'v1.2.3-of-this-socket' }
  t.strictSame(await containerd(socket), [asked])
  t.strictSame(await containerd(join(state, 'none.sock')), [])
})
