import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import {
  type ConfinementFacts,
  driftOf,
  riskOfState,
  type RevisionName,
  stateOf,
  states
} from '../../../src/confinement/state.js'
import { repositoryRoot } from '../../helpers/repository.js'

/** The columns of the tables and all their values. */
const columns = {
  runs: ['yes', 'no'],
  privileged: ['yes', 'no'],
  declares: [
    ...(['none', 'runtime-default', 'like-default', 'allow-all', 'audit', 'enforce'] as const),
    ...(['other', 'unknown'] as const)
  ],
  kernel: ['none', 'strict', 'filter'],
  read: ['none', 'mode', 'bytes', 'table'],
  same: ['yes', 'no'],
  assigned: ['-', 'own', 'other'],
  disk: ['-', 'ok', 'missing', 'changed']
} as const
type Column = keyof typeof columns
type Case = Record<Column, string>

const digest = `sha256:${'1'.repeat(64)}`
const another = `sha256:${'2'.repeat(64)}`

function casesOf(names: readonly Column[]): Case[] {
  const first = Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [name, values[0]])
  ) as Case
  return names.reduce(
    (cases, name) =>
      cases.flatMap((one) => columns[name].map((value) => ({ ...one, [name]: value }))),
    [first]
  )
}

/** What the functions get for a case. A revision that the hub does not know is declared and has no name. */
function inputOf(one: Case): [ConfinementFacts, RevisionName | undefined] {
  const { declares } = one
  const isRevision = declares === 'audit' || declares === 'enforce'
  const facts = {
    running: one.runs === 'yes',
    privileged: one.privileged === 'yes',
    declared: isRevision || declares === 'unknown' ? 'revision' : declares,
    digest: declares === 'none' ? '' : digest,
    assignedDigest: { '-': '', own: digest, other: another }[one.assigned] ?? '',
    disk: one.disk === '-' ? '' : one.disk,
    mode: ['none', 'strict', 'filter'].indexOf(one.kernel),
    checked: one.read,
    same: one.same === 'yes',
    ...{ difference: one.same === 'yes' ? '' : 'getsid', others: 0, allowed: 0 }
  }
  return [facts, isRevision ? { short: 'web@11111111', mode: declares } : undefined]
}

interface Row {
  text: string
  matches: (one: Case) => boolean
  result: string
}

function matchesCell(cell: string, value: string): boolean {
  if (cell === '*') return true
  return cell.startsWith('!') ? cell !== `!${value}` : cell.split('|').includes(value)
}

/** Reads a table; every cell has to be of its column. */
function tableOf(file: string, names: readonly Column[]): Row[] {
  const text = readFileSync(join(repositoryRoot, 'test/src/confinement', file), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const cells = line.split(/ +/)
      for (const [at, name] of names.entries()) {
        const words = (cells[at] ?? '').replace('!', '').split('|')
        const known: readonly string[] = [...columns[name], '*']
        if (!words.every((word) => known.includes(word))) throw new Error(`${file}: ${line}`)
      }
      if (cells.length !== names.length + 1) throw new Error(`${file}: ${line}`)
      return {
        text: line,
        matches: (one) => names.every((name, at) => matchesCell(cells[at] ?? '', one[name])),
        result: cells[names.length] ?? ''
      }
    })
}

const wordsOf = (one: Case, names: readonly Column[]): string =>
  names.map((name) => `${name} ${one[name]}`).join(', ')

const stateColumns = ['runs', 'privileged', 'declares', 'kernel', 'read', 'same'] as const
const driftColumns = [...stateColumns, 'assigned', 'disk'] as const

test('the state of a container, for every combination of what a node reports', (t) => {
  const table = tableOf('container-states.txt', stateColumns)
  const wrong: string[] = []
  const used = new Set<Row>()
  const cases = casesOf(stateColumns)
  for (const one of cases) {
    const rows = table.filter(({ matches }) => matches(one))
    const { state, why } = stateOf(...inputOf(one))
    for (const row of rows) used.add(row)
    const expected = rows.map(({ result }) => result).join(' and ')
    if (state !== expected) wrong.push(`${wordsOf(one, stateColumns)}: ${state}, not ${expected}`)
    if (why === '') wrong.push(`${wordsOf(one, stateColumns)}: no reason`)
  }
  t.equal(cases.length, 768)
  t.strictSame(wrong, [])
  const without = table.filter((row) => !used.has(row)).map(({ text }) => text)
  t.strictSame(without, [], 'every row decides about something')
  t.strictSame([...new Set(table.map(({ result }) => result))].sort(), [...states].sort())
  t.end()
})

