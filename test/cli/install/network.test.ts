import { test } from 'tap'
import { installObjects } from '../../../cli/install/objects.js'
import { scraping } from '../../../cli/install/monitoring/objects.js'
import { names } from '../../../cli/install/names.js'
import { defaultOptions, layouts, type Manifest } from '../../../cli/install/options.js'

type Labels = Record<string, string>

interface Pod {
  labels: Labels
  ports: { name: string; containerPort: number }[]
}

interface Service {
  metadata: { name: string }
  spec: { selector: Labels; ports: { targetPort: string | number }[] }
}

interface Policy {
  spec: {
    podSelector: { matchLabels?: Labels }
    ingress: { from?: object[]; ports?: { port: number }[] }[]
  }
}

const ofKind = (objects: readonly Manifest[], ...kinds: string[]) =>
  objects.filter(({ kind }) => kinds.includes(String(kind)))

const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

function podsOf(objects: readonly Manifest[]): Pod[] {
  return ofKind(objects, 'Deployment', 'DaemonSet').map((one) => {
    const { spec } = one as unknown as {
      spec: {
        template: {
          metadata: { labels: Labels }
          spec: { containers: { ports?: Pod['ports'] }[] }
        }
      }
    }
    const { metadata, spec: pod } = spec.template
    return { labels: metadata.labels, ports: pod.containers.flatMap(({ ports = [] }) => ports) }
  })
}

test('network policies let in what Services lead to, with and without the aggregated API', (t) => {
  for (const layout of layouts) {
    for (const hubApi of [false, true]) {
      for (const tls of ['selfsigned', 'cert-manager'] as const) {
        const what = `${layout}, ${tls}${hubApi ? ', hub API' : ''}`
        const options = { ...defaultOptions, layout, hubApi, tls, image: '' }
        const objects = [...installObjects(options), ...scraping()]
        const pods = podsOf(objects)
        const policies = ofKind(objects, 'NetworkPolicy') as unknown as Policy[]
        const services = ofKind(objects, 'Service') as unknown as Service[]
        for (const { metadata, spec } of services) {
          // For kubectl port-forward, which ends inside the pod.
          if (metadata.name === names.pages) continue
          const behind = pods.filter(({ labels }) => selects(spec.selector, labels))
          t.ok(behind.length > 0, `${what}: ${metadata.name} has pods`)
          for (const { targetPort } of spec.ports) {
            for (const pod of behind) {
              const port =
                typeof targetPort === 'number'
                  ? targetPort
                  : pod.ports.find(({ name }) => name === targetPort)?.containerPort
              const open = policies
                .filter((one) => selects(one.spec.podSelector.matchLabels ?? {}, pod.labels))
                .flatMap((one) => one.spec.ingress)
                .flatMap(({ ports = [] }) => ports.map((each) => each.port))
              t.ok(
                port !== undefined && open.includes(port),
                `${what}: ${metadata.name} port ${targetPort} is open`
              )
            }
          }
        }
        const [api] = ofKind(objects, 'APIService')
        t.equal(api !== undefined, hubApi, `${what}: the APIService`)
        if (api === undefined) continue
        const { service } = (
          api as unknown as { spec: { service: { name: string; port: number } } }
        ).spec
        const target = services.find(({ metadata }) => metadata.name === service.name)
        const ports = target?.spec.ports as unknown as { port: number }[] | undefined
        t.ok(
          ports?.some(({ port }) => port === service.port),
          `${what}: leads to a Service`
        )
      }
    }
  }
  t.end()
})
