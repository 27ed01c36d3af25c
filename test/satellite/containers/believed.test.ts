import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import {
  believedAnnotations,
  withoutImageLabels,
  type Writer,
  writerOf
} from '../../../satellite/containers/believed.js'
import { criRecordOf } from '../../../satellite/containers/cri-record.js'
import { dockerRuntime } from '../../../satellite/containers/docker.js'
import { ImageLabels } from '../../../satellite/containers/image-labels.js'
import { isSandbox } from '../../../satellite/containers/labels.js'
import { hex } from '../../helpers/container-facts.js'

const task = '/run/containerd/io.containerd.runtime.v2.task'
const userdata = `/var/lib/containers/storage/overlay-containers/${hex}/userdata`

test('the bundle shows who wrote the annotations', (t) => {
  const table: [string, string, Writer, Writer][] = [
    [`${task}/k8s.io/${hex}`, '/kubepods/x', 'runc', 'cri'],
    [`/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${hex}`, '/x', 'runc', 'cri'],
    [`${task}/moby/${hex}`, '/docker/x', 'runc', 'docker'],
    [`${task}/default/${hex}`, '/default/x', 'runc', 'containerd'],
    [userdata, `/machine.slice/libpod-${hex}.scope`, 'runc', 'podman'],
    [userdata, `/kubepods.slice/crio-${hex}.scope`, 'runc', 'cri-o'],
    [userdata, `/kubepods.slice/crio-${hex}.scope/container`, 'runc', 'cri-o'],
    [userdata, `/kubepods/besteffort/crio-${hex}`, 'runc', 'cri-o'],
    [userdata, `/machine.slice/libpod-${hex}.scope/container`, 'runc', 'podman'],
    [userdata, '/machine.slice/crio-other.scope/container', 'runc', 'podman'],
    [userdata, `/crio-${hex}.scope/x/y`, 'runc', 'podman'],
    ['/srv/my-containers/web/userdata', '/x', 'runc', 'runc'],
    ['/srv/bundles/k8s.io', '/x', 'runc', 'runc'],
    ['/srv/bundles/k8s.io', '/x', 'docker', 'docker']
  ]
  for (const [bundle, cgroup, otherwise, writer] of table) {
    t.equal(writerOf(bundle, cgroup, otherwise), writer, bundle)
  }
  t.equal(writerOf(undefined, '', 'containerd'), 'containerd')
  t.end()
})

/** Every key by which a container could be taken for a sandbox, for a pod's, or for another's. */
const claims = {
  'io.cri-containerd.kind': 'sandbox',
  'io.kubernetes.cri.container-type': 'sandbox',
  'io.kubernetes.cri.sandbox-name': 'etcd',
  'io.kubernetes.cri-o.ContainerType': 'sandbox',
  'io.kubernetes.cri-o.KubeName': 'etcd',
  'io.kubernetes.cri-o.Namespace': 'kube-system',
  'io.kubernetes.docker.type': 'podsandbox',
  'io.kubernetes.pod.name': 'etcd',
  'io.kubernetes.pod.namespace': 'kube-system',
  'io.kubernetes.container.name': 'POD',
  'secco.dev/profile': 'payments/card.app',
  'secco.dev/assigned': '{}',
  __proto__x: 'x'
}

test('annotations count only if their writer sets them itself', (t) => {
  const secco = ['__proto__x', 'secco.dev/assigned', 'secco.dev/profile']
  const table: [Writer, string[]][] = [
    ['cri', ['io.kubernetes.cri.container-type', 'io.kubernetes.cri.sandbox-name']],
    [
      'cri-o',
      [
        'io.kubernetes.container.name',
        'io.kubernetes.cri-o.ContainerType',
        'io.kubernetes.pod.name',
        'io.kubernetes.pod.namespace'
      ]
    ],
    ['podman', []],
    ['docker', secco],
    ['containerd', secco],
    ['runc', secco]
  ]
  for (const [writer, keys] of table) {
    const believed = believedAnnotations(writer, claims)
    t.same(Object.keys(believed).sort(), keys, writer)
    t.equal(isSandbox(believed), writer === 'cri' || writer === 'cri-o', `${writer}: a sandbox`)
  }
  const poison = JSON.parse(
    '{"__proto__":{"io.kubernetes.cri.container-type":"sandbox"}}'
  ) as Record<string, string>
  t.notOk(isSandbox(believedAnnotations('cri', poison)), 'no inherited key')
  t.end()
})

/** Blobs of images whose configuration gives the label that a runtime in Go puts on the container. */
const forged = '{"config":{"Labels":{"secco.dev/profile":"payments"}}}'
const manifestOf = (config: string) => `{"config":{"digest":"${config}"}}`
const decoy = { decoy: manifestOf('empty'), empty: '{"config":{}}' }
const real = { real: manifestOf('forged'), forged }
const indexOf = (...digests: string[]) =>
  JSON.stringify({ manifests: digests.map((digest) => ({ digest })) })

