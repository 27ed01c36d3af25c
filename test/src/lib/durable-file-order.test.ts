import { revisionPath } from '../../../src/api/names.js'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { digestOf } from '../../../src/lib/digest.js'
import {
  appendProblem,
  fileCallsOf,
  nameProblem,
  orderProblem,
  parseFileCalls,
  stepOf,
  writeProblem
} from '../../helpers/file-calls.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { allowing, revisionOf } from '../../satellite/revision-of.js'

function whyNoStrace(): string | false {
  try {
    execFileSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return false
  } catch (error) {
    return `strace does not work here: ${String(error).slice(0, 100)}`
  }
}

const hex = (text: string) => createHash('sha256').update(text).digest('hex')
const spoolName = (id: string) => `${hex(id).slice(0, 40)}.observation`
const revision = revisionOf(allowing('read'))
const web = 'objects/shop/seccompprofiles/web.yaml'
const status = 'objects/shop/seccompprofiles/web.stat'
const onNode = join('kubelet', revisionPath('shop', 'web', revision.digest))

/** A step of test/helpers/durable-steps.ts, and the files that it writes; or whose names it makes or removes. */
const written: [step: string, ...files: string[]][] = [
  ['writeDurable', 'files/old'],
  ['writeAllDurable', 'files/one', 'files/two'],
  ['createDurable', 'files/made'],
  ['store.apply', status, web],
  ['store.update', status, web],
  ['store.update of the status', status],
  ['denials', 'denials.json'],
  ['nodes', 'nodes.log'],
  ['revision of the hub', `revisions/${digestOf('{}').slice(7)}.json`],
  ...['spool', 'spool by the addon'].map((name): [string, ...string[]] => [
    `${name}: save`,
    ...['node/boot/1', 'node/boot/2'].map((id) => join(name, spoolName(id)))
  ]),
  ['revision of a node', onNode],
  ['generations', 'kubelet/secco/generations.json']
]
const named: [step: string, form: RegExp, ...paths: string[]][] = [
  ['removeDurable', /^unlink/, 'files/gone'],
  ['removeAllDurable', /^unlink/, 'files/gone-1', 'files/gone-2'],
  ['ensureFolder', /^mkdir/, 'a', 'a/b'],
  ['store.apply', /^mkdir/, 'objects/shop', 'objects/shop/seccompprofiles'],
  ['store.delete', /^unlink/, web, status],
  ['spool: remove', /^unlink/, join('spool', spoolName('node/boot/1'))],
  ['spool by the addon: remove', /^unlink/, join('spool by the addon', spoolName('node/boot/1'))],
  ['revision of a node', /^mkdir/, 'kubelet/secco/shop', 'kubelet/secco/shop/web']
]

const appended: [step: string, file: string][] = [['nodes: append', 'nodes.log']]

test('what is acknowledged is on the disk: write, fsync, rename, fsync of the folder, and then the answer', {
  skip: whyNoStrace(),
  timeout: 120_000
}, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'secco-order-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const steps = join(repositoryRoot, 'build/test/helpers/durable-steps.js')
  const calls = await fileCallsOf([process.execPath, steps, root])
  for (const [step, ...files] of written) {
    for (const file of files) {
      t.equal(writeProblem(stepOf(calls, step), join(root, file)), undefined, `${step}: ${file}`)
    }
  }
  for (const [step, file] of appended) {
    t.equal(appendProblem(stepOf(calls, step), join(root, file)), undefined, `${step}: ${file}`)
  }
  for (const step of ['store.apply', 'store.update']) {
    const problem = orderProblem(stepOf(calls, step), join(root, status), join(root, web))
    t.equal(problem, undefined, `${step}: the object before its YAML`)
  }
  for (const [step, form, ...paths] of named) {
    for (const path of paths) {
      t.equal(
        nameProblem(stepOf(calls, step), join(root, path), form),
        undefined,
        `${step}: ${path}`
      )
    }
  }
})

