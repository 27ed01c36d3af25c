import { test } from 'tap'
import { ContainerRef } from '../../../../src/api/gen/hub.js'
import { profileKey } from '../../../../src/rules/profile-state.js'
import { ownerOf, targetOf } from '../../../../webhook/hub/nodes/workload.js'

test('the profile that learns from a container', (t) => {
  const owners: [string, Record<string, string>, string, string][] = [
    ['web-7d4b9c6f5-x2x9z', { 'pod-template-hash': '7d4b9c6f5' }, 'Deployment', 'web'],
    [
      'a-very-long-name-that-was-cut-x2x9z',
      { 'pod-template-hash': 'zz' },
      'Deployment',
      'a-very-long-name-that-was-cut'
    ],
    [
      'db-0',
      { 'apps.kubernetes.io/pod-index': '0', 'controller-revision-hash': 'db-1' },
      'StatefulSet',
      'db'
    ],
    ['agent-kx2m9', { 'controller-revision-hash': '5d8' }, 'DaemonSet', 'agent'],
    ['once-abcde', { 'batch.kubernetes.io/job-name': 'once' }, 'Job', 'once'],
    ['tidy-28955340-abcde', { 'job-name': 'tidy-28955340' }, 'CronJob', 'tidy'],
    ['bare', { app: 'x' }, 'Pod', 'bare']
  ]
  for (const [pod, labels, kind, name] of owners) t.same(ownerOf(pod, labels), { kind, name }, pod)

  const pod = { podNamespace: 'shop', podName: 'bare', name: 'app' }
  const refs: [Partial<ContainerRef>, string | undefined][] = [
    [pod, 'shop/bare.app'],
    [{ ...pod, profile: 'mine' }, 'shop/mine'],
    [{ ...pod, profile: 'other/mine' }, 'shop/bare.app'],
    [{ ...pod, profile: '../etc' }, 'shop/bare.app'],
    [{ name: 'nginx' }, 'default/nginx'],
    [{ name: 'nginx', profile: 'shop/web' }, 'shop/web'],
    [{ name: 'nginx', profile: 'a..b' }, 'default/nginx'],
    [{ id: 'abc123' }, 'default/abc123'],
    [{}, undefined]
  ]
  for (const [container, expected] of refs) {
    const target = targetOf(ContainerRef.fromPartial(container))
    t.equal(target && profileKey(target.ref.namespace, target.ref.name), expected)
  }
  t.end()
})
