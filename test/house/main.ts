// `npm run house` prints the limits of the source tree: what is counted, how many, and the limit.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { repositoryRoot } from '../helpers/repository.js'
import { nativeSources, readRooms } from '../helpers/source-tree.js'
import {
  fileCircles,
  folderCircles,
  folderSizes,
  longFunctions,
  longLines,
  maxFilesPerFolder,
  wrongImports
} from '../helpers/structure.js'

const files = readRooms()
const product = files.filter(({ path }) => !/\/(data|gen)\//.test(path))
const native = nativeSources()
const [largest = ['', 0]] = folderSizes([...files.map(({ path }) => path), ...native])
const readme = readFileSync(join(repositoryRoot, 'README.md'))
const lines = [...files.map(({ text }) => text), ...native.map((path) => readNative(path))].reduce(
  (sum, text) => sum + text.split('\n').length - 1,
  0
)

function readNative(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8')
}

function commits(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: repositoryRoot,
    encoding: 'utf8'
  }).trim()
}

const rows: [what: string, found: number | string, limit: number | string, details?: string[]][] = [
  ['imports against the table', wrongImports(files).length, 0, wrongImports(files)],
  ['circles of folders', folderCircles(files).length, 0, folderCircles(files).map(String)],
  ['circles of files', fileCircles(files).length, 0, fileCircles(files).map(String)],
  [`source files in the largest folder (${largest[0]})`, largest[1], maxFilesPerFolder],
  [
    'functions over 80 lines',
    product.flatMap(longFunctions).length,
    0,
    product.flatMap(longFunctions)
  ],
  ['lines over 140 characters', product.flatMap(longLines).length, 0, product.flatMap(longLines)],
  ['README.md, bytes', readme.length, 6144],
  [
    `product files / lines (${commits()})`,
    `${String(files.length + native.length)} / ${String(lines)}`,
    ''
  ]
]
let broken = false
for (const [what, found, limit, details = []] of rows) {
  const over = typeof found === 'number' && typeof limit === 'number' && found > limit
  broken ||= over
  process.stdout.write(
    `${over ? 'over' : 'ok  '}  ${what.padEnd(60)} ${String(found).padStart(12)} ${String(limit).padStart(6)}\n`
  )
  for (const detail of details) process.stdout.write(`        ${detail}\n`)
}
process.exitCode = broken ? 1 : 0
