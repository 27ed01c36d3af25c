import { parseAllDocuments } from 'yaml'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { RuntimeVersion } from '../../src/seccomp/render/base.js'
import { bySeverity, type LintFinding, forbidden } from '../../src/seccomp/lint/lint-finding.js'
import { lintRaw } from '../../src/seccomp/lint/lint-raw.js'
import { maxDocumentBytes } from '../../src/api/parse.js'
import { plural } from '../../src/lib/plural.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import { mustGetProfile } from './profile.js'

interface LintArgs {
  output: 'table' | 'json' | 'yaml'
  strict: boolean
  runtime?: RuntimeVersion
}

const colors = { error: 'red', warning: 'yellow', note: 'dim' } as const

/** Parses the documents of a YAML or JSON text with all their keys. */
function rawDocuments(text: string, where: string): unknown[] {
  if (Buffer.byteLength(text) > maxDocumentBytes) {
    throw new SeccoError('TOO_LARGE', `${where}: at most ${maxDocumentBytes} bytes are accepted`)
  }
  try {
    return [...parseAllDocuments(text, { uniqueKeys: true })].flatMap((document) => {
      const [problem] = document.errors
      if (problem !== undefined) throw problem
      const value: unknown = document.toJS({ maxAliasCount: 100 })
      return value === null ? [] : [value]
    })
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : ''
    throw new SeccoError(
      'INVALID_DOCUMENT',
      `${where}: is not YAML: ${plain(message.slice(0, 200))}`,
      {
        field: '',
        cause
      }
    )
  }
}

/** Formats a finding with its next step, unless it is only a note. @param of the object that has the finding */
function findingText(io: Io, finding: LintFinding, of = ''): string {
  const { severity, rule, subject, message, fix } = finding
  const text = `${of === '' ? '' : `${of}: `}${subject}: ${message}`
  const line = `${paint(io, colors[severity], severity)} ${plain(text)} [${rule}]\n`
  return severity === 'note' ? line : `${line}  next: ${fix}\n`
}

/** Prints what `secco lint` would warn about a profile that is applied or imported, without notes. */
export function printWarnings(io: Io, profile: SeccompProfile): void {
  if (profile.spec.seccomp === undefined) return
  for (const finding of bySeverity(lintRaw(profile)))
    if (finding.severity !== 'note') io.stderr(findingText(io, finding, profile.metadata.name))
}

/** Prints findings, the most serious first. Returns 1 for an error, or with `strict` for a warning. */
function report(io: Io, where: string, findings: readonly LintFinding[], args: LintArgs): number {
  const sorted = bySeverity(findings)
  const warnings = sorted.filter(({ severity }) => severity === 'warning').length
  const errors = forbidden(sorted).length
  if (args.output !== 'table') printObject(io, args.output, { where, findings: sorted })
  else {
    for (const finding of sorted) io.stdout(findingText(io, finding))
    const notes = sorted.length - errors - warnings
    io.stderr(
      `${where}: ${plural(errors, 'error')}, ${plural(warnings, 'warning')}, ${plural(notes, 'note')}\n`
    )
  }
  return errors > 0 || (args.strict && warnings > 0) ? 1 : 0
}

/** `secco lint -f FILE`: checks an OCI profile, a config.json, or SeccompProfile documents. */
export async function lintFile(io: Io, file: string, args: LintArgs): Promise<number> {
  const documents = rawDocuments(await io.readFile(file), file)
  if (documents.length === 0) {
    throw new SeccoError('INVALID_DOCUMENT', `${file}: holds no document`, { field: '' })
  }
  const options = args.runtime === undefined ? {} : { runtime: args.runtime }
  return report(
    io,
    file,
    documents.flatMap((document) => lintRaw(document, options)),
    args
  )
}

/** `secco lint NAME`: checks the approved part of a profile in the store. */
export async function lintStored(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: LintArgs
): Promise<number> {
  const profile = await mustGetProfile(store, ref)
  return report(io, `${ref.namespace}/${ref.name}`, lintRaw(profile), args)
}
