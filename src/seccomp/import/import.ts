import { apiVersion } from '../../api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { validateObject } from '../../api/validate.js'
import { SeccoError } from '../../lib/errors.js'
import { setOfCounts, type SyscallSet, unionSets } from '../../syscalls/syscall-set.js'
import { detectText, detectValue } from './detect.js'
import type { Format } from './formats.js'
import { type Conditions, importDocker } from './docker.js'
import { isMapping, list, type Place, invalidField, under } from './fields.js'
import { importGadget } from './gadget.js'
import { limits } from '../../api/limits.js'
import type { Lose, ImportLoss } from './loss.js'
import { profileName } from './names.js'
import { importConfigJson, importOci } from './oci.js'
import { readValues } from '../../api/read-value.js'
import { importSpo, isSpoProfile, type SpoSource } from './spo.js'
import { importStrace } from './strace.js'
import { importStraceCount } from './strace-count.js'

/** A text to import, and the words that name it unless it names itself. */
export interface Source {
  where: string
  text: string
  /** A file's path, below its folder for a kubelet's folder. */
  words: string
}

export interface ImportOptions extends Conditions {
  format?: Format | 'auto'
  name?: string
  namespace?: string
}

export interface Imported {
  profile: SeccompProfile
  /** Traces contain observations, profiles contain approvals. */
  kind: 'profile' | 'trace'
}

interface ImportResult {
  imported: Imported[]
  losses: (ImportLoss & { where: string })[]
}

type Draft = { words: string; own?: string; namespace?: string | undefined } & (
  | { seccomp: LinuxSeccomp }
  | { observed: SyscallSet }
)

type Documents = { value: unknown; place: Place }[]
type ReadDocuments = (source: Source) => Documents

/** Parses each source once, however often it is asked for. */
function createReader(): ReadDocuments {
  const known = new Map<Source, Documents>()
  return (source) => {
    const documents =
      known.get(source) ?? documentsOf(readValues(source.text, source.where), source.where)
    known.set(source, documents)
    return documents
  }
}

