import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { rootNamespace } from '../../src/api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { digestsOf, digestsWith } from '../../src/rules/digest-prefix.js'
import { previousRevisionOf } from '../../src/rules/previous-revision.js'
import { approvalOf, type DiffSide } from '../../src/seccomp/review/diff-report.js'
import { imageSide, imagesOf, observedSide } from '../../src/seccomp/review/observed-sides.js'
import { parseDocument, parseProfileDocument } from '../../src/api/parse.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import { renderProfile } from '../../src/seccomp/render/render.js'
import { whyLines } from '../../src/seccomp/policy/why.js'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { storeResolver } from '../lib/store-resolver.js'
import { parseRef } from '../lib/object-ref.js'
import { mustGetProfile } from './profile.js'

/** One side of a diff. `rendered`: a revision or an OCI file, with base and families. */
interface Side extends DiffSide {
  rendered: boolean
  profile?: SeccompProfile
}

export interface SideContext {
  io: Io
  store: Store
  namespace: string
  /** Folder of the revisions' bytes. */
  revisions: string
}

const keyOf = ({ metadata }: SeccompProfile): string =>
  `${metadata.namespace ?? rootNamespace}/${metadata.name}`

const nothing: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ERRNO' }

function approvedSide(profile: SeccompProfile, label: string): Side {
  const last = profile.status?.approvals?.at(-1)
  const observed = observedSide(profile, label)
  return {
    label,
    of: keyOf(profile),
    rendered: false,
    profile,
    seccomp: profile.spec.seccomp ?? nothing,
    provenance: observed.provenance ?? {},
    ...(last === undefined ? {} : { by: last })
  }
}

/** Reads `linux.seccomp` from an OCI profile, or from the config.json around it. */
function ociOf(text: string, where: string): LinuxSeccomp {
  const value: unknown = parseAllDocuments(text)[0]?.toJS({ maxAliasCount: 100 })
  const linux =
    typeof value === 'object' && value !== null && 'linux' in value ? value.linux : undefined
  const seccomp =
    typeof linux === 'object' && linux !== null && 'seccomp' in linux ? linux.seccomp : value
  const wrapped = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { name: 'file' },
    spec: { seccomp }
  }
  return parseProfileDocument(JSON.stringify(wrapped), where).spec.seccomp ?? nothing
}

async function fileSide({ io }: SideContext, path: string): Promise<Side> {
  const text = await io.readFile(path)
  if (path.endsWith('.json') && !/"kind"\s*:/.test(text)) {
    return { label: path, rendered: true, seccomp: ociOf(text, path) }
  }
  const document = parseDocument(text, path)
  if (document.kind !== 'SeccompProfile') {
    throw new SeccoError(
      'INVALID_DOCUMENT',
      `${path}: kind: is ${document.kind}; only a SeccompProfile can be compared`,
      { field: 'kind' }
    )
  }
  return approvedSide(document, path)
}

/** Returns the complete digest for a prefix, among the revisions of the profile. @throws SeccoError NOT_FOUND */
function wholeDigest(profile: SeccompProfile, part: string): string {
  const found = digestsWith(profile, part)
  const [first] = found
  if (first !== undefined && found.length === 1) return first.replace('sha256:', '')
  const problem =
    found.length > 1
      ? 'more than one revision has this prefix'
      : 'no revision of the profile has this prefix (at least four digits)'
  const known = digestsOf(profile).map((digest) => digest.replace('sha256:', '').slice(0, 12))
  throw new SeccoError('NOT_FOUND', `${part}: ${problem}`, {
    hint: `its revisions are ${known.join(', ') || 'none yet'}`
  })
}

async function revisionSide(
  context: SideContext,
  profile: SeccompProfile,
  part: string,
  label: string
): Promise<Side> {
  const digest = wholeDigest(profile, part)
  const file = join(context.revisions, `${digest}.json`)
  const text = await context.io.readFile(file)
  const by = approvalOf(profile, `sha256:${digest}`)
  const { provenance } = await rendered(context, approvedSide(profile, label))
  return {
    ...{ label, of: keyOf(profile), rendered: true, profile, seccomp: ociOf(text, file) },
    ...(provenance === undefined ? {} : { provenance }),
    ...(by === undefined ? {} : { by })
  }
}

async function rendered({ io, store }: SideContext, side: Side): Promise<Side> {
  if (side.rendered || side.profile === undefined) return side
  const resolve = await storeResolver(io, store, side.profile)
  const subject = { ...side.profile, spec: { ...side.profile.spec, seccomp: side.seccomp } }
  const { seccomp, provenance } = renderProfile(subject, { mode: 'enforce', resolve })
  return { ...side, seccomp, provenance: whyLines(provenance), rendered: true }
}

/**
 * Reads A or B of `secco diff`: a file (.yaml, .yml, .json), RuntimeDefault, NAME (what is approved), or NAME@observed,
 * @approved, @previous, @image:IMAGE, @DIGEST (or its prefix). A name of an object has no capitals.
 */
export async function readSide(context: SideContext, text: string): Promise<Side> {
  if (text === 'RuntimeDefault') return { label: text, rendered: true, seccomp: runtimeDefault() }
  if (/\.(ya?ml|json)$/.test(text)) return fileSide(context, text)
  const at = text.indexOf('@')
  const [name, part] = at < 0 ? [text, 'approved'] : [text.slice(0, at), text.slice(at + 1)]
  const profile = await mustGetProfile(context.store, parseRef(name, context.namespace))
  if (part === 'approved') return approvedSide(profile, text)
  if (part === 'observed') return { ...observedSide(profile, text), rendered: false, profile }
  if (part.startsWith('image:')) {
    const image = part.slice('image:'.length)
    const side = imageSide(profile, image, text)
    if (side !== undefined) return { ...side, rendered: false, profile }
    const images = imagesOf(profile)
    throw new SeccoError('NOT_FOUND', `${text}: no instance of image ${image} is known`, {
      hint:
        images.length === 0 ? 'no instance reports its image' : `known images: ${images.join(', ')}`
    })
  }
  const digest = part === 'previous' ? previousRevisionOf(profile.status) : part
  if (digest === undefined)
    throw new SeccoError('NOT_FOUND', `${text}: there is no revision before this one`)
  return revisionSide(context, profile, digest, text)
}

/** Completes a side without a name, such as `@observed`, by the name of the other side. */
function ofSame(left: string, right: string): string {
  return right.startsWith('@') ? `${left.split('@', 1)[0] ?? ''}${right}` : right
}

/** Reads both sides. When one is a rendering, the other is rendered too. */
export async function readSides(
  context: SideContext,
  left: string,
  right: string
): Promise<[Side, Side]> {
  const [a, b] = [await readSide(context, left), await readSide(context, ofSame(left, right))]
  return a.rendered === b.rendered
    ? [a, b]
    : [await rendered(context, a), await rendered(context, b)]
}
