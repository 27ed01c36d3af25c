import { Type } from 'typebox'
import { stringify } from 'yaml'
import { namePattern, namespacePattern } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { withParents } from '../../../src/seccomp/render/extend.js'
import { exportSpo } from '../../../src/seccomp/export/spo.js'
import { mustBeExportable } from '../../../src/confinement/export-gate.js'
import { applyProfile } from '../../../src/confinement/approving-store.js'
import {
  mustBeApproved,
  noneStarts,
  withoutApproval
} from '../../../src/seccomp/policy/approval.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { mergeObserved } from '../../../src/seccomp/review/merge.js'
import { startRiskOf } from '../../../src/seccomp/review/start-risk.js'
import { serializeDocument } from '../../../src/api/parse.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import type { Call } from '../model/context.js'
import { compareSides } from '../model/compare.js'
import { derivedOf } from '../model/derived.js'
import { AnyObject, Force, reading, refOf, type Route, writing } from '../model/route.js'
import { rulesNow } from '../model/rules.js'
import { profileCheck } from '../model/start-check.js'
import { mustBeAllowed } from '../sessions/permissions.js'

function whoOf({ identity, ui }: Call) {
  return { by: identity.user, at: new Date(ui.now()).toISOString() }
}

async function mustGet(call: Call): Promise<SeccompProfile> {
  const ref = refOf(call)
  const profile = await call.ui.store.get('SeccompProfile', ref)
  if (profile !== undefined) return profile
  throw new SeccoError('NOT_FOUND', `there is no profile ${ref.namespace}/${ref.name}`)
}

const updating = { verb: 'update', resource: 'seccompprofiles' } as const
const Done = Type.Object({ namespace: Type.String(), name: Type.String() })
const Parent = Type.String({ pattern: '^([a-z0-9-]{1,63}/)?[a-z0-9][-a-z0-9.]{0,251}$' })
/** As many as spec.extends holds. */
const Parents = Type.Array(Parent, { maxItems: 32 })

/** Rejects a missing parent or a cycle before it is stored. */
function checkParents(profile: SeccompProfile, resolve: Resolve): void {
  if ((profile.spec.extends ?? []).length > 0) renderProfile(profile, { mode: 'enforce', resolve })
}

async function exported(call: Call): Promise<unknown> {
  const profile = await mustGet(call)
  const format = call.query['format'] ?? 'oci'
  const derived = derivedOf(call.ui.sources, call.ui.now())
  const result = derived.rendering(profile)
  if (format === 'yaml') {
    const { apiVersion: version, kind, metadata, spec } = profile
    const { name, namespace } = metadata
    const own = {
      apiVersion: version,
      kind,
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      spec: withoutApproval(spec)
    }
    return { file: `${name}.yaml`, text: serializeDocument(own) }
  }
  mustBeApproved(profile, noneStarts)
  if (result.rendering === undefined) throw new SeccoError('INVALID_DOCUMENT', result.problem)
  const { namespace = '', name } = profile.metadata
  const isAudit = call.query['mode'] === 'audit'
  const rendering = isAudit
    ? renderProfile(profile, {
        ...call.ui.sources.rendering(),
        mode: 'audit',
        resolve: derived.resolve
      })
    : result.rendering
  if (!isAudit) {
    const risk = startRiskOf(profile, rendering.seccomp, derived.resolve)
    const force = call.query['force'] === 'true'
    const { readable: rules } = await rulesNow(call.ui.sources)
    mustBeExportable(profile, risk, { rules, force })
  }
  if (format === 'spo') {
    const { object } = exportSpo(rendering.seccomp, { name, namespace })
    return { file: `${name}.spo.yaml`, text: stringify(object) }
  }
  if (isAudit) return { file: `${name}.audit.json`, text: rendering.json }
  const { revision } = profile.status ?? {}
  const isOpen = revision !== undefined && !derived.hasHiddenParent(profile)
  const bytes = !isOpen ? undefined : await call.ui.sources.revision(revision)
  return { file: `${name}.json`, text: bytes?.toString() ?? rendering.json }
}

