import type { TSchema } from 'typebox'
import { apiGroup, apiVersion } from './names.js'
import { SeccompProfileSpec, SeccompProfileStatus } from './seccomp-profile.js'
import { SeccompRule, SeccompRuleSpec } from './seccomp-rule.js'

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
  /** CEL rules on `spec` (x-kubernetes-validations). */
  specRules: { rule: string; message: string }[]
  columns: PrinterColumn[]
}

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }
const ready: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status'
}

const definitions: Definition[] = [
  {
    kind: 'SeccompProfile',
    plural: 'seccompprofiles',
    // `sp` belongs to the security-profiles-operator.
    shortNames: ['secp'],
    description:
      'A seccomp profile: spec is what people approved, status.observed is what was seen to be used.',
    spec: SeccompProfileSpec,
    status: SeccompProfileStatus,
    specRules: [],
    columns: [
      ready,
      {
        name: 'Nodes',
        type: 'integer',
        jsonPath: '.status.nodes.ready',
        description: 'nodes that have the newest revision'
      },
      { name: 'Of', type: 'integer', jsonPath: '.status.nodes.total' },
      { name: 'Workload', type: 'string', jsonPath: '.spec.workload.name', priority: 1 },
      { name: 'Revision', type: 'string', jsonPath: '.status.revision', priority: 1 },
      age
    ]
  },
  {
    kind: 'SeccompRule',
    plural: 'seccomprules',
    shortNames: ['secr'],
    description: 'Says which pods get which profile, and in which mode.',
    spec: SeccompRuleSpec,
    status: SeccompRule.properties.status,
    specRules: [
      {
        rule: "self.mode == 'learn' || has(self.profile)",
        message: 'modes audit and enforce need spec.profile'
      }
    ],
    columns: [
      { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
      { name: 'Profile', type: 'string', jsonPath: '.spec.profile.name' },
      { name: 'Priority', type: 'integer', jsonPath: '.spec.priority', priority: 1 },
      ready,
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
 * refuses the rest (fieldValidation). Lists of conditions are keyed by type so that several writers
 * can each own one of them.
 */
export function toStructuralSchema(schema: unknown): Json {
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

function crdOf(definition: Definition): Json {
  const spec = toStructuralSchema(definition.spec)
  const rules = definition.specRules
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
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: definition.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: rules.length === 0 ? spec : { ...spec, 'x-kubernetes-validations': rules },
                status: toStructuralSchema(definition.status)
              }
            }
          }
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
