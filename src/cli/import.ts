import { abis } from '../seccomp/abi.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import { apiVersion } from '../api/names.js'
import { SeccoError } from '../errors.js'
import { approveObserved, planApproval } from '../seccomp/approve.js'
import type { Format } from '../seccomp/import/detect.js'
import { type Imported, importSources, type Source } from '../seccomp/import/import.js'
import { limits } from '../seccomp/import/limits.js'
import type { Loss } from '../seccomp/import/loss.js'
import { decodeText } from '../seccomp/import/text.js'
import { mergeObserved } from '../seccomp/merge.js'
import { serializeDocument } from '../seccomp/parse.js'
import type { Store } from '../store/store.js'
import { type Io, paint, plain } from './io.js'
import { type InputFile, inputFiles, readBytes } from './read-input.js'

export interface ImportArgs {
  files: readonly string[]
  format: Format | 'auto'
  output: 'yaml' | 'json'
  name?: string
  namespace?: string
  capabilities?: readonly string[]
  kernel?: string
  machine: string
  /** Traces: put what was seen into spec.seccomp, as this person at this time. */
  approve?: { by: string; at: string; allow: readonly string[] }
}

type FoundLoss = Loss & { where: string }

/** Secco's own revisions in a kubelet's folder: their profiles are in the store already. */
const ownRevision = /(?:^|\/)secco\/[^/]+\/[^/]+\/[0-9a-f]{64}\.json$/

async function readSources(args: ImportArgs): Promise<{ sources: Source[]; losses: FoundLoss[] }> {
  const { files, skipped } = await inputFiles(args.files, /\.json$/)
  const losses: FoundLoss[] = skipped.map((where) => ({
    where,
    path: '',
    what: 'the file',
    why: 'in a folder only regular files that end in .json are profiles',
    mend: 'left out; name it with -f to import it'
  }))
  const own = files.filter(({ path }) => ownRevision.test(path))
  for (const { path } of own) {
    losses.push({
      where: path,
      path: '',
      what: 'a revision of Secco',
      why: 'its profile is in the store that rendered it',
      mend: 'left out'
    })
  }
  const sources: Source[] = []
  let size = 0
  const others = files.filter((file: InputFile) => !own.includes(file))
  for (const { path, words } of others) {
    const bytes = await readBytes(path, limits.traceBytes)
    size += bytes.length
    if (size > limits.folderBytes) {
      throw new SeccoError(
        'TOO_LARGE',
        `the files together have more than ${limits.folderBytes} bytes`
      )
    }
    const where = path === '-' ? 'standard input' : path
    sources.push({ where, words, text: decodeText(bytes, where, limits.traceBytes) })
  }
  if (sources.length === 0) {
    throw new SeccoError('NOT_FOUND', `${args.files.join(', ')}: no profile was found`, {
      hint: 'name a file with -f, or a folder of .json files'
    })
  }
  return { sources, losses }
}

/** What was seen becomes what is approved, except what RuntimeDefault refuses and nobody said. */
function approved(
  { profile, kind }: Imported,
  approve: NonNullable<ImportArgs['approve']>,
  lose: (loss: Loss) => void
): SeccompProfile {
  if (kind === 'profile') return profile
  const observed = profile.status?.observed ?? {}
  const refused = planApproval(profile).beyond.filter((name) => !approve.allow.includes(name))
  if (refused.length > 0) {
    lose({
      path: 'status.observed',
      what: refused.join(', '),
      why: 'RuntimeDefault refuses them, and a trace is no approval of them',
      mend: `not approved; if the workload needs them: --allow ${refused.join(',')}`
    })
  }
  const kept = Object.fromEntries(
    abis.flatMap((abi) => {
      const names = observed[abi]?.filter((name) => !refused.includes(name))
      return names === undefined ? [] : [[abi, names] as const]
    })
  )
  const { by, at } = approve
  const result = approveObserved({ ...profile, status: { observed: kept } }, { by, at })
  return { ...result, status: { ...result.status, observed } }
}

function sayLosses(io: Io, losses: readonly FoundLoss[]): void {
  for (const { where, path, what, why, mend } of losses) {
    const at = path === '' ? where : `${where}: ${path}`
    io.stderr(
      `${paint(io, 'yellow', 'lost:')} ${plain(`${at}: ${what}: ${why}`)}\n  next: ${plain(mend)}\n`
    )
  }
}

async function applyAll(io: Io, store: Store, all: readonly Imported[]): Promise<void> {
  for (const { profile, kind } of all) {
    const ref = { namespace: profile.metadata.namespace ?? 'default', name: profile.metadata.name }
    const { status, ...rest } = profile
    const before = await store.get('SeccompProfile', ref)
    // A trace adds to what is there; only a profile, or an approval, says what is approved.
    if (kind === 'profile' || before === undefined) await store.apply('SeccompProfile', rest)
    await store.update('SeccompProfile', ref, (current) => {
      const merged = mergeObserved(current, status?.observed ?? {})
      const { approvals = [] } = status ?? {}
      if (kind === 'profile' || approvals.length === 0) return merged
      const known = merged.status?.approvals ?? []
      const { seccomp } = profile.spec
      return {
        ...merged,
        spec: { ...merged.spec, ...(seccomp === undefined ? {} : { seccomp }) },
        status: { ...merged.status, approvals: [...known, ...approvals] }
      }
    })
    const what = kind === 'profile' ? 'approved part' : 'observations'
    io.stderr(`seccompprofile.secco.dev/${ref.name}: ${what} applied in ${ref.namespace}\n`)
  }
}

/**
 * `secco import`: profiles and traces of others → profiles of Secco on stdout, losses on stderr, and
 * with a store into it. Nothing is printed or stored unless every source is sound.
 */
export async function importFiles(
  io: Io,
  store: Store | undefined,
  args: ImportArgs
): Promise<number> {
  const { sources, losses } = await readSources(args)
  const result = importSources(sources, args)
  const all = [...losses, ...result.losses]
  const imported = result.imported.map((one): Imported => {
    if (args.approve === undefined) return one
    const where = one.profile.metadata.name
    return { ...one, profile: approved(one, args.approve, (loss) => all.push({ where, ...loss })) }
  })
  const profiles = imported.map(({ profile }) => profile)
  if (store !== undefined) await applyAll(io, store, imported)
  if (args.output === 'yaml') io.stdout(profiles.map(serializeDocument).join('---\n'))
  else {
    const [only] = profiles
    const value = profiles.length === 1 ? only : { apiVersion, kind: 'List', items: profiles }
    io.stdout(`${JSON.stringify(value, undefined, 2)}\n`)
  }
  sayLosses(io, all)
  return 0
}
