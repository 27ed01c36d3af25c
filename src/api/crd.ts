import type { TSchema } from 'typebox'
import { apiGroup, apiVersion } from './names.js'
import { SeccompProfileSpec, SeccompProfileStatus } from './seccomp-profile.js'
import { SeccompRule, SeccompRuleSpec } from './seccomp-rule.js'
import { type FieldRule, profileFieldRules, ruleFieldRules } from './crd-rules.js'

/** A JSON value that is an object. */
type Json = Record<string, unknown>

interface PrinterColumn {
  name: string
  type: 'string' | 'integer' | 'date'
  jsonPath: string
  description?: string
  /** 0 is always shown, 1 only with `-o wide`. */
  priority?: number
}

interface Definition {
  kind: string
  plural: string
  shortNames: string[]
  description: string
  spec: TSchema
  status: TSchema
  /** CEL rules, each with the path of its schema; '' is the whole object. */
  fieldRules: readonly FieldRule[]
  columns: PrinterColumn[]
}

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }
const ready: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status'
}

/** Says whether a hub has seen the spec as it is: a status stays as it was while no hub runs. */
const generations: PrinterColumn[] = [
  { name: 'Generation', type: 'integer', jsonPath: '.metadata.generation', priority: 1 },
  {
    name: 'Observed',
    type: 'integer',
    jsonPath: '.status.observedGeneration',
    description: 'generation that the status is about',
    priority: 1
  }
]

const definitions: Definition[] = [
  {
    kind: 'SeccompProfile',
    plural: 'seccompprofiles',
    // `sp` belongs to the security-profiles-operator.
    shortNames: ['secp'],
    description:
      'A seccomp profile: spec is what people approved, status.observed lists the syscalls that were observed.',
    spec: SeccompProfileSpec,
    status: SeccompProfileStatus,
    fieldRules: profileFieldRules,
    columns: [
      ready,
      {
        name: 'Nodes',
        type: 'string',
        jsonPath: '.status.summary.nodes',
        description: 'nodes with the newest revision / nodes that count'
      },
      {
        name: 'Syscalls',
        type: 'string',
        jsonPath: '.status.summary.syscalls',
        description: 'approved / observed'
      },
      {
        name: 'Source',
        type: 'string',
        jsonPath: '.status.summary.source',
        description: 'learned from a workload, or written'
      },
      { name: 'Workload', type: 'string', jsonPath: '.spec.workload.name', priority: 1 },
      { name: 'Container', type: 'string', jsonPath: '.spec.workload.container', priority: 1 },
      { name: 'Revision', type: 'string', jsonPath: '.status.revision', priority: 1 },
      {
        name: 'Reason',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
        priority: 1
      },
      ...generations,
      age
    ]
  },
  {
    kind: 'SeccompRule',
    plural: 'seccomprules',
    shortNames: ['secr'],
    description: 'Selects which pods get which profile, and in which mode.',
    spec: SeccompRuleSpec,
    status: SeccompRule.properties.status,
    fieldRules: ruleFieldRules,
    columns: [
      { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
      { name: 'Profile', type: 'string', jsonPath: '.spec.profile.name' },
      ready,
      { name: 'Priority', type: 'integer', jsonPath: '.spec.priority', priority: 1 },
      { name: 'WhenNotReady', type: 'string', jsonPath: '.spec.whenNotReady', priority: 1 },
      ...generations,
      age
    ]
  }
]

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapValues(values: Json, change: (value: Json) => Json): Json {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, isObject(value) ? change(value) : value])
  )
}

/**
 * A JSON Schema as the API server's structural schemas want it (apiextensions.k8s.io/v1, "Specifying a
 * structural schema"): every node has a type; `const` and untyped `enum` get theirs; a record becomes
 * `additionalProperties`; a closed object just lists its properties, the API server itself prunes or
 * rejects the rest (fieldValidation). Lists of conditions are keyed by type so that several writers
 * can each own one of them.
 */
function toStructuralSchema(schema: unknown): Json {
  if (!isObject(schema)) return {}
  const result: Json = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'additionalProperties') {
      if (value === true) result['x-kubernetes-preserve-unknown-fields'] = true
      else if (isObject(value)) result[key] = toStructuralSchema(value)
    } else if (key === 'patternProperties' && isObject(value)) {
      result['additionalProperties'] = toStructuralSchema(Object.values(value)[0])
    } else if (key === 'properties' && isObject(value)) {
      result[key] = mapValues(value, toStructuralSchema)
      if (isObject(value['conditions'])) {
        const conditions = (result[key] as Json)['conditions'] as Json
        Object.assign(conditions, {
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type']
        })
      }
    } else if (key === 'items') result[key] = toStructuralSchema(value)
    else if (key === 'const') result['enum'] = [value]
    else result[key] = value
  }
  const choices = result['enum']
  if (result['type'] === undefined && Array.isArray(choices)) result['type'] = typeof choices[0]
  if (result['type'] === 'integer') result['format'] = 'int64'
  return result
}

/** Returns the node of a structural schema at a path as in `spec.extends[]`; throws when there is none. */
function schemaAt(schema: Json, path: string): Json {
  let node: Json | undefined = schema
  for (const part of path.replaceAll('[]', '.[]').split('.').filter(Boolean)) {
    const next: unknown =
      part === '[]' ? node['items'] : (node['properties'] as Json | undefined)?.[part]
    if (!isObject(next)) throw new Error(`no schema at ${path}`)
    node = next
  }
  return node
}

function crdOf(definition: Definition): Json {
  const schema: Json = {
    type: 'object',
    description: definition.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: apiVersion },
      kind: { type: 'string', description: definition.kind },
      metadata: { type: 'object' },
      spec: toStructuralSchema(definition.spec),
      status: toStructuralSchema(definition.status)
    }
  }
  for (const { path, ...rule } of definition.fieldRules) {
    const node = schemaAt(schema, path)
    const before = (node['x-kubernetes-validations'] as unknown[] | undefined) ?? []
    node['x-kubernetes-validations'] = [...before, rule]
  }
  const [, version] = apiVersion.split('/')
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${definition.plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: {
        kind: definition.kind,
        listKind: `${definition.kind}List`,
        plural: definition.plural,
        singular: definition.kind.toLowerCase(),
        shortNames: definition.shortNames,
        categories: ['secco']
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: definition.columns,
          schema: { openAPIV3Schema: schema }
        }
      ]
    }
  }
}

/** Secco's CustomResourceDefinitions by file name, derived from the schemas that also validate documents. */
export function customResourceDefinitions(): Record<string, Json> {
  return Object.fromEntries(
    definitions.map((definition) => [`${definition.plural}.yaml`, crdOf(definition)])
  )
}
