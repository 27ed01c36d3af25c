import { test } from 'tap'
import { readCgroupName } from '../../../satellite/containers/cgroup-name.js'
import { hex } from '../../helpers/container-facts.js'

test('cgroup names identify containers', (t) => {
  const table: [string, string, ReturnType<typeof readCgroupName>][] = [
    [
      `cri-containerd-${hex}.scope`,
      'kubepods-pod1.slice',
      { kind: 'container', id: hex, runtime: 'containerd' }
    ],
    [`docker-${hex}.scope`, 'system.slice', { kind: 'container', id: hex, runtime: 'docker' }],
    [`libpod-${hex}.scope`, 'machine.slice', { kind: 'container', id: hex, runtime: 'podman' }],
    [`libpod-${hex}`, 'libpod_parent', { kind: 'container', id: hex, runtime: 'podman' }],
    ['container', `libpod-${hex}.scope`, { kind: 'container', id: hex, runtime: 'podman' }],
    ['init.scope', `docker-${hex}.scope`, { kind: 'container', id: hex, runtime: 'docker' }],
    [hex, 'pod0-1', { kind: 'container', id: hex }],
    ['runc-web.scope', 'system.slice', { kind: 'container', id: 'web', runtime: 'runc' }],
    ['secco-trace-4711-mwv06g38', '/', { kind: 'other' }],
    [`libpod-conmon-${hex}.scope`, 'machine.slice', { kind: 'other' }],
    [`crio-conmon-${hex}.scope`, 'machine.slice', { kind: 'other' }],
    ['web', '', { kind: 'perhaps', id: 'web' }],
    ['systemd-logind.service', 'system.slice', { kind: 'other' }],
    ['snap.firefox.hook.scope', 'app.slice', { kind: 'other' }],
    ['user.slice', '', { kind: 'other' }],
    ['', '', { kind: 'other' }],
    ['/', '', { kind: 'other' }]
  ]
  for (const [leaf, parent, verdict] of table) {
    t.strictSame(readCgroupName(leaf, parent), verdict, `${parent}/${leaf}`)
  }
  t.end()
})
