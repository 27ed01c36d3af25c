import { peopleRoles } from '../../src/api/people-roles.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import { commonLabels, names, namespace } from './names.js'
import { installObjects, installParts } from './objects.js'
import {
  defaultOptions,
  type InstallOptions,
  type Layout,
  layouts,
  type Manifest
} from './options.js'

const plurals: Record<string, string> = {
  NetworkPolicy: 'networkpolicies',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  MutatingAdmissionPolicy: 'mutatingadmissionpolicies'
}

/** Returns the API path of an object. */
export function pathOf(object: Manifest): string {
  const apiVersion = String(object['apiVersion'])
  const kind = String(object['kind'])
  const metadata = object['metadata'] as { name: string; namespace?: string }
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const where = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${where}/${plurals[kind] ?? `${kind.toLowerCase()}s`}/${metadata.name}`
}

const object = (apiVersion: string, kind: string, name: string): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace }
})

/** The label of every object of every version, policies included. */
const ownLabel = `app.kubernetes.io/name=${commonLabels['app.kubernetes.io/name']}`

/** Lists objects that the programs, or cert-manager for them, create while they run. Histories come with changes. */
export const objectsOfPrograms = (tls: InstallOptions['tls']): Manifest[] => [
  object('v1', 'Secret', names.certificates),
  // cert-manager leaves what it issued.
  ...(tls === 'cert-manager' ? [object('v1', 'Secret', names.authority)] : []),
  object('v1', 'ConfigMap', names.authority),
  object('v1', 'ConfigMap', names.summary),
  object('v1', 'ConfigMap', names.replicas),
  object('coordination.k8s.io/v1', 'Lease', names.lease),
  object('coordination.k8s.io/v1', 'Lease', names.hub)
]

const madeByPrograms = objectsOfPrograms('cert-manager')

/** What the component for monitoring adds. */
const monitoring: Manifest[] = [
  ...['secco-metrics', 'secco-satellite-metrics'].flatMap((name) => [
    object('v1', 'Service', name),
    object('monitoring.coreos.com/v1', 'ServiceMonitor', name)
  ]),
  object('monitoring.coreos.com/v1', 'PrometheusRule', 'secco'),
  object('v1', 'ConfigMap', 'secco-dashboard')
]

/** The options that make the most objects; the others change only what is in them. */
export const everyOption = {
  ...{ ...defaultOptions, image: '', hubApi: true, tls: 'cert-manager' as const },
  ...{ clientCa: '', clientNames: [] }
}

/** Lists everything that an installation may have created, each once, in the order of removal. */
export function removalOrder(all: boolean): {
  first: Manifest[]
  rest: Manifest[]
  last: Manifest[]
} {
  const both = layouts.map((layout) => installParts({ ...everyOption, layout }))
  const seen = new Set<string>()
  const once = (objects: readonly Manifest[]) =>
    objects.filter((one) => {
      const key = pathOf(one)
      return seen.has(key) ? false : seen.add(key)
    })
  const pick = (part: keyof (typeof both)[number]) => both.flatMap((parts) => parts[part])
  return {
    // The API server stops calling the programs before they end.
    first: once([...pick('hubApi'), ...pick('admission')].reverse()),
    rest: once([
      ...pick('satellite'),
      ...pick('programs'),
      ...pick('network'),
      ...pick('certificates'),
      ...monitoring,
      ...madeByPrograms,
      ...pick('rights')
    ]),
    last: all ? once([...pick('crds'), ...pick('namespace')]) : []
  }
}

/** Reads an object or a list; undefined where there is none. */
export async function find(
  call: ApiCall,
  path: string,
  query: Record<string, string> = {}
): Promise<Manifest | undefined> {
  try {
    return (await call('GET', path, { query })) as Manifest
  } catch (error) {
    if (toSeccoError(error).code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** Returns the layouts whose programs are in the cluster: both, after one was installed over the other. */
export async function installedLayouts(call: ApiCall): Promise<Layout[]> {
  const present: Layout[] = []
  for (const layout of layouts) {
    const deployments = installParts({ ...everyOption, layout }).programs.filter(
      ({ kind }) => kind === 'Deployment'
    )
    const found = await Promise.all(deployments.map((one) => find(call, pathOf(one))))
    if (!found.includes(undefined)) present.push(layout)
  }
  return present
}

/** Kinds that hold what the programs wrote, or what people did: an unknown one of them is no leftover. */
const dataKinds = new Set(['ConfigMap', 'Secret', 'Lease', 'Namespace', 'CustomResourceDefinition'])

interface Binding {
  roleRef?: { name: string }
  subjects?: { kind: string; namespace?: string }[]
}

/** Returns true for a binding that people made, whatever label it has: Secco's own bind its ServiceAccounts only. */
function isOfPeople(object: Manifest): boolean {
  const { roleRef, subjects = [] } = object as Binding
  return (
    peopleRoles.some(({ name }) => name === roleRef?.name) ||
    subjects.some((one) => one.kind !== 'ServiceAccount' || one.namespace !== namespace)
  )
}

/**
 * Returns whether the hub of a layout serves its API to the API server, by the arguments of its Deployment. True without
 * a Deployment, because nothing shows then that the API is switched off.
 */
async function servesApi(call: ApiCall, layout: Layout): Promise<boolean> {
  interface Deployment {
    spec: { template: { spec: { containers: { args?: string[] }[] } } }
  }
  const name = layout === 'ha' ? names.hub : names.both
  const found = await find(call, pathOf(object('apps/v1', 'Deployment', name)))
  if (found === undefined) return true
  const { containers } = (found as unknown as Deployment).spec.template.spec
  return containers.some(({ args = [] }) => args.includes('--api-listen'))
}

/**
 * Lists the objects with the label of Secco that no installation of these layouts has: those of another layout, those
 * that an earlier version had by another name, and the API of a hub that does not serve it any more.
 */
export async function leftoversOf(call: ApiCall, of: readonly Layout[]): Promise<Manifest[]> {
  const parts = of.map(async (layout) => {
    const hubApi = await servesApi(call, layout)
    return installObjects({ ...everyOption, layout, hubApi })
  })
  const installed = (await Promise.all(parts)).flat()
  const known = new Set([...installed, ...monitoring, ...madeByPrograms].map(pathOf))
  const { first, rest } = removalOrder(false)
  const kinds = new Map(
    [...first, ...rest].map((one) => [pathOf(one).replace(/\/[^/]+$/, ''), one] as const)
  )
  const left: Manifest[] = []
  for (const [path, { apiVersion, kind }] of kinds) {
    if (dataKinds.has(String(kind))) continue
    const query = { labelSelector: ownLabel }
    const list = (await find(call, path, query)) as { items?: Manifest[] } | undefined
    for (const item of list?.items ?? []) {
      const one = { apiVersion, kind, metadata: item['metadata'] }
      if (!known.has(pathOf(one)) && !isOfPeople(item)) left.push(one)
    }
  }
  return left
}
