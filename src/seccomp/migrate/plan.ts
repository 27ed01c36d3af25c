import { isDeepStrictEqual } from 'node:util'
import { spoGroup } from '../import/spo.js'
import { isMapping, type Mapping, shown } from '../import/fields.js'
import { legacyField, legacySubject, podPaths, type SeccompField } from './legacy.js'

export type Path = readonly (string | number)[]

/** One change of a document: a retired annotation gone, and its field set where it was not. */
export type ManifestChange =
  | { what: 'remove'; path: Path }
  | { what: 'set'; path: Path; value: SeccompField }

/** Something that a person has to check; nothing was changed for it. */
export interface MigrationFinding {
  path: string
  message: string
  fix: string
}

interface Plan {
  changes: ManifestChange[]
  findings: MigrationFinding[]
}

export function showPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (!/^[\w-]+$/.test(part)) return `${text}[${JSON.stringify(shown(part))}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((current, part) => {
    if (typeof part === 'number')
      return Array.isArray(current) ? (current[part] as unknown) : undefined
    return isMapping(current) ? current[part] : undefined
  }, value)
}

const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** Paths of the containers of that name. */
function containerPaths(pod: unknown, name: string): Path[] {
  return lists.flatMap((key) => {
    const containers = valueAt(pod, ['spec', key])
    if (!Array.isArray(containers)) return []
    return containers.flatMap((container, index) =>
      isMapping(container) && container['name'] === name ? [['spec', key, index]] : []
    )
  })
}

function planPod(pod: unknown, at: Path, plan: Plan): void {
  const annotations = valueAt(pod, ['metadata', 'annotations'])
  if (!isMapping(annotations)) return
  for (const [key, value] of Object.entries(annotations)) {
    const subject = legacySubject(key)
    if (subject === undefined) continue
    const annotationPath: Path = [...at, 'metadata', 'annotations', key]
    const path = showPath(annotationPath)
    const field = legacyField(value)
    if (field === undefined) {
      plan.findings.push({
        path,
        message: `${shown(value)} was never an accepted value`,
        fix: 'write runtime/default, unconfined or localhost/PATH, or remove the annotation'
      })
      continue
    }
    const [owner] = subject === '' ? [['spec']] : containerPaths(pod, subject)
    if (owner === undefined || !isMapping(valueAt(pod, owner))) {
      plan.findings.push({
        path,
        message: `no container is called ${shown(subject)}, so it never had an effect`,
        fix: 'correct the name, or remove the annotation'
      })
      continue
    }
    const fieldPath: Path = [...owner, 'securityContext', 'seccompProfile']
    const present = valueAt(pod, fieldPath)
    if (present !== undefined && present !== null && !isDeepStrictEqual(present, field)) {
      plan.findings.push({
        path: showPath([...at, ...fieldPath]),
        message: `is ${shown(present)} already, and the annotation says ${shown(value)}`,
        fix: 'the field is what takes effect: remove the annotation if it is right'
      })
      continue
    }
    plan.changes.push({ what: 'remove', path: annotationPath })
    if (present === undefined || present === null) {
      plan.changes.push({ what: 'set', path: [...at, ...fieldPath], value: field })
    }
  }
}

/** Reports the operator's bindings and recordings, for which Secco uses labels and rules; they are not changed. */
function planOperator(object: Mapping, at: Path, plan: Plan): void {
  const { apiVersion, kind, spec } = object
  if (typeof apiVersion !== 'string' || !apiVersion.startsWith(`${spoGroup}/`)) return
  const name = shown(valueAt(spec, ['profileRef', 'name']))
  if (kind === 'ProfileBinding') {
    plan.findings.push({
      path: showPath([...at, 'spec', 'profileRef']),
      message: `binds ${name} to pods with the image ${shown(valueAt(spec, ['image']))}; Secco selects pods by labels`,
      fix: `label the pods secco.dev/profile: ${name}, or write a SeccompRule with their labels`
    })
  } else if (kind === 'ProfileRecording') {
    plan.findings.push({
      path: showPath([...at, 'spec']),
      message: 'records profiles with the operator; Secco selects the pods to learn by label',
      fix: 'label the pods secco.dev/learn: "true", or write a SeccompRule with mode: learn'
    })
  } else if (kind === 'SeccompProfile') {
    plan.findings.push({
      path: showPath([...at, 'kind']),
      message: "is the operator's profile",
      fix: 'import it with `secco import -f FILE`'
    })
  }
}

function planUnder(pod: unknown, at: Path, plan: Plan): void {
  for (const owner of [
    ['spec'],
    ...lists.flatMap((key) => {
      const containers = valueAt(pod, ['spec', key])
      return Array.isArray(containers)
        ? containers.map((_, index) => ['spec', key, index] as Path)
        : []
    })
  ] as Path[]) {
    const path: Path = [...owner, 'securityContext', 'seccompProfile', 'localhostProfile']
    const profile = valueAt(pod, path)
    const [, name] = /^operator\/(?:[^/]+\/)?([^/]+?)\.json$/.exec(String(profile)) ?? []
    if (name === undefined) continue
    plan.findings.push({
      path: showPath([...at, ...path]),
      message: `is a file of the operator (${shown(profile)})`,
      fix: `import its profile, remove the field and label the pods secco.dev/profile: ${name}`
    })
  }
}

/** Retired annotations somewhere in a document whose pods nobody knows how to find. */
function planUnknown(value: unknown, at: Path, kind: unknown, plan: Plan): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) planUnknown(item, [...at, index], kind, plan)
    return
  }
  if (!isMapping(value)) return
  for (const [key, inner] of Object.entries(value)) {
    const path = [...at, key]
    if (legacySubject(key) === undefined) {
      planUnknown(inner, path, kind, plan)
      continue
    }
    plan.findings.push({
      path: showPath(path),
      message: `is in ${kind === undefined ? 'a document without a kind' : `a ${shown(kind)}`}, whose pod template Secco does not know`,
      fix: 'remove it by hand and set securityContext.seccompProfile where this kind describes its pod'
    })
  }
}

/** Plans the changes of one document; `at` is its path (an item of a list). Pure. */
export function planDocument(
  value: unknown,
  at: Path = [],
  plan: Plan = { changes: [], findings: [] }
): Plan {
  const object = valueAt(value, at)
  if (!isMapping(object)) return plan
  const { kind } = object
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(object['items'])) {
    for (const index of object['items'].keys()) planDocument(value, [...at, 'items', index], plan)
    return plan
  }
  planOperator(object, at, plan)
  const podPath =
    typeof kind === 'string' && Object.hasOwn(podPaths, kind) ? podPaths[kind] : undefined
  if (podPath === undefined) {
    planUnknown(object, at, kind, plan)
    return plan
  }
  const pod = valueAt(object, podPath)
  planPod(pod, [...at, ...podPath], plan)
  planUnder(pod, [...at, ...podPath], plan)
  if (podPath.length === 0) return plan
  const own = valueAt(object, ['metadata', 'annotations'])
  for (const key of isMapping(own) ? Object.keys(own) : []) {
    if (legacySubject(key) === undefined) continue
    plan.findings.push({
      path: showPath([...at, 'metadata', 'annotations', key]),
      message: `is on the ${String(kind)} itself, where it never had an effect`,
      fix: 'remove it, or move it to the pod template and run this again'
    })
  }
  return plan
}
