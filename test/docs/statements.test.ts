import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { conditionReasons } from '../../src/api/condition-reasons.js'
import { states } from '../../src/confinement/state.js'
import { historyEvents } from '../../src/history/workload-history.js'
import { evidenceOf } from '../../src/seccomp/review/evidence.js'
import { eventReasons } from '../../webhook/cluster/events/event-reasons.js'
import { type Answer, answerMembers } from '../helpers/answer-members.js'
import { readDocument, type TableRow, tableRows } from '../helpers/documents.js'
import { repositoryRoot } from '../helpers/repository.js'

const { tierOf } = (await import(join(repositoryRoot, 'bin/test-tiers.mjs'))) as {
  tierOf: (path: string) => string | undefined
}

const at = (file: string, type: string): Answer => ({ file, type })

/** What the API answers about containers. A member that two answers have is in the first of them. */
const answers = {
  container: at('webhook/confinement/containers/container-view.ts', 'ContainerView'),
  containers: at('webhook/confinement/containers/container-routes.ts', 'ContainerList'),
  summary: at('webhook/confinement/containers/container-routes.ts', 'summaryOf'),
  denial: at('webhook/confinement/denials/denial-views.ts', 'DenialView'),
  denials: at('webhook/confinement/denials/denial-routes.ts', 'DenialList'),
  'denial-line': at('webhook/views/denial-view.ts', 'DenialGroup'),
  explain: at('webhook/confinement/explain.ts', 'Explained'),
  'why-eperm': at('webhook/confinement/denials/why-eperm.ts', 'WhyEperm'),
  history: at('webhook/confinement/history/history-routes.ts', 'HistoryAnswer'),
  status: at('src/api/seccomp-profile.ts', 'SeccompProfileStatus'),
  evidence: at('src/seccomp/review/evidence-item.ts', 'EvidenceItem'),
  review: at('src/seccomp/review/review.ts', 'Review'),
  workload: at('webhook/views/view.ts', 'WorkloadView'),
  'workload-line': at('webhook/ui/model/workloads.ts', 'WorkloadDetail'),
  ladder: at('webhook/confinement/ladder/ladder-view.ts', 'LadderView'),
  assignment: at('webhook/confinement/ladder/assignment.ts', 'Assignment'),
  simulate: at('webhook/confinement/what-if/radius.ts', 'Radius'),
  block: at('webhook/confinement/what-if/block-progress.ts', 'BlockProgress'),
  trace: at('webhook/ui/api/traces.ts', 'traceView'),
  node: at('webhook/views/node-problems.ts', 'JudgedNode')
} as const

/** Words that conditions, events, states, evidence and histories choose from, as the page writes them. */
function knownWords(): string[] {
  const bare = { apiVersion: '', kind: 'SeccompProfile', metadata: { name: '' }, spec: {} } as const
  const items = evidenceOf({ ...bare, apiVersion: 'secco.dev/v1alpha1' }, 0, [])
  return [
    ...conditionReasons.map(({ kind, type, reason }) => `${kind}/${type}/${reason}`),
    ...eventReasons.map((reason) => `Event/${reason}`),
    ...states.map((state) => `State/${state}`),
    ...items.map(({ item }) => `Evidence/${item}`),
    ...['start', 'found', 'stop', 'killed', 'ended', 'new', 'denial', ...historyEvents].map(
      (what) => `History/${what}`
    )
  ]
}

/** Rows with five columns are statements: the others of the page explain its words. */
const statementsIn = (document: string): TableRow[] =>
  tableRows(document).filter(({ cells }) => cells.length === 5)

/** Returns what a cell names in backticks: `a.{b,c}` is `a.b` and `a.c`. */
const namesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => {
    const [, before = '', inner] = /^(.*)\{(.*)\}$/.exec(name) ?? []
    return inner === undefined ? [name] : inner.split(',').map((one) => `${before}${one.trim()}`)
  })

/** Returns names that no row has, and names of a known kind that rows have and that do not exist. */
function wrongNames(rows: readonly TableRow[], known: readonly string[]) {
  const named = new Set(rows.flatMap(({ cells }) => namesIn(cells[1] ?? '')))
  const kinds = new Set(known.map((name) => name.split(/[./]/)[0]))
  const isKind = (name: string) => /^[\w-]+[./]/.test(name) && kinds.has(name.split(/[./]/)[0])
  return {
    missing: known.filter((name) => !named.has(name)),
    unknown: [...named].filter((name) => isKind(name) && !known.includes(name))
  }
}

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(join(repositoryRoot, path), 'utf8')
  } catch {
    return undefined
  }
}