test('the order of appending is judged, whatever is missing', (t) => {
  const right = [
    'write(1<pipe:[1]>, "begin a\\n", 8) = 8',
    'openat(AT_FDCWD</>, "/d/a", O_WRONLY|O_APPEND) = 3</d/a>',
    'write(3</d/a>, "x", 1) = 1',
    'fdatasync(3</d/a>) = 0',
    'write(1<pipe:[1]>, "ack a\\n", 6) = 6'
  ]
  const problem = (lines: readonly string[]) =>
    appendProblem(stepOf(parseFileCalls(lines.map((line) => `7 ${line}`).join('\n')), 'a'), '/d/a')
  t.equal(problem(right), undefined)
  for (const nth of [1, 2, 3])
    t.ok(problem(right.filter((_, at) => at !== nth)), `without line ${nth}`)
  t.ok(problem(right.map((line) => line.replace('|O_APPEND', '|O_TRUNC'))))
  t.end()
})

test('the order is judged, whatever is missing', (t) => {
  const right = [
    'write(1<pipe:[1]>, "begin a\\n", 8) = 8',
    'openat(AT_FDCWD</>, "/d/.tmp-1", O_WRONLY|O_CREAT|O_EXCL, 0644) = 3</d/.tmp-1>',
    'write(3</d/.tmp-1>, "x", 1) = 1',
    'fsync(3</d/.tmp-1>) = 0',
    'rename("/d/.tmp-1", "/d/a") = 0',
    'fsync(4</d>) = 0',
    'write(1<pipe:[1]>, "ack a\\n", 6) = 6'
  ]
  const problem = (lines: readonly string[]) =>
    writeProblem(stepOf(parseFileCalls(lines.map((line) => `7 ${line}`).join('\n')), 'a'), '/d/a')
  const without = (nth: number) => right.filter((_, at) => at !== nth)
  const swapped = (nth: number) => {
    const lines = [...right]
    lines.splice(nth, 2, right[nth + 1] ?? '', right[nth] ?? '')
    return lines
  }
  t.equal(problem(right), undefined)
  t.equal(
    problem(
      right.map((line) =>
        line.replace('rename("/d/.tmp-1", "/d/a")', 'renameat(4</d>, ".tmp-1", 4</d>, "a")')
      )
    ),
    undefined,
    'names relative to a folder'
  )
  const table: [what: string, lines: string[], expected: RegExp][] = [
    ['no write', without(2), /nothing was written/],
    ['no fsync', without(3), /no fsync between its last write and its name/],
    ['no rename', without(4), /nothing was renamed/],
    ['no fsync of the folder', without(5), /no fsync of its folder/],
    ['fsync before the write', swapped(2), /no fsync between/],
    ['fsync after the rename', swapped(3), /no fsync between/],
    ['folder before the rename', swapped(4), /no fsync of its folder/],
    ['ack before the folder', swapped(5), /no fsync of its folder/],
    [
      'failed fsync',
      right.map((line) => line.replace(/^(fsync.*) = 0/, '$1 = -1 EIO')),
      /no fsync between/
    ],
    [
      'in place',
      [
        ...right.slice(0, 1),
        'openat(AT_FDCWD</>, "/d/a", O_WRONLY|O_TRUNC) = 3</d/a>',
        ...right.slice(1)
      ],
      /opened for writing/
    ]
  ]
  for (const [what, lines, expected] of table) t.match(problem(lines), expected, what)
  const second = right.slice(1, 6).map((line) => line.replace('/d/a"', '/d/b"'))
  const pair = [...right.slice(0, 6), ...second, ...right.slice(6)]
  const ofPair = (lines: readonly string[]) => {
    const calls = parseFileCalls(lines.map((line) => `7 ${line}`).join('\n'))
    return orderProblem(stepOf(calls, 'a'), '/d/a', '/d/b')
  }
  t.equal(ofPair(pair), undefined)
  t.match(ofPair(pair.filter((_, at) => at !== 5)), /no fsync of the folder between/)
  t.match(ofPair(right), /got no name/)
  const overlapping = [
    ...right.slice(0, 3).map((line) => `7 ${line}`),
    '8 fsync(3</d/.tmp-1> <unfinished ...>',
    '7 rename("/d/.tmp-1", "/d/a") = 0',
    '8 <... fsync resumed>) = 0',
    ...right.slice(5).map((line) => `7 ${line}`)
  ]
  t.match(
    writeProblem(stepOf(parseFileCalls(overlapping.join('\n')), 'a'), '/d/a'),
    /no fsync between/,
    'an fsync that had not returned'
  )
  t.end()
})
