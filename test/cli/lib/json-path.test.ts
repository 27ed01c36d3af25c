import { test } from 'tap'
import { parseColumns, parsePath, parseSortKey, parseTemplate } from '../../../cli/lib/json-path.js'
import { sortedBy } from '../../../cli/lib/listing-view.js'

const list = {
  kind: 'List',
  items: [
    {
      metadata: { name: 'web', namespace: 'shop', labels: { 'secco.dev/learn': 'true' } },
      spec: { priority: 10, calls: ['read', 'write'] }
    },
    { metadata: { name: 'db', namespace: 'shop' }, spec: { priority: 9, calls: [] } }
  ]
}
const [web] = list.items

test('paths find what those of kubectl find', (t) => {
  // [path, what it finds in the list]
  const table: [string, unknown[]][] = [
    ['{.items[*].metadata.name}', ['web', 'db']],
    ['.items[*].metadata.name', ['web', 'db']],
    ['items[0].metadata.name', ['web']],
    ['$.items[1].spec.priority', [9]],
    ['{@.kind}', ['List']],
    ['{.items[-1].metadata.name}', ['db']],
    ['{.items[-2].metadata.name}', ['web']],
    ["{.items[0]['metadata'].name}", ['web']],
    ['{.items[0].metadata.labels.secco\\.dev/learn}', ['true']],
    ['{..name}', ['web', 'db']],
    ['{.nothing.at.all}', []],
    ['{.items[7].metadata}', []],
    ['{.}', [list]],
    ['{@}', [list]]
  ]
  for (const [path, found] of table) t.same(parsePath(path)(list), found, path)
  for (const value of [undefined, null, 3, 'text']) t.same(parsePath('.a')(value), [])
  t.end()
})

test('nothing in a path or an object is evaluated', (t) => {
  const wrong = [
    ...["{.items[?(@.metadata.name=='web')]}", '{.items[(@.length-1)]}', '{.items[`x`]}'],
    ...['{.items^}', '{.items~}', '{.a b}', '{.items[}', "{.items['a]}", '{.a;process.exit(1)}'],
    ...['.items[*][', 'items[0:1', `.${'a'.repeat(2001)}`]
  ]
  for (const path of [...wrong, `${'a'.repeat(1900)}!`])
    t.throws(() => parsePath(path), { code: 'INVALID_ARGUMENT' }, path.slice(0, 40))
  for (const path of ['.constructor', '.__proto__', '.toString', '.items.length.constructor'])
    t.same(parsePath(path)({ items: [] }), [], `${path}: only what the object has itself`)
  let called = false
  const hostile = JSON.parse('{"__proto__": {"x": 1}, "a": {"$ref": "(process.exit(1))"}}') as {
    trap: string
  }
  Object.defineProperty(hostile, 'trap', { enumerable: false, get: () => (called = true) })
  parsePath('{..x}')(hostile)
  t.equal(called, false, 'a getter that is in no list of members')
  t.equal(({} as { x?: number }).x, undefined)
  t.end()
})

test('templates', (t) => {
  // [template, output for the list]
  const table: [string, string][] = [
    ['{.items[*].metadata.name}', 'web db'],
    ['{.items[*].metadata.name}{"\\n"}', 'web db\n'],
    ['{range .items[*]}{.metadata.name}{"\\t"}{.spec.priority}{"\\n"}{end}', 'web\t10\ndb\t9\n'],
    ['{range .items[*]}{range .spec.calls[*]}{@},{end}{"\\n"}{end}', 'read,write,\n\n'],
    ['names: {.items[*].metadata.name}', 'names: web db'],
    ['{.items[0].spec}', '{"priority":10,"calls":["read","write"]}'],
    ['{.nothing}', ''],
    ['{"{}"}', '{}'],
    ['text', 'text'],
    ['', '']
  ]
  for (const [template, output] of table) t.equal(parseTemplate(template)(list), output, template)
  t.equal(parseTemplate('{.a}')({ a: undefined }), '')
  t.equal(parseTemplate('{.a}')({ a: '\u001b[2J' }), '�[2J', 'nothing reaches a terminal')
  for (const wrong of ['{.a', '.a}', '{range .items[*]}', '{end}', '{"open}', '{"\\x"}'])
    t.throws(() => parseTemplate(wrong), { code: 'INVALID_ARGUMENT' }, wrong)
  t.end()
})

test('columns of one’s own', (t) => {
  const columns =
    'NAME:.metadata.name,LEARN:.metadata.labels.secco\\.dev/learn,CALLS:.spec.calls[*]'
  t.equal(
    parseColumns(columns, true)(list.items),
    'NAME   LEARN    CALLS\nweb    true     read,write\ndb     <none>   <none>\n'
  )
  t.equal(parseColumns('N:metadata.name', false)([web]), 'web\n')
  for (const wrong of ['', 'NAME', ':.a', 'NAME:', 'NAME:.a[?(1)]', 'A:.a,'])
    t.throws(() => parseColumns(wrong, true), { code: 'INVALID_ARGUMENT' }, wrong)
  t.end()
})

test('order', (t) => {
  const by = (path: string) => {
    const keyOf = parseSortKey(path)
    return sortedBy([...list.items, { metadata: { name: 'api' } }], keyOf).map(
      ({ metadata }) => metadata.name
    )
  }
  t.same(by('.metadata.name'), ['api', 'db', 'web'])
  t.same(by('{.spec.priority}'), ['api', 'db', 'web'], 'numbers as numbers; without one first')
  t.same(by('.metadata.namespace'), ['api', 'web', 'db'], 'equal ones keep their order')
  t.end()
})
