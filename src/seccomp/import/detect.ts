import { apiGroup } from '../../api/names.js'
import { SeccoError } from '../../lib/errors.js'
import { isMapping, shown } from './fields.js'
import { formats } from './formats.js'
import { looksLikeGadget } from './gadget.js'
import { looksLikeSeccomp } from './seccomp-object.js'
import { isSpoProfile } from './spo.js'
import { looksLikeStrace } from './strace.js'
import { looksLikeStraceCount } from './strace-count.js'

/** Detects the format of a text before it is parsed; undefined for JSON and YAML. */
export function detectText(text: string): 'strace' | 'strace-count' | 'gadget' | undefined {
  if (looksLikeGadget(text)) return 'gadget'
  if (looksLikeStraceCount(text)) return 'strace-count'
  // Every JSON or YAML document of ours begins with a brace, a dash, a key or a comment.
  if (/^\s*(?:\{|---)/.test(text)) return undefined
  return looksLikeStrace(text) ? 'strace' : undefined
}

function hasDockerKeys(value: Readonly<Record<string, unknown>>): boolean {
  const rules = Array.isArray(value['syscalls']) ? (value['syscalls'] as unknown[]) : []
  const keys = ['includes', 'excludes', 'comment', 'name', 'errno']
  return (
    'archMap' in value ||
    'defaultErrno' in value ||
    rules.some((rule) => isMapping(rule) && keys.some((key) => key in rule))
  )
}

const accepted = [
  'looked for an OCI or docker profile (defaultAction)',
  'a config.json (ociVersion, linux.seccomp)',
  "an operator's SeccompProfile (apiVersion)",
  'and lines of strace, strace -c and gadget output'
].join(', ')

/** Detects the format of a parsed document. INVALID_DOCUMENT names the accepted formats and what was found. */
export function detectValue(
  value: unknown,
  where: string
): 'oci' | 'docker' | 'spo' | 'config.json' {
  if (isSpoProfile(value)) return 'spo'
  if (isMapping(value)) {
    const { apiVersion, kind } = value
    if (typeof apiVersion === 'string' && apiVersion.startsWith(`${apiGroup}/`)) {
      throw new SeccoError('INVALID_DOCUMENT', `${where}: is already a ${shown(kind)} of Secco`, {
        field: 'apiVersion',
        hint: 'apply it with `secco profile apply -f FILE`'
      })
    }
    if ('ociVersion' in value || (isMapping(value['linux']) && 'seccomp' in value['linux'])) {
      return 'config.json'
    }
    if (looksLikeSeccomp(value)) return hasDockerKeys(value) ? 'docker' : 'oci'
  }
  const found = isMapping(value)
    ? `a mapping with ${Object.keys(value).slice(0, 6).map(shown).join(', ') || 'no key'}`
    : Array.isArray(value)
      ? 'a list'
      : `only ${shown(value)}`
  throw new SeccoError('INVALID_DOCUMENT', `${where}: is ${found}; ${accepted}`, {
    field: '',
    hint: `choose the format with --format ${formats.join('|')}`
  })
}
