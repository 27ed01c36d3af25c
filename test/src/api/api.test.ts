import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { evaluate } from '@marcbachmann/cel-js'
import { test } from 'tap'
import { conditionReasons, conditionsPage } from '../../../src/api/condition-reasons.js'
import { driftKinds } from '../../../src/confinement/state.js'
import { customResourceDefinitions } from '../../../src/api/crd.js'
import { repositoryRoot } from '../../helpers/repository.js'

interface Schema {
  type?: string
  description?: string
  properties?: Record<string, Schema>
  items?: Schema
  'x-kubernetes-validations'?: { rule: string; message: string }[]
}
interface Definition {
  spec: {
    names: { kind: string; shortNames: string[]; categories: string[] }
    versions: {
      schema: { openAPIV3Schema: Schema }
      additionalPrinterColumns: { name: string; jsonPath: string; priority?: number }[]
    }[]
  }
}

const definitions = Object.values(customResourceDefinitions()) as unknown as Definition[]
const schemaOf = (definition: Definition): Schema =>
  definition.spec.versions[0]?.schema.openAPIV3Schema ?? {}

/** Paths of properties that `kubectl explain` would show without a word. */
function undescribed(schema: Schema, path = ''): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`
    const own = value.description === undefined && at !== 'metadata' ? [at] : []
    return [...own, ...undescribed(value, at)]
  })
  return schema.items === undefined ? inner : [...inner, ...undescribed(schema.items, `${path}[]`)]
}

test('CRDs', (t) => {
  for (const definition of definitions) {
    const { kind, shortNames, categories } = definition.spec.names
    t.same(undescribed(schemaOf(definition)), [], `${kind}: every field is described`)
    // What the security-profiles-operator serves.
    for (const taken of ['sp', 'spns', 'spbinding', 'pb', 'pr', 'rsp', 'sel', 'apparmor']) {
      t.notOk(shortNames.includes(taken), `${kind}: ${taken} belongs to somebody else`)
    }
    t.same(categories, ['secco'])
    const columns = definition.spec.versions[0]?.additionalPrinterColumns ?? []
    for (const { name, jsonPath } of columns) {
      const path = jsonPath.replace(/\[\?.*?\]/, '[]').slice(1)
      let node: Schema | undefined = schemaOf(definition)
      if (!path.startsWith('metadata.')) {
        for (const part of path.replaceAll('[]', '.[]').split('.')) {
          node = part === '[]' ? node?.items : node?.properties?.[part]
        }
      }
      t.ok(node, `${kind}: column ${name} shows a field that exists`)
    }
  }
  t.same(undescribed({ properties: { a: { items: { properties: { b: {} } } } } }), ['a', 'a[].b'])
  t.end()
})

test('a profile extends each other one once', (t) => {
  const [profile] = definitions.filter(({ spec }) => spec.names.kind === 'SeccompProfile')
  const parents = profile && schemaOf(profile).properties?.['spec']?.properties?.['extends']
  // A list of type set would be merged: a tool that applies a document would leave the parents that others added.
  t.notOk(parents !== undefined && 'x-kubernetes-list-type' in parents)
  const [rule] = parents?.['x-kubernetes-validations'] ?? []
  const table: [self: string[], accepted: boolean][] = [
    [[], true],
    [['a', 'shop/a', 'b'], true],
    [['a', 'b', 'a'], false],
    [['a', 'a', 'a'], false]
  ]
  for (const [self, accepted] of table) {
    t.equal(evaluate(rule?.rule ?? '', { self }), accepted, self.join() || 'none')
  }
  t.end()
})

test('every reason of a condition is documented, and nothing else is', (t) => {
  const files = ['webhook', join('cli', 'install')]
    .flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => readFileSync(join(repositoryRoot, folder, path), 'utf8'))
    )
    .filter((text) => /setCondition\(|readyCondition\(|makeReadyUnknown\(/.test(text))
  const used = new Set([
    // The first difference is the reason.
    ...driftKinds,
    ...files.flatMap((text) => [
      ...[...text.matchAll(/\breason:[^\n]*/g)].flatMap((line) =>
        [...line[0].matchAll(/'([A-Z][A-Za-z]+)'/g)].map((match) => match[1] ?? '')
      )
    ])
  ])
  const ofNodes = conditionReasons.filter(({ kind }) => kind === 'Node')
  const toldBy = [
    'satellite/recorder/exactness',
    'satellite/denials/denial-watch',
    'satellite/revisions/revision-files',
    'satellite/uplink/rejections',
    'webhook/views/holds-up'
  ].map((name) => readFileSync(join(repositoryRoot, `${name}.ts`), 'utf8'))
  t.same(
    [
      ...new Set(
        toldBy.flatMap((text) => [...text.matchAll(/type: '([A-Z]\w+)'/g)].map(([, one]) => one))
      )
    ].sort(),
    [...new Set(ofNodes.map(({ type }) => type))].sort()
  )
  const quoted = toldBy.flatMap((text) => [...text.matchAll(/'(\w+)'/g)].map(([, one]) => one))
  t.same(
    ofNodes.filter(({ reason }) => !quoted.includes(reason)),
    []
  )
  const ofObjects = conditionReasons.filter(({ kind }) => kind !== 'Node')
  const documented = new Set(ofObjects.map(({ reason }) => reason))
  t.ok(used.size >= 8, 'the search finds reasons')
  t.same(
    [...used].filter((reason) => !documented.has(reason)),
    []
  )
  t.same(
    [...documented].filter((reason) => !used.has(reason)),
    []
  )
  const rows = conditionReasons.map(({ kind, type, status, reason }) =>
    [kind, type, status, reason].join(' ')
  )
  t.equal(new Set(rows).size, rows.length, 'each once')
  for (const { reason, meaning, next, status } of conditionReasons) {
    t.ok(meaning.length > 10, reason)
    if (status === 'False') t.ok(next.length > 3, `${reason}: what to do`)
  }
  t.match(conditionsPage(), /\| Ready \| True \| AllNodesReady \|/)
  t.end()
})
