import { test } from 'tap'
import { lacksPodLabels } from '../../../satellite/containers/identify.js'
import { isSandbox, nameOf, podOf, sharedLabels } from '../../../satellite/containers/labels.js'
import { parseOciConfig } from '../../../satellite/containers/oci-config.js'
import { mergeContainers } from '../../../satellite/containers/merge.js'
import { digestOfSeccomp } from '../../../satellite/containers/seccomp-digest.js'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { hex, plain } from '../../helpers/container-facts.js'

test('labels, OCI configuration, and two reports of one container', (t) => {
  const labels = {
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.name': 'checkout-1',
    'io.kubernetes.pod.uid': 'u',
    'io.kubernetes.container.name': 'app'
  }
  t.strictSame(podOf(labels), { namespace: 'shop', name: 'checkout-1', uid: 'u' })
  t.equal(nameOf(labels, hex), 'app')
  t.equal(nameOf({}, hex), hex)
  const cri = {
    'io.kubernetes.cri.sandbox-namespace': 'shop',
    'io.kubernetes.cri.sandbox-name': 'checkout-1',
    'io.kubernetes.cri.container-type': 'sandbox'
  }
  t.strictSame(podOf(cri), { namespace: 'shop', name: 'checkout-1', uid: '' })
  t.ok(isSandbox(cri))
  const byRunc = { ...cri, 'io.kubernetes.cri.container-type': 'container' }
  t.ok(lacksPodLabels(byRunc), 'its pod is known, not its labels')
  t.notOk(lacksPodLabels({ ...byRunc, 'io.cri-containerd.kind': 'container' }))
  t.notOk(lacksPodLabels(labels))
  t.same(
    sharedLabels({
      'pod-template-hash': 'x',
      'io.kubernetes.cri.container-type': 'sandbox',
      'secco.dev/profile.app': 'mine',
      a: 'b'
    }),
    { 'pod-template-hash': 'x', 'secco.dev/profile.app': 'mine' },
    'nothing that a pod could hide behind'
  )
  t.notOk(isSandbox(labels))
  t.equal(parseOciConfig('nonsense'), undefined)
  t.equal(parseOciConfig('[]'), undefined)
  t.strictSame(parseOciConfig('{"linux":{"seccomp":7}}'), { annotations: {}, privileged: false })
  t.strictSame(
    parseOciConfig(
      '{"annotations":{"a":"b","c":1},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_LOG"}}}'
    ),
    {
      annotations: { a: 'b' },
      privileged: false,
      seccomp: { defaultAction: 'SCMP_ACT_LOG' }
    }
  )
  const state = plain({ id: hex, name: hex, seccomp: { defaultAction: 'SCMP_ACT_LOG' } })
  const docker = plain({
    id: hex,
    runtime: 'docker',
    name: 'shop',
    pid: 0,
    status: 'running',
    labels: { a: '1' }
  })
  for (const merged of [mergeContainers(state, docker), mergeContainers(docker, state)]) {
    t.match(merged, { name: 'shop', runtime: 'docker', pid: 10, mntns: 7, labels: { a: '1' } })
    t.equal(merged.seccomp, state.seccomp)
  }
  t.end()
})

test('a revision in a configuration that Go rewrote is still that revision', (t) => {
  const profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['clone', 'personality', 'read', 'socket'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  for (const mode of ['audit', 'enforce'] as const) {
    const { seccomp, digest } = renderProfile(profile, {
      ...{ mode, machine: 'x86_64' },
      resolve: () => undefined
    })
    const text = JSON.stringify(seccomp)
    t.match(text, '"valueTwo":0', `${mode}: there is a comparison with zero`)
    t.equal(digestOfSeccomp(JSON.parse(text) as LinuxSeccomp), digest)
    // specs.LinuxSeccompArg of runtime-spec's Go package has `json:"valueTwo,omitempty"`.
    const again = JSON.parse(text.replaceAll(',"valueTwo":0', '')) as LinuxSeccomp
    t.equal(digestOfSeccomp(again), digest, `${mode}: as containerd and podman pass it on`)
    const other = JSON.parse(text.replaceAll('"valueTwo":0', '"valueTwo":1')) as LinuxSeccomp
    t.not(digestOfSeccomp(other), digest, `${mode}: another value is another profile`)
  }
  t.end()
})