const hiding: [string, Record<string, string | Error>][] = [
  ['nothing', { image: manifestOf('forged'), forged }],
  ['labels', { image: manifestOf('c'), c: forged.replace('Labels', 'labels') }],
  ['labels with a long s', { image: manifestOf('c'), c: forged.replace('Labels', 'Label\u017f') }],
  ['… that is escaped', { image: manifestOf('c'), c: forged.replace('Labels', 'Label\\u017f') }],
  ['Labels twice', { image: manifestOf('c'), c: forged.replace('}}}', '},"Labels":{}}}') }],
  ['a label twice', { image: manifestOf('c'), c: forged.replace('}}}', ',"a":"1","a":"2"}}}') }],
  ['config twice', { image: manifestOf('c'), c: `${forged.slice(0, -1)},"config":{}}` }],
  [
    'Config',
    { image: manifestOf('c'), c: `${forged.slice(0, -1).replace('config', 'Config')},"config":{}}` }
  ],
  ['a half of a pair', { image: manifestOf('c'), c: forged.replace('payments', 'pay\\ud800') }],
  [
    'Config in a manifest',
    { image: '{"config":{"digest":"empty"},"Config":{"digest":"forged"}}', ...decoy, forged }
  ],
  [
    'DIGEST in a manifest',
    { image: '{"config":{"digest":"empty","DIGEST":"forged"}}', ...decoy, forged }
  ],
  [
    'Manifests',
    {
      image: '{"manifests":[{"digest":"decoy"}],"Manifests":[{"digest":"real"}]}',
      ...decoy,
      ...real
    }
  ],
  [
    'manifests and config',
    { image: '{"manifests":[{"digest":"decoy"}],"config":{"digest":"forged"}}', ...decoy, forged }
  ],
  [
    'an index in an index',
    { image: indexOf('decoy', 'inner'), inner: indexOf('real'), ...decoy, ...real }
  ],
  [
    'a manifest after 64',
    { image: indexOf(...Array<string>(64).fill('decoy'), 'real'), ...decoy, ...real }
  ],
  [
    'a manifest that cannot be read',
    { image: indexOf('decoy', 'long'), long: new Error('too long'), ...decoy }
  ],
  [
    'a configuration that cannot be read',
    { image: indexOf('decoy', 'real'), ...real, ...decoy, forged: new Error('too long') }
  ],
  [
    'a configuration that is no object',
    { image: indexOf('decoy', 'real'), ...real, ...decoy, forged: '[]' }
  ]
]

test('an image cannot hide its labels from the satellite and give them to the container', async (t) => {
  for (const [how, blobs] of hiding) {
    const read = (digest: string): Promise<string | undefined> => {
      const blob = blobs[digest]
      return blob instanceof Error ? Promise.reject(blob) : Promise.resolve(blob)
    }
    const ofImage = await new ImageLabels().ofContent('image', read)
    t.same(withoutImageLabels({ 'secco.dev/profile': 'payments' }, ofImage), {}, how)
  }
})

test('labels of the image are taken from those of the container', async (t) => {
  const labels = { a: 'image', b: 'person', c: 'person' }
  t.same(withoutImageLabels(labels, [{ a: 'image', b: 'image' }]), { b: 'person', c: 'person' })
  t.same(withoutImageLabels(labels, [{ a: 'x' }, { a: 'image' }]), { b: 'person', c: 'person' })
  t.same(withoutImageLabels(labels, []), labels, 'no image')
  t.same(withoutImageLabels(labels, undefined), {}, 'an image that cannot be read')

  const blobs: Record<string, unknown> = {
    plain: { config: { digest: 'config' } },
    config: { config: { Labels: { a: 'image' } } },
    index: { manifests: [{ digest: 'absent' }, { digest: 'plain' }, { digest: 'other' }, 7] },
    other: { config: { digest: 'other-config' } },
    'other-config': { config: { Labels: { a: 'other', n: 1 } } },
    bare: { config: { digest: 'bare-config' } },
    'bare-config': { config: {} },
    broken: { config: { digest: 'absent' } },
    list: []
  }
  const table: [string, unknown][] = [
    ['plain', [{ a: 'image' }]],
    ['index', [{ a: 'image' }, { a: 'other' }]],
    ['bare', [{}]],
    ['broken', undefined],
    ['absent', undefined],
    ['list', undefined],
    ['', undefined]
  ]
  for (const [digest, expected] of table) {
    const read = (wanted: string) =>
      Promise.resolve(wanted in blobs ? JSON.stringify(blobs[wanted]) : undefined)
    t.same(await new ImageLabels().ofContent(digest, read), expected, `an image: ${digest}`)
  }
  const images = new ImageLabels()
  t.equal(await images.ofContent('plain', () => Promise.reject(new Error('down'))), undefined)
  t.ok(await images.ofContent('plain', (one) => Promise.resolve(JSON.stringify(blobs[one]))))
  t.ok(await images.ofContent('plain', () => Promise.reject(new Error('down'))), 'remembered')
  let reads = 0
  const counted = (wanted: string) => {
    reads += 1
    return Promise.resolve(JSON.stringify(blobs[wanted]))
  }
  const shared = new ImageLabels()
  await Promise.all([1, 2, 3].map(() => shared.ofContent('plain', counted)))
  t.equal(reads, 2, 'the manifest and the configuration are read once for all that ask together')
})