/** Items of lists (`kubectl get -o yaml`) as documents of their own. */
function documentsOf(values: readonly unknown[], where: string): Documents {
  const many = values.length > 1
  return values.flatMap((value, index) => {
    const place = { where: many ? `${where} (document ${index + 1})` : where, path: '' }
    const isList =
      isMapping(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List')
    if (!isList) return [{ value, place }]
    const at = under(place, 'items')
    return list(value['items'], at, limits.documents).map((item, position) => ({
      value: item,
      place: under(at, position)
    }))
  })
}

type ValueFormat = 'oci' | 'docker' | 'spo' | 'config.json'

/** Returns the format of a document. A kubelet's folder holds files for runtimes: the OCI format. */
function formatOf(format: Format | 'auto', value: unknown, place: Place): ValueFormat {
  if (format === 'auto' || format === 'kubelet') {
    const found = detectValue(
      value,
      place.path === '' ? place.where : `${place.where}: ${place.path}`
    )
    if (format === 'kubelet' && found === 'docker') {
      throw invalidField(
        place,
        "has docker's conditions, which the node's runtime ignores",
        'import this file alone with --format docker'
      )
    }
    return found
  }
  return format as ValueFormat
}

function readValueDrafts(
  source: Source,
  read: ReadDocuments,
  options: ImportOptions,
  all: SpoSource[],
  lose: Lose
) {
  return read(source).map(({ value, place }) => (): Draft => {
    const { words } = source
    switch (formatOf(options.format ?? 'auto', value, place)) {
      case 'oci':
        return { words, seccomp: importOci(value, place, lose) }
      case 'config.json':
        return { words, seccomp: importConfigJson(value, place, lose) }
      case 'docker':
        return { words, seccomp: importDocker(value, place, lose, options) }
      case 'spo': {
        if (!isSpoProfile(value)) {
          throw invalidField(place, "is not an operator's SeccompProfile (apiVersion, kind)")
        }
        const { name, namespace, seccomp } = importSpo({ value, place }, all, lose)
        return { words, own: name, namespace, seccomp }
      }
    }
  })
}

function readTrace(
  source: Source,
  format: 'strace' | 'strace-count' | 'gadget',
  options: ImportOptions,
  lose: Lose
): Draft[] {
  const { words, where, text } = source
  const place = { where, path: '' }
  if (format === 'gadget') {
    return importGadget(text, place, lose, options.machine).map(({ name, counts }) => ({
      words,
      observed: setOfCounts(counts),
      ...(name === undefined || name === '' ? {} : { own: profileName(name) })
    }))
  }
  const counts =
    format === 'strace'
      ? importStrace(text, place, lose, options.machine).counts
      : importStraceCount(text, place, lose, options.machine)
  return [{ words, observed: setOfCounts(counts) }]
}

/** The operator's profiles among all texts: any of them may be the base of another. */
function spoSources(sources: readonly Source[], read: ReadDocuments): SpoSource[] {
  return sources.flatMap((source) => {
    if (detectText(source.text) !== undefined) return []
    return read(source).flatMap(({ value, place }) =>
      isSpoProfile(value) ? [{ value, place }] : []
    )
  })
}

function build(draft: Draft, options: ImportOptions): Imported {
  const name = options.name ?? draft.own ?? profileName(draft.words)
  const namespace = options.namespace ?? draft.namespace ?? 'default'
  const profile = {
    apiVersion,
    kind: 'SeccompProfile' as const,
    metadata: { name, namespace },
    ...('seccomp' in draft
      ? { spec: { seccomp: draft.seccomp } }
      : { spec: {}, status: { observed: draft.observed } })
  }
  const valid = validateObject(profile, `profile ${namespace}/${name}`)
  if (valid.kind !== 'SeccompProfile') throw new TypeError('a profile was made')
  return { profile: valid, kind: 'seccomp' in draft ? 'profile' : 'trace' }
}

/** Merges traces with the same name; two profiles with the same name are an error. */
function mergeSameName(all: readonly Imported[]): Imported[] {
  const byName = new Map<string, Imported>()
  for (const next of all) {
    const { name, namespace = '' } = next.profile.metadata
    const key = `${namespace}/${name}`
    const before = byName.get(key)
    if (before === undefined) {
      byName.set(key, next)
      continue
    }
    if (before.kind !== 'trace' || next.kind !== 'trace') {
      throw new SeccoError('CONFLICT', `two of the given profiles would be called ${key}`, {
        field: 'metadata.name',
        hint: 'import them one by one, with --name'
      })
    }
    const observed = unionSets(
      before.profile.status?.observed ?? {},
      next.profile.status?.observed ?? {}
    )
    byName.set(key, { kind: 'trace', profile: { ...before.profile, status: { observed } } })
  }
  return [...byName.values()]
}

/**
 * Texts of any accepted format → profiles of Secco, and what was lost. All or nothing: the first wrong
 * field of any source ends it (INVALID_DOCUMENT, INVALID_NAME, TOO_LARGE, NOT_FOUND, EXTENDS_CYCLE).
 */
export function importSources(
  sources: readonly Source[],
  options: ImportOptions = {}
): ImportResult {
  const losses: ImportResult['losses'] = []
  const format = options.format ?? 'auto'
  const read = createReader()
  const spo =
    format === 'spo' || format === 'auto' || format === 'kubelet' ? spoSources(sources, read) : []
  const drafts = sources.flatMap((source): Draft[] => {
    const seen = new Set<string>()
    const lose: Lose = (loss) => {
      const key = JSON.stringify(loss)
      if (!seen.has(key)) losses.push({ where: source.where, ...loss })
      seen.add(key)
    }
    const textual = format === 'auto' ? detectText(source.text) : format
    if (textual === 'strace' || textual === 'strace-count' || textual === 'gadget') {
      return readTrace(source, textual, options, lose)
    }
    const values = readValueDrafts(source, read, options, spo, lose)
    if (values.length === 0) throw invalidField({ where: source.where, path: '' }, 'is empty')
    return values.map((make) => make())
  })
  if (
    options.name !== undefined &&
    drafts.length > 1 &&
    drafts.some((draft) => 'seccomp' in draft)
  ) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `--name ${options.name}: ${drafts.length} profiles were given, but a name is for one profile`,
      { hint: 'leave --name out, or import them one by one' }
    )
  }
  return { imported: mergeSameName(drafts.map((draft) => build(draft, options))), losses }
}