test('the kernel decides, whatever is declared', (t) => {
  const wrong: string[] = []
  for (const one of casesOf(driftColumns)) {
    const [facts, revision] = inputOf(one)
    const { state, why } = stateOf(facts, revision)
    const isCovered = ['enforced', 'audit', 'runtime-default'].includes(state)
    const differs = ['bytes', 'table'].includes(one.read) && one.same === 'no'
    const words = wordsOf(one, driftColumns)
    if (isCovered && (one.kernel !== 'filter' || differs || one.read === 'none'))
      wrong.push(`${words}: ${state}`)
    // The note of the webhook and the file on the disk are promises, too.
    const bare = inputOf({ ...one, assigned: '-', disk: '-' })
    if (stateOf(...bare).state !== state) wrong.push(`${words}: by what was promised`)
    // Whatever is declared and is not in the kernel has a drift, except where no runtime can give it.
    const isBroken = one.runs === 'yes' && one.kernel === 'none' && one.declares !== 'none'
    const kinds = driftOf(facts, 'web').map(({ kind }) => kind)
    if (isBroken && one.privileged === 'no' && !kinds.includes('Unconfined'))
      wrong.push(`${words}: no drift`)
    if (isBroken && /byte for byte|answers every/.test(why)) wrong.push(`${words}: ${why}`)
  }
  t.strictSame(wrong, [])
  t.end()
})

test('the drifts of a container, for every combination', (t) => {
  const table = tableOf('container-drifts.txt', driftColumns)
  const wrong: string[] = []
  const used = new Set<Row>()
  const cases = casesOf(driftColumns)
  for (const one of cases) {
    const rows = table.filter(({ matches }) => matches(one))
    for (const row of rows) used.add(row)
    const [facts] = inputOf(one)
    const found = driftOf(facts, 'web@11111111')
    const kinds = found.map(({ kind }) => kind).join(' ')
    const expected = rows.map(({ result }) => result).join(' ')
    if (kinds !== expected) wrong.push(`${wordsOf(one, driftColumns)}: ${kinds}, not ${expected}`)
    if (!found.every(({ message }) => message.includes('web@11111111')))
      wrong.push(`${wordsOf(one, driftColumns)}: a message without the name`)
  }
  t.equal(cases.length, 768 * 12)
  t.strictSame(wrong, [])
  t.strictSame(
    table.filter((row) => !used.has(row)).map(({ text }) => text),
    []
  )
  t.end()
})

test('the risk of every state', (t) => {
  const known = { revision: 12, runtimeDefault: 40 }
  const unread = { revision: undefined, runtimeDefault: 40 }
  const facts = { declared: 'other', allowed: 0 }
  // [state, facts, risk with the revision's risk, risk while that is not known]
  const table: [(typeof states)[number], typeof facts, number, number][] = [
    ['unconfined', facts, 100, 100],
    ['not-protectable', facts, 100, 100],
    ['starting', facts, 0, 0],
    ['enforced', facts, 12, 40],
    ['enforced', { declared: 'revision', allowed: 150 }, 12, 20],
    ['audit', facts, 40, 40],
    ['runtime-default', facts, 40, 40],
    ['other', facts, 40, 40],
    ['other', { declared: 'allow-all', allowed: 400 }, 100, 100],
    ['other', { declared: 'other', allowed: 150 }, 20, 20],
    ['other', { declared: 'other', allowed: 3000 }, 100, 100]
  ]
  for (const [state, given, risk, unknown] of table) {
    const words = `${state}, ${given.declared}, ${given.allowed} allowed`
    t.equal(riskOfState(state, given, known), risk, words)
    t.equal(riskOfState(state, given, unread), unknown, `${words}, the revision is not read`)
  }
  t.strictSame([...new Set(table.map(([state]) => state))].sort(), [...states].sort())
  const like = { declared: 'like-default', allowed: 150 }
  t.equal(riskOfState('other', like, { ...known, like: 38 }), 38, 'of what it allows')
  t.equal(riskOfState('other', like, known), 20, 'by their number, where nothing else is known')
  t.end()
})

test('a profile like RuntimeDefault is another profile, and the reason says in what it differs', (t) => {
  const [facts] = inputOf({
    ...{ runs: 'yes', privileged: 'no', declares: 'like-default', kernel: 'filter' },
    ...{ read: 'bytes', same: 'yes', assigned: '-', disk: '-' }
  })
  const bytes = "the kernel's filter is this one, byte for byte"
  t.same(stateOf({ ...facts, like: '1 call differs: without ptrace' }, undefined), {
    state: 'other',
    why: `like RuntimeDefault, 1 call differs: without ptrace; ${bytes}`
  })
  t.same(stateOf(facts, undefined).why, `like RuntimeDefault; ${bytes}`, 'a node that says no more')
  const asked = { ...facts, like: '1 call differs: without ptrace', asksForDefault: true }
  t.same(stateOf(asked, undefined), {
    state: 'runtime-default',
    why: `what the runtime of its node makes of RuntimeDefault, like a published version, 1 call differs: without ptrace; ${bytes}`
  })
  const others = { ...facts, declared: 'other', asksForDefault: true }
  t.equal(stateOf(others, undefined).state, 'other', 'what is not like it is none, whoever asked')
  t.end()
})