test("CRI's own record of a container", (t) => {
  const stored = (key: string, metadata: unknown) => ({
    ...{ id: 'c1', labels: claims, image: 'i', spec: undefined, createdAt: undefined },
    extensions: {
      [key]: { typeUrl: '', value: Buffer.from(JSON.stringify({ Metadata: metadata })) }
    }
  })
  const ours = {
    ID: 'c1',
    SandboxID: 's1',
    ImageRef: 'sha256:1',
    Config: { metadata: { name: 'app' }, labels: { a: 'b' } }
  }
  const labels = { a: 'b' }
  const record = { kind: 'container', sandbox: 's1', name: 'app', labels, image: 'sha256:1' }
  const pod = { ID: 'c1', Config: { metadata: { name: 'web', namespace: 'shop', uid: 'u' } } }
  const key = 'io.cri-containerd.container.metadata'
  const table: [string, string, string, unknown, unknown][] = [
    ['a container', 'k8s.io', key, ours, record],
    ['of containerd 2', 'k8s.io', 'io.containerd.cri.container.metadata', ours, record],
    [
      'a sandbox',
      'k8s.io',
      'io.cri-containerd.sandbox.metadata',
      pod,
      {
        ...{ kind: 'sandbox', sandbox: 'c1', name: '', labels: {}, image: '' },
        pod: { namespace: 'shop', name: 'web', uid: 'u' }
      }
    ],
    ['in another namespace', 'default', key, ours, undefined],
    ["another container's", 'k8s.io', key, { ...ours, ID: 'c2' }, undefined],
    ['another extension', 'k8s.io', 'io.example', ours, undefined],
    ['no object', 'k8s.io', key, [], undefined]
  ]
  for (const [what, namespace, extension, metadata, expected] of table) {
    const found = criRecordOf(stored(extension, metadata), namespace)
    if (expected === undefined) t.equal(found, undefined, what)
    else t.same(found, expected, what)
  }
  t.end()
})

test("docker's image labels, and names of cri-dockerd", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-docker-'))
  const imageLabels = { ...claims, own: 'image' }
  const pod = {
    'io.kubernetes.pod.name': 'web-1',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.uid': 'u',
    'io.kubernetes.container.name': 'app',
    'io.kubernetes.docker.type': 'container'
  }
  const name = '/k8s_app_web-1_shop_u_0'
  const container = (Id: string, Names: string, Labels: object, ImageID = 'sha256:1') => ({
    ...{ Id, Names: [Names], Labels, ImageID, Image: 'i', State: 'running' }
  })
  const listed = [
    container('image', '/web', imageLabels),
    container('person', '/web', { ...imageLabels, 'secco.dev/profile': 'mine' }),
    container('kubelet', name, { ...imageLabels, ...pod }),
    container('claims', '/web', { ...imageLabels, ...pod }),
    container('differs', '/k8s_app_etcd-1_kube-system_u_0', { ...imageLabels, ...pod }),
    container('gone', '/web', { 'secco.dev/profile': 'x' }, 'sha256:gone')
  ]
  const server = createServer((request, response) => {
    if (request.url === `/images/${encodeURIComponent('sha256:1')}/json`) {
      response.end(JSON.stringify({ Config: { Labels: imageLabels } }))
    } else if (request.url?.startsWith('/containers/') === true) {
      response.end(JSON.stringify(listed))
    } else response.writeHead(404).end()
  })
  server.listen(join(folder, 'docker.sock'))
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const found = await dockerRuntime(join(folder, 'docker.sock')).list()
  const of = (id: string) => {
    const { labels, name: shown, pod: its } = found.find((one) => one.id === id) ?? {}
    return { labels, name: shown, pod: its }
  }
  t.strictSame(of('image'), { labels: {}, name: 'web', pod: undefined })
  t.strictSame(of('person'), {
    labels: { 'secco.dev/profile': 'mine' },
    name: 'web',
    pod: undefined
  })
  t.match(of('kubelet'), { name: 'app', pod: { namespace: 'shop', name: 'web-1', uid: 'u' } })
  t.match(of('claims'), { pod: undefined })
  t.match(of('differs'), { pod: undefined }, 'labels that its name contradicts')
  t.strictSame(of('gone').labels, {}, 'nobody can say which are the image’s')
})
