import { describeMisleading, misleadingRules } from '../../src/api/misleading-rules.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { SeccoError } from '../../src/lib/errors.js'

/** Rejects rules that do something else than they say: they deceive the person who approved them, and the comparison with the floor. */
function checkMeaning(seccomp: LinuxSeccomp): LinuxSeccomp {
  const [misleading] = misleadingRules(seccomp)
  if (misleading === undefined) return seccomp
  throw new SeccoError('INVALID_DOCUMENT', describeMisleading(misleading), {
    field: misleading.field
  })
}

/**
 * Rejects JSON that another parser may read otherwise. The file's reader is a runtime in Go: it merges members that are
 * there twice (golang/go#21092), takes `Names` for `names`, and has 64 bits for numbers.
 */
function checkCanonical(value: unknown, text: string): void {
  let isCanonical = false
  try {
    isCanonical = canonicalJson(value) === text
  } catch {
    // A number of more than 53 bits.
  }
  if (isCanonical) return
  throw new SeccoError(
    'INVALID_DOCUMENT',
    'the revision is not canonical JSON: a runtime may read another profile than this node does'
  )
}

/**
 * Parses the bytes of a revision.
 * @throws SeccoError INVALID_DOCUMENT.
 */
export async function parseRevision(json: Uint8Array): Promise<LinuxSeccomp> {
  let value: unknown
  let text = ''
  try {
    // A byte order mark stays: runtimes do not skip it.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json)
    value = JSON.parse(text)
  } catch (error) {
    throw new SeccoError('INVALID_DOCUMENT', 'the revision is not JSON', { cause: error })
  }
  checkCanonical(value, text)
  // Loaded on use: the validator is a third of the memory of a satellite without revisions.
  const { seccompProblem } = await import('../../src/api/validate-seccomp.js')
  const problem = seccompProblem(value)
  if (problem === undefined) return checkMeaning(value as LinuxSeccomp)
  const { field, message } = problem
  throw new SeccoError(
    'INVALID_DOCUMENT',
    `the revision is no seccomp profile: ${field === '' ? 'it' : field} ${message}`,
    { field }
  )
}
