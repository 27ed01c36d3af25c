import { test } from 'tap'
import type { LinuxSeccomp, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { createBlockProgress } from '../../../../webhook/confinement/what-if/block-progress.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-views.js'

const letting = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls
})
const allow = (name: string, args?: SeccompSyscall['args']): SeccompSyscall => ({
  ...{ names: [name], action: 'SCMP_ACT_ALLOW' },
  ...(args === undefined ? {} : { args })
})
const revisions: Readonly<Record<string, LinuxSeccomp>> = {
  whole: letting(allow('bpf'), allow('socket')),
  without: letting(allow('read')),
  part: letting(allow('socket', [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 }]))
}
const view = (name: string, revision: string, over: Partial<ContainerView> = {}) =>
  ({
    ...{
      key: `n1/${name}@1`,
      name,
      node: 'n1',
      namespace: 'shop',
      pod: name,
      runtime: '',
      id: name
    },
    ...{ workload: `Deployment/${name}`, state: 'enforced', revision, stale: false, ...over }
  }) as ContainerView

function progressOf(...views: ContainerView[]) {
  return createBlockProgress({
    views: { list: () => views },
    sources: {
      hub: {
        bytes: (digest) => {
          const found = revisions[digest]
          return Promise.resolve(found && Buffer.from(JSON.stringify(found)))
        }
      }
    }
  })
}

test('a block lists the containers that can still make the syscall until they restart', async (t) => {
  const stale = { stale: true }
  const all = progressOf(
    view('open', 'whole'),
    view('closed', 'without'),
    // Something else of its profile changed: it asks for nothing that is blocked.
    view('behind', 'without', stale),
    view('audited', 'whole', { state: 'audit' }),
    // What its filter allows nobody knows.
    view('unknown', 'lost'),
    view('plain', '', { state: 'runtime-default' }),
    view('bare', '', { state: 'unconfined' }),
    view('young', 'whole', { state: 'starting' })
  )
  const answer = await all([{ name: 'bpf' }])
  t.same(
    answer.restart.map(({ name }) => name),
    ['open', 'audited', 'unknown']
  )
  t.match(answer, { total: 5, done: 40, beyond: 2 })
  t.equal(answer.restart[0]?.command, 'kubectl rollout restart -n shop deployment/open')

  const restarted = await progressOf(
    view('open', 'without'),
    view('behind', 'without', stale)
  )([{ name: 'bpf' }])
  t.same(restarted, { restart: [], total: 2, done: 100, beyond: 0 })
  t.same(await progressOf()([{ name: 'bpf' }]), { restart: [], total: 0, done: 100, beyond: 0 })
})

test('a block of some arguments: open, closed, and closed by a newer revision', async (t) => {
  const alg = [{ name: 'socket', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 } as const] }]
  const names = async (...views: ContainerView[]) =>
    (await progressOf(...views)(alg)).restart.map(({ name }) => name)
  t.same(await names(view('whole', 'whole'), view('without', 'without')), ['whole'])
  t.same(await names(view('part', 'part')), [], 'no newer revision takes anything more away')
  t.same(await names(view('part', 'part', { stale: true })), ['part'])
  t.same(await names(view('without', 'without', { stale: true })), [])
})
