import { gzipSync } from 'node:zlib'
import { t, test } from 'tap'
import { crowd, crowdPages, crowdRows } from '../../browser/crowd.js'
import { startUiRig } from './rig.js'

// Half a minute on an idle machine.
t.setTimeout(900_000)
const mostRows = 50
const mostBytes = 120 * 1024

const tablesOf = (body: string) =>
  [...body.matchAll(/<caption>([^<]*)[^]*?<\/table>/g)].map(([table, name = '']) => ({
    name,
    rows: table.match(/<tr data-key/g)?.length ?? 0
  }))

test(`every table at ${crowdRows} rows: ${mostRows} a page, each row on one page, no heavy page`, async (t) => {
  const rig = await startUiRig(crowd())
  t.teardown(() => rig.app.close())
  for (let at = 0; at < crowdRows; at += 1) {
    rig.ui.audit.note({
      ...{ at: new Date(at).toISOString(), user: 'ann', action: 'approveProfile' },
      ...{ object: `shop/w-${at}`, detail: 'tests passed', status: 200 }
    })
  }
  for (const [name, path] of Object.entries(crowdPages)) {
    await rig.get(path)
    rig.pass(2000)
    const from = performance.now()
    const { body, statusCode } = await rig.get(path)
    const ms = performance.now() - from
    t.equal(statusCode, 200, name)
    const weight = gzipSync(body).length
    t.ok(weight < mostBytes, `${name}: ${Math.round(weight / 1024)} KB compressed`)
    const tables = tablesOf(body)
    t.ok(tables.length > 0, `${name} has a table`)
    for (const { name: table, rows } of tables)
      t.ok(rows > 0 && rows <= mostRows, `${name}, ${table}: ${rows} rows`)
    const elements = body.match(/<[a-z]/g)?.length ?? 0
    t.ok(elements < 5000, `${name}: ${elements} elements`)
    t.comment(`${name}: ${ms.toFixed(0)} ms, ${Math.round(weight / 1024)} KB, ${elements} elements`)
  }
  // The rest is there, page by page, and nothing twice.
  const seen = new Set<string>()
  for (let page = 1; page <= crowdRows / mostRows; page += 1) {
    const { body } = await rig.get(`/nodes?nodes=${page}`)
    for (const [, key = ''] of body.matchAll(/<tr data-key="(worker-\d+)"/g)) seen.add(key)
  }
  t.equal(seen.size, crowdRows)
  const first = await rig.get('/nodes')
  t.equal(first.body.match(/>away</g)?.length, 5, 'who needs a person is on the first page')
})