/** Returns whether a test has a node, or a part of one: the kernel, libseccomp, a runtime or an API server. */
const isWithNode = (path: string): boolean => tierOf(path.replace('test/', '')) !== 'unit'

/**
 * Returns what is wrong with the tests that a row names: none, a file or a title that does not exist, only unit tests where
 * the row does not say that the statement is computed.
 */
function wrongTests({ cells }: TableRow, read = textOf): string[] {
  const [statement = '', , , , tests = ''] = cells
  const named = [...tests.matchAll(/`(test\/[^`]+)` "([^"]+)"/g)]
  const problems = named.flatMap(([, path = '', title = '']) => {
    const text = read(path)
    if (text === undefined) return [`there is no ${path}`]
    return text.includes(title) ? [] : [`${path} has no test "${title}"`]
  })
  const files = [...tests.matchAll(/`test\//g)]
  return [
    ...(named.length === 0 ? ['no test is named'] : problems),
    ...(files.length === named.length ? [] : ['a file is named without a title']),
    ...(tests.startsWith('computed from: ') || named.some(([, path = '']) => isWithNode(path))
      ? []
      : ['no test compares it with a node, and it is not said to be computed']),
    ...(cells.some((cell) => cell === '') ? ['a cell is empty'] : [])
  ].map((problem) => `${statement}: ${problem}`)
}

const page = 'docs/reference/statements.md'

test('each member that the API answers about a container is in a row of docs/reference/statements.md', (t) => {
  const members = answerMembers(answers)
  t.ok(members.length > 300, `${members.length} members`)
  for (const one of ['container.state', 'container.drift.since', 'history.items.starts.endedAfter'])
    t.ok(members.includes(one), one)
  t.notOk(members.includes('explain.container.state'), 'a member of two answers is listed once')
  const known = [...members, ...knownWords()]
  const rows = statementsIn(readDocument(page))
  t.ok(rows.length > 50, `${rows.length} statements`)
  t.same(wrongNames(rows, known), { missing: [], unknown: [] }, `write a row in ${page}`)

  const made = statementsIn(
    '| a | b | c | d | e |\n| --- | --- | --- | --- | --- |\n| 1 | `a.{b,c}`, `Event/Old`, `ps -o x` | 3 | 4 | 5 |\n'
  )
  t.same(wrongNames(made, ['a.b', 'a.d', 'Event/New']), {
    missing: ['a.d', 'Event/New'],
    unknown: ['a.c', 'Event/Old']
  })
  t.end()
})

test('its names of answers are those of this test', (t) => {
  const explained = tableRows(readDocument(page)).filter(({ heading }) => heading === 'Names')
  t.same(explained.map(({ cells: [name] }) => name).sort(), Object.keys(answers).sort())
  t.end()
})

test('each row names a test that exists', (t) => {
  t.same(
    statementsIn(readDocument(page)).flatMap((row) => wrongTests(row)),
    []
  )
  const row = (tests: string): TableRow => ({ heading: '', cells: ['s', 'w', 'h', 'l', tests] })
  const read = (path: string) => (path.endsWith('/a.test.ts') ? "test('it is so', …)" : undefined)
  const [pure, real] = ['`test/src/rules/a.test.ts`', '`test/e2e/a.test.ts`']
  const computed = 'no test compares it with a node, and it is not said to be computed'
  for (const [tests, problems] of [
    [`${real} "it is so"; ${pure} "it is so"`, []],
    [`computed from: the store; test of the computation: ${pure} "it is so"`, []],
    [`${pure} "it is so"`, [computed]],
    ['none', ['no test is named', computed]],
    [real, ['no test is named', 'a file is named without a title', computed]],
    ['`test/e2e/b.test.ts` "it is so"', ['there is no test/e2e/b.test.ts']],
    [`${real} "it is so"; ${real} "it was so"`, ['test/e2e/a.test.ts has no test "it was so"']]
  ] as const) {
    const expected = problems.map((one) => `s: ${one}`)
    t.same(wrongTests(row(tests), read), expected, tests)
  }
  const { cells } = row(`${real} "it is so"`)
  t.same(wrongTests({ heading: '', cells: cells.with(1, '') }, read), ['s: a cell is empty'])
  t.end()
})
