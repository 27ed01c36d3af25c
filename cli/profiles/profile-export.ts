import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { labels, rootNamespace, revisionPath } from '../../src/api/names.js'
import type { AnyObject } from '../../src/api/objects.js'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { pinOf, pinText } from '../../src/confinement/pin.js'
import { modeOfRendering } from '../../src/confinement/profile-kind.js'
import { mustBeExportable } from '../../src/confinement/export-gate.js'
import { SeccoError } from '../../src/lib/errors.js'
import {
  approvedAs,
  mustBeApproved,
  noneStarts,
  withoutApproval
} from '../../src/seccomp/policy/approval.js'
import { digestOf } from '../../src/lib/digest.js'
import {
  exportAdmissionPolicy,
  type PolicyArgs
} from '../../src/seccomp/export/admission-policy.js'
import { exportArtifact } from '../../src/seccomp/export/oci-artifact.js'
import { exportSpo } from '../../src/seccomp/export/spo.js'
import {
  isRisky,
  type StartRisk,
  startRiskOf,
  startRiskText
} from '../../src/seccomp/review/start-risk.js'
import type { Resolve } from '../../src/seccomp/render/approved.js'
import { renderProfile } from '../../src/seccomp/render/render.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { ensureFolder, writeDurable } from '../../src/lib/durable-file.js'
import { type Io, plain } from '../lib/io.js'
import { printLosses } from '../lib/losses.js'
import type { ExportFormat } from '../lib/output-format.js'
import { mustNotBeBlocked, mustReadRevision, readRevision } from './export-revision.js'
import { mustGetProfile } from './profile.js'
import { storeResolver } from '../lib/store-resolver.js'
import { rulesOf } from './start-check.js'

/**
 * Returns the bytes that the nodes have, if the hub has rendered the current profile. The hub knows the runtimes of its
 * nodes, a rendering made here does not.
 */
async function deliveredBytes(
  io: Io,
  profile: SeccompProfile,
  revisions: string
): Promise<string | undefined> {
  const { revision, conditions } = profile.status ?? {}
  const ready = conditions?.find(({ type }) => type === 'Ready')
  if (revision === undefined || ready?.observedGeneration !== profile.metadata.generation)
    return undefined
  const { file, bytes, isChanged } = await readRevision(io, revisions, revision)
  if (isChanged) {
    io.stderr(
      `warning: ${plain(file)} was changed: its bytes are not those of its name; the profile is rendered again\n`
    )
  }
  return bytes
}

export interface ExportArgs {
  format: ExportFormat
  mode: 'audit' | 'enforce'
  revisions: string
  /** An earlier revision in place of what is approved now: its digest, or the beginning of it. It has its own mode. */
  revision?: string
  /** Export for enforce although a start under it can fail. */
  force?: boolean
  /** Write into this folder instead of stdout; an artifact needs one. */
  out?: string
  /** `map`: select pods with these labels; default `secco.dev/profile: NAME`. */
  matchLabels?: Readonly<Record<string, string>>
  /** `yaml`: approve in the name of this user, who is to apply the document. */
  approvedBy?: string
  /** `map`: a hub keeps the parameters up to date. */
  inCluster?: boolean
}

/** Labels and annotations with which tools mark what they applied: in another installation they are wrong. */
const marks =
  /^(kubectl\.kubernetes\.io\/last-applied-configuration|argocd\.argoproj\.io\/tracking-id|(kustomize|helm)\.toolkit\.fluxcd\.io\/.*)$/

function withoutMarks(words: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(words ?? {}).filter(([key]) => !marks.test(key)))
}

/** Returns the document for another installation, without the status of this one and what its tools added. */
export function ownDocument<One extends AnyObject>(
  { apiVersion, kind, metadata }: One,
  spec: One['spec']
): string {
  const { name, namespace } = metadata
  const labels = withoutMarks(metadata.labels)
  const annotations = withoutMarks(metadata.annotations)
  const kept = {
    name,
    namespace,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations })
  }
  return stringify({ apiVersion, kind, metadata: kept, spec }, { lineWidth: 0 })
}

/** Returns the path in a cluster: that of the ready revision, or empty until the hub fills it in. */
function pathInCluster(io: Io, { metadata, status }: SeccompProfile): string {
  const { name, namespace = rootNamespace, generation } = metadata
  const { nodes, revision, conditions } = status ?? {}
  const ready = conditions?.find(({ type }) => type === 'Ready')
  const isNewest = ready?.observedGeneration === generation && ready?.status === 'True'
  if (revision !== undefined && isNewest) return revisionPath(namespace, name, revision)
  const state = nodes === undefined ? 'no node has' : `${nodes.ready} of ${nodes.total} nodes have`
  io.stderr(`${state} it; pods get RuntimeDefault until the hub names it in the parameters\n`)
  return ''
}

/** Returns the path elsewhere. A policy knows no readiness, so the keeper of its parameters has to check it. */
function pathElsewhere(io: Io, { metadata, status }: SeccompProfile, digest: string): string {
  const { name, namespace = rootNamespace } = metadata
  const { nodes, revision } = status ?? {}
  if (revision !== digest || nodes === undefined || nodes.ready < nodes.total) {
    const state = nodes === undefined ? 'no node' : `${nodes.ready} of ${nodes.total} nodes`
    const what = revision === digest ? `${state} have it` : 'it was not delivered from here'
    io.stderr(
      `warning: revision ${digest.slice(0, 19)}: ${what}; a policy knows no readiness, so pods wait for a missing file\n`
    )
  }
  return revisionPath(namespace, name, digest)
}