/** Endpoints of one profile: read, write, extend, export, import, compare. */
export const profileRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/profiles/:namespace/:name',
    operationId: 'getProfile',
    summary: 'A profile with its review and its rendering',
    needs: { verb: 'get', resource: 'seccompprofiles' },
    cli: 'secco profile show NAME -o json',
    pages: ['/profiles/:namespace/:name', '/workloads/:namespace/:name'],
    query: Type.Object({ recorded: Type.Optional(Type.Enum(['now'])) }),
    response: AnyObject,
    async handle(call) {
      const { namespace, name } = refOf(call)
      const isAsked = call.query['recorded'] === 'now'
      const recorded = isAsked ? await call.ui.sources.recorded?.(namespace, name) : undefined
      const profile = await mustGet(call)
      const derived = derivedOf(call.ui.sources, call.ui.now())
      const { rendering, problem } = derived.rendering(profile)
      const unknown = derived.unknown === '' ? {} : { unknown: derived.unknown }
      return {
        ...profile,
        ...(recorded && { recorded }),
        review: derived.review(profile),
        rendering:
          rendering === undefined
            ? { problem }
            : { digest: rendering.digest, reasons: rendering.reasons, ...unknown }
      }
    }
  }),
  writing({
    method: 'PUT',
    url: '/api/v1/profiles/:namespace/:name',
    operationId: 'applyProfile',
    summary: 'Creates a profile or replaces its spec, from a YAML document',
    needs: { verb: 'update', resource: 'seccompprofiles' },
    cli: 'secco profile apply -f FILE',
    pages: ['/profiles'],
    bodyLimit: 2 * 1024 * 1024,
    body: Type.Object(
      { document: Type.String({ minLength: 1 }), force: Force },
      { additionalProperties: false }
    ),
    response: Done,
    async handle(call, { document, force }) {
      const ref = refOf(call)
      const { documents } = call.ui
      const parsed = await documents.read('profile', { text: document, name: ref.name })
      const placed = { ...parsed, metadata: { ...parsed.metadata, ...ref } }
      const before = await call.ui.store.get('SeccompProfile', ref)
      const check = await profileCheck(call.ui, { force })
      check(before, placed)
      await applyProfile(call.ui.store, placed, {
        ...whoOf(call),
        reason: 'applied as a document'
      })
      return ref
    }
  }),
  {
    method: 'DELETE',
    url: '/api/v1/profiles/:namespace/:name',
    operationId: 'deleteProfile',
    summary: 'Deletes a profile; running containers keep their filter',
    needs: { verb: 'delete', resource: 'seccompprofiles' },
    cli: 'secco profile delete NAME',
    pages: ['/profiles/:namespace/:name'],
    response: Done,
    async handle(call) {
      const ref = refOf(call)
      if (await call.ui.store.delete('SeccompProfile', ref)) return ref
      throw new SeccoError('NOT_FOUND', `there is no profile ${ref.namespace}/${ref.name}`)
    }
  },
  writing({
    method: 'POST',
    url: '/api/v1/profiles/:namespace/:name/extends',
    operationId: 'extendProfile',
    summary: 'Adds or removes profiles that it is built on',
    needs: { verb: 'update', resource: 'seccompprofiles' },
    cli: 'secco profile extend NAME --add PARENT --remove PARENT',
    pages: ['/profiles/:namespace/:name'],
    body: Type.Object(
      { add: Type.Optional(Parents), remove: Type.Optional(Parents), force: Force },
      { additionalProperties: false }
    ),
    response: Done,
    async handle(call, { add = [], remove = [], force }) {
      const ref = refOf(call)
      const { resolve } = derivedOf(call.ui.sources, call.ui.now())
      const check = await profileCheck(call.ui, { force })
      await call.ui.store.update('SeccompProfile', ref, (profile) => {
        const after = withParents(profile, add, remove, whoOf(call))
        checkParents(after, resolve)
        check(profile, after)
        return after
      })
      return ref
    }
  }),
  reading({
    url: '/api/v1/profiles/:namespace/:name/export',
    operationId: 'exportProfile',
    summary: 'The profile as a file: oci (what nodes get), yaml (ours), spo',
    needs: { verb: 'get', resource: 'seccompprofiles' },
    cli: 'secco profile export NAME',
    pages: ['/profiles/:namespace/:name'],
    query: Type.Object({
      format: Type.Optional(Type.Enum(['oci', 'yaml', 'spo'])),
      mode: Type.Optional(Type.Enum(['audit', 'enforce'])),
      force: Type.Optional(Type.Enum(['true', 'false']))
    }),
    response: Type.Object({ file: Type.String(), text: Type.String() }),
    handle: exported
  }),
  writing({
    method: 'POST',
    url: '/api/v1/import',
    operationId: 'importProfiles',
    summary: 'Reads foreign profiles and traces; stores them unless dryRun',
    needs: { verb: 'create', resource: 'seccompprofiles' },
    cli: 'secco import -f FILE',
    pages: ['/profiles'],
    bodyLimit: 4 * 1024 * 1024,
    body: Type.Object(
      {
        files: Type.Array(
          Type.Object({ name: Type.String({ maxLength: 255 }), text: Type.String() }),
          {
            minItems: 1,
            maxItems: 50
          }
        ),
        namespace: Type.Optional(Type.String({ pattern: namespacePattern })),
        name: Type.Optional(Type.String({ pattern: namePattern })),
        dryRun: Type.Optional(Type.Boolean()),
        force: Force
      },
      { additionalProperties: false }
    ),
    response: AnyObject,
    async handle(call, { files, namespace = 'default', name, dryRun = false, force }) {
      const { ui, identity } = call
      const sources = files.map((file) => ({ where: file.name, text: file.text, words: file.name }))
      const given = { namespace, ...(name === undefined || name === '' ? {} : { name }) }
      const { imported, losses } = await ui.documents.read('imports', { sources, ...given })
      const check = await profileCheck(ui, { force })
      const results = []
      for (const { profile, kind } of imported) {
        const names = new Set((profile.spec.seccomp?.syscalls ?? []).flatMap((rule) => rule.names))
        const observed = Object.values(profile.status?.observed ?? {}).flat()
        results.push({
          ...profile.metadata,
          kind,
          calls: kind === 'trace' ? observed.length : names.size
        })
        if (dryRun) continue
        const { observed: seen } = profile.status ?? {}
        const ref = { namespace: profile.metadata.namespace, name: profile.metadata.name }
        // A trace adds to what is there, and takes nothing of it away.
        const before = await ui.store.get('SeccompProfile', ref)
        const isThere = before !== undefined
        // The hub writes what was observed, with its own rights.
        if (isThere) await mustBeAllowed(identity, updating, ref)
        if (kind === 'profile') check(before, profile)
        const decision = { ...whoOf(call), reason: 'imported' }
        if (kind === 'profile' || !isThere) await applyProfile(ui.store, profile, decision)
        if (seen !== undefined)
          await ui.store.update('SeccompProfile', ref, (current) => mergeObserved(current, seen))
      }
      return { imported: results, losses, dryRun }
    }
  }),
  reading({
    url: '/api/v1/diff',
    operationId: 'compareProfiles',
    summary: 'What changes from one side to another, why, by whom and how risky',
    needs: { verb: 'list', resource: 'seccompprofiles' },
    cli: 'secco diff A B -o json',
    pages: ['/compare', '/review/:namespace/:name'],
    query: Type.Object({ left: Type.String(), right: Type.String() }),
    response: AnyObject,
    handle: async ({ ui, query }) => {
      const derived = derivedOf(ui.sources, ui.now())
      return compareSides(ui.sources, derived, query['left'] ?? '', query['right'] ?? '')
    }
  })
]
