import { abis } from '../../src/syscalls/abi.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { apiVersion } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { applyProfile } from '../../src/confinement/approving-store.js'
import { checkApproval } from '../../src/seccomp/policy/approval.js'
import { approveObserved, planApproval } from '../../src/seccomp/review/approve.js'
import type { Format } from '../../src/seccomp/import/formats.js'
import { type Imported, importSources, type Source } from '../../src/seccomp/import/import.js'
import { limits } from '../../src/api/limits.js'
import { decodeText } from '../../src/seccomp/import/text.js'
import { mergeObserved } from '../../src/seccomp/review/merge.js'
import { serializeDocument } from '../../src/api/parse.js'
import { type SyscallSet, unionSets } from '../../src/syscalls/syscall-set.js'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { printWarnings } from './lint.js'
import { startCheck } from './start-check.js'
import { type FoundLoss, printLosses } from '../lib/losses.js'
import { type InputFile, inputFiles, readBytes } from '../lib/read-input.js'

export interface ImportArgs {
  files: readonly string[]
  format: Format | 'auto'
  output: 'yaml' | 'json'
  name?: string
  namespace?: string
  capabilities?: readonly string[]
  kernel?: string
  machine: string
  /** Traces: approve the observed syscalls as this person at this time. */
  approve?: { by: string; at: string; allow: readonly string[] }
  /** Also where a start that was not recorded is enforced at once. */
  force?: boolean
  /** Who imports, and when. */
  who: { by: string; at: string }
}

/** Secco's own revisions in a kubelet's folder: their profiles are in the store already. */
const ownRevision = /(?:^|\/)secco\/[^/]+\/[^/]+\/[0-9a-f]{64}\.json$/

async function readSources(args: ImportArgs): Promise<{ sources: Source[]; losses: FoundLoss[] }> {
  const { files, skipped } = await inputFiles(args.files, /\.json$/)
  const losses: FoundLoss[] = skipped.map((where) => ({
    where,
    path: '',
    what: 'the file',
    why: 'in a folder only regular files that end in .json are profiles',
    fix: 'left out; name it with -f to import it'
  }))
  const own = files.filter(({ path }) => ownRevision.test(path))
  for (const { path } of own) {
    losses.push({
      where: path,
      path: '',
      what: 'a revision of Secco',
      why: 'its profile is in the store that rendered it',
      fix: 'left out'
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

type Approve = NonNullable<ImportArgs['approve']>

/** Returns the traced syscalls that stay out of an approval: RuntimeDefault denies them, and --allow does not name them. */
function deniedOf(observed: SyscallSet, allow: readonly string[]): string[] {
  const traced: SeccompProfile = {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { name: 'trace' },
    spec: {},
    status: { observed }
  }
  return planApproval(traced).beyond.filter((name) => !allow.includes(name))
}

/** Approves the other observed syscalls of a trace, in addition to what was approved before. */
function approveTrace(
  profile: SeccompProfile,
  observed: SyscallSet,
  { by, at, allow }: Approve
): SeccompProfile {
  // The reviewer of a trace has not reviewed the rest of the profile.
  checkApproval(profile)
  const denied = deniedOf(observed, allow)
  const kept = Object.fromEntries(
    abis.flatMap((abi) => {
      const names = observed[abi]?.filter((name) => !denied.includes(name))
      return names === undefined ? [] : [[abi, names] as const]
    })
  )
  const approved = approveObserved(
    { ...profile, status: { ...profile.status, observed: kept } },
    { by, at }
  )
  const all = unionSets(profile.status?.observed ?? {}, observed)
  return { ...approved, status: { ...approved.status, observed: all } }
}

async function applyAll(
  io: Io,
  store: Store,
  all: readonly Imported[],
  { approve, who, force }: Pick<ImportArgs, 'approve' | 'who' | 'force'>
): Promise<void> {
  for (const { profile, kind } of all) {
    const ref = { namespace: profile.metadata.namespace ?? 'default', name: profile.metadata.name }
    const { status, ...rest } = profile
    const before = await store.get('SeccompProfile', ref)
    // A trace adds observations; only a profile, or an approval, changes what is approved.
    const check = await startCheck(store, ref.namespace, { force })
    if (kind === 'profile') {
      check(before, rest)
      await applyProfile(store, rest, { ...who, reason: 'imported' })
    } else {
      if (before === undefined) await store.apply('SeccompProfile', { ...rest, spec: {} })
      const observed = status?.observed ?? {}
      await store.update('SeccompProfile', ref, (current) => {
        if (approve === undefined) return mergeObserved(current, observed)
        const approved = approveTrace(current, observed, approve)
        check(current, approved)
        return approved
      })
    }
    const what = kind === 'profile' ? 'approved part' : 'observations'
    io.stderr(`seccompprofile.secco.dev/${ref.name}: ${what} applied in ${ref.namespace}\n`)
  }
}

/**
 * `secco import`: converts profiles and traces of other tools into profiles of Secco on stdout, and into the store if
 * there is one. Losses and warnings of lint go to stderr. Nothing is printed or stored unless every source is valid.
 */
export async function importFiles(
  io: Io,
  store: Store | undefined,
  args: ImportArgs
): Promise<number> {
  const { sources, losses } = await readSources(args)
  const result = importSources(sources, args)
  const all = [...losses, ...result.losses]
  const { approve } = args
  if (store !== undefined) await applyAll(io, store, result.imported, args)
  const profiles = result.imported.map(({ profile, kind }) => {
    if (approve === undefined || kind === 'profile') return profile
    const observed = profile.status?.observed ?? {}
    const denied = deniedOf(observed, approve.allow)
    if (denied.length > 0) {
      all.push({
        where: profile.metadata.name,
        path: 'status.observed',
        what: denied.join(', '),
        why: 'RuntimeDefault denies them, and a trace does not approve them',
        fix: `not approved; if the workload needs them: --allow ${denied.join(',')}`
      })
    }
    return approveTrace(profile, observed, approve)
  })
  if (args.output === 'yaml') io.stdout(profiles.map(serializeDocument).join('---\n'))
  else {
    const [only] = profiles
    const value = profiles.length === 1 ? only : { apiVersion, kind: 'List', items: profiles }
    io.stdout(`${JSON.stringify(value, undefined, 2)}\n`)
  }
  printLosses(io, all)
  for (const profile of profiles) printWarnings(io, profile)
  return 0
}