function policyDocument(io: Io, profile: SeccompProfile, bytes: string, args: ExportArgs): string {
  const { name, namespace = rootNamespace } = profile.metadata
  const container = profile.spec.workload?.container
  return policyText({
    ...{ namespace, name, profile: `${namespace}/${name}` },
    localhostProfile:
      args.inCluster === true
        ? pathInCluster(io, profile)
        : pathElsewhere(io, profile, digestOf(bytes)),
    podSelector: { matchLabels: args.matchLabels ?? { [labels.profile]: name } },
    ...(container === undefined ? {} : { containers: [container] })
  })
}

/** Returns policy, binding and parameters as YAML documents. */
export function policyText(args: PolicyArgs): string {
  return exportAdmissionPolicy(args)
    .map((document) => stringify(document, { lineWidth: 0 }))
    .join('---\n')
}

async function emit(io: Io, out: string | undefined, name: string, text: string): Promise<void> {
  if (out === undefined) {
    io.stdout(text)
    return
  }
  await ensureFolder(out)
  await writeDurable(join(out, name), text)
  io.stderr(`${join(out, name)} written\n`)
}

/** Writes an OCI artifact, which is a folder, and prints its digest and how to push it. */
async function emitArtifact(
  io: Io,
  out: string | undefined,
  { namespace, name }: { namespace: string; name: string },
  bytes: string
): Promise<void> {
  if (out === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', 'an OCI artifact is a folder, and none was named', {
      hint: 'name one with --out DIR'
    })
  }
  const artifact = exportArtifact(bytes, 'latest', `${namespace}/${name}`)
  for (const [path, text] of artifact.files) {
    await ensureFolder(dirname(join(out, path)))
    await writeDurable(join(out, path), text)
  }
  printLosses(
    io,
    artifact.losses.map((loss) => ({ where: name, ...loss }))
  )
  io.stdout(`${artifact.digest}\n`)
  io.stderr(
    `${out} written; push it with \`oras copy --from-oci-layout ${out}:latest REGISTRY/NAME:TAG\`\n`
  )
}

/** Rejects a file that enforces a start that can fail, unless it is forced or enforced already; then it warns. */
async function checkStart(
  io: Io,
  store: Store,
  profile: SeccompProfile,
  { risk, ...how }: { risk: StartRisk; force: boolean | undefined; revision: string | undefined }
): Promise<void> {
  if (!isRisky(risk)) return
  mustBeExportable(profile, risk, { rules: await rulesOf(store, profile), ...how })
  io.stderr(`warning: ${plain(startRiskText(profile, risk))}\n`)
}

/** Returns the bytes to export: those of the revision that is asked for, else of what is approved, as nodes have it if possible. */
async function bytesOf(io: Io, profile: SeccompProfile, args: ExportArgs, resolve: Resolve) {
  const { revision, revisions, mode } = args
  if (revision !== undefined) {
    mustNotBeBlocked(revision, resolve)
    const { digest, bytes } = await mustReadRevision(io, profile, { revision, revisions })
    return { bytes, digest, delivered: bytes }
  }
  const delivered = mode === 'enforce' ? await deliveredBytes(io, profile, revisions) : undefined
  return { bytes: delivered ?? renderProfile(profile, { mode, resolve }).json, delivered }
}

/** `secco profile export NAME`: exports the rendered profile for other tools, or the document for another installation. */
export async function exportProfile(
  io: Io,
  store: Store,
  ref: ObjectRef,
  args: ExportArgs
): Promise<number> {
  const profile = await mustGetProfile(store, ref)
  const { name, namespace = rootNamespace, labels: own } = profile.metadata
  const { format, out } = args
  const pin = args.revision === undefined ? pinOf(profile) : undefined
  if (pin !== undefined) {
    io.stderr(`note: what is approved is exported; new pods get another: ${plain(pinText(pin))}\n`)
  }
  if (format === 'yaml') {
    const { approvedBy } = args
    const spec =
      approvedBy === undefined ? withoutApproval(profile.spec) : approvedAs(profile, approvedBy)
    await emit(io, out, `${name}.yaml`, ownDocument(profile, spec))
    return 0
  }
  mustBeApproved(profile, noneStarts)
  const resolve = await storeResolver(io, store, profile)
  const { delivered, bytes, digest } = await bytesOf(io, profile, args, resolve)
  const seccomp = JSON.parse(bytes) as LinuxSeccomp
  if ((digest === undefined ? args.mode : modeOfRendering(seccomp)) === 'enforce') {
    const risk = startRiskOf(profile, seccomp, resolve)
    await checkStart(io, store, profile, { risk, force: args.force, revision: digest })
  }
  switch (format) {
    case 'oci':
      // Delivered bytes are printed exactly as the digest names them; others end with a newline.
      await emit(
        io,
        out,
        `${name}.json`,
        delivered === undefined && out === undefined ? `${bytes}\n` : bytes
      )
      return 0
    case 'spo': {
      const { object, losses } = exportSpo(seccomp, {
        name,
        namespace,
        ...(own === undefined ? {} : { labels: own })
      })
      await emit(io, out, `${name}.yaml`, stringify(object, { lineWidth: 0 }))
      printLosses(
        io,
        losses.map((loss) => ({ where: name, ...loss }))
      )
      return 0
    }
    case 'map':
      await emit(io, out, `${name}.yaml`, policyDocument(io, profile, bytes, args))
      return 0
    case 'oci-artifact':
      await emitArtifact(io, out, { namespace, name }, bytes)
      return 0
  }
}
