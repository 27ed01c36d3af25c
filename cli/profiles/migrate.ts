import { realpath, stat } from 'node:fs/promises'
import { toSeccoError } from '../../src/lib/errors.js'
import { limits } from '../../src/api/limits.js'
import { decodeText } from '../../src/seccomp/import/text.js'
import { migrateText, type Migration } from '../../src/seccomp/migrate/migrate.js'
import { unifiedDiff } from '../../src/seccomp/migrate/unified-diff.js'
import { writeDurable } from '../../src/lib/durable-file.js'
import { type Io, paint, plain } from '../lib/io.js'
import { inputFiles, readBytes } from '../lib/read-input.js'

interface MigrateArgs {
  files: readonly string[]
  write: boolean
  output: 'diff' | 'json'
}

interface FileReport {
  path: string
  state: 'same' | 'changed' | 'skipped' | 'failed'
  written: boolean
  changes: string[]
  findings: { path: string; message: string; fix: string }[]
  reason?: string
  diff?: string
}

const mark = '\ufeff'

function colored(io: Io, diff: string): string {
  return diff
    .split('\n')
    .map((line) => {
      const text = io.isTerminal ? plain(line) : line
      if (line.startsWith('+')) return paint(io, 'green', text)
      if (line.startsWith('-')) return paint(io, 'red', text)
      return line.startsWith('@@') ? paint(io, 'dim', text) : text
    })
    .join('\n')
}

async function migrateFile(path: string, write: boolean): Promise<FileReport> {
  const none = { path, written: false, changes: [], findings: [] }
  try {
    const bytes = await readBytes(path, limits.manifestBytes)
    const text = decodeText(bytes, path, limits.manifestBytes)
    const result: Migration = migrateText(text, path)
    if (result.state === 'skipped') return { ...none, state: 'skipped', reason: result.reason }
    const { state, changes, findings, edits } = result
    if (state === 'same') return { ...none, state, findings }
    if (write && path !== '-') {
      // A symbolic link stays: its target is written.
      const real = await realpath(path)
      const { mode } = await stat(real)
      const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
      await writeDurable(real, `${marked ? mark : ''}${result.text}`, mode & 0o777)
    }
    const diff = unifiedDiff(path, text, edits)
    return { path, state, written: write && path !== '-', changes, findings, diff }
  } catch (error) {
    const { message, code } = toSeccoError(error)
    return { ...none, state: 'failed', reason: `${message} (${code})` }
  }
}

function printReport(io: Io, report: FileReport): void {
  const { path, state, reason, findings, diff, written } = report
  if (state === 'failed') io.stderr(`${paint(io, 'red', 'error:')} ${plain(reason ?? '')}\n`)
  if (state === 'skipped') io.stderr(`skipped: ${plain(path)}: ${reason ?? ''}\n`)
  for (const finding of findings) {
    const what = plain(`${path}: ${finding.path}: ${finding.message}`)
    io.stderr(`${paint(io, 'yellow', 'left:')} ${what}\n  next: ${plain(finding.fix)}\n`)
  }
  if (diff !== undefined) io.stdout(colored(io, diff))
  if (written) io.stderr(`${plain(path)} written\n`)
}

/**
 * `secco migrate`: prints a unified diff on stdout, and what a person has to change on stderr. Exit code 0: nothing to
 * do; 1: something would change, or a person has to change it; 2: a file could not be read.
 */
export async function migrateFiles(io: Io, args: MigrateArgs): Promise<number> {
  const { files } = await inputFiles(args.files, /\.(?:ya?ml|json)$/)
  const reports: FileReport[] = []
  for (const { path } of files) {
    const report = await migrateFile(path, args.write)
    if (args.output === 'diff') printReport(io, report)
    reports.push(report)
  }
  if (args.output === 'json') io.stdout(`${JSON.stringify({ files: reports }, undefined, 2)}\n`)
  if (reports.some(({ state }) => state === 'failed')) return 2
  const open = reports.some(
    ({ state, written, findings }) => (state === 'changed' && !written) || findings.length > 0
  )
  return open ? 1 : 0
}
