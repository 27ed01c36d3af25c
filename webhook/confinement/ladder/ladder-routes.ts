import { machine } from 'node:os'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  promoteLadder,
  rollbackLadder,
  withMute,
  withStep
} from '../../../src/confinement/ladder.js'
import { SeccoError } from '../../../src/lib/errors.js'
import {
  isBeyondRuntimeDefault,
  parseAllow,
  withAllowed
} from '../../../src/seccomp/review/allow.js'
import { diffSeccomp } from '../../../src/seccomp/review/diff.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import type { ContainerView } from '../containers/container-views.js'
import { containersOf, currentMode, evidenceText, ladderView } from './ladder-view.js'
import { digestNow, nextDigest } from './rendered-digest.js'
import type { TruthCall, TruthRoute } from '../containers/route.js'
import type { Truth } from '../truth.js'

const closed = { additionalProperties: false } as const
const Ref = Type.String({ pattern: '^[a-z0-9-]{1,63}/[a-z0-9][-a-z0-9.]{0,252}$' })
const Reason = Type.String({ minLength: 1, maxLength: 1000 })
const bodies = {
  promote: Compile(
    Type.Object(
      {
        profile: Ref,
        mode: Type.Enum(['audit', 'enforce']),
        canary: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
        quietFor: Type.Optional(Type.String({ pattern: '^[0-9]+(s|m|h|d)$' })),
        maxDenials: Type.Optional(Type.Integer({ minimum: 0 })),
        maxRestarts: Type.Optional(Type.Integer({ minimum: 0 })),
        reason: Reason,
        dryRun: Type.Optional(Type.Boolean()),
        force: Type.Optional(Type.Boolean())
      },
      closed
    )
  ),
  rollback: Compile(Type.Object({ profile: Ref, reason: Reason }, closed)),
  allow: Compile(
    Type.Object(
      {
        profile: Ref,
        syscall: Type.String({ maxLength: 200 }),
        reason: Type.Optional(Type.String({ maxLength: 1000 })),
        yes: Type.Optional(Type.Boolean())
      },
      closed
    )
  ),
  mute: Compile(
    Type.Object(
      {
        profile: Ref,
        syscall: Type.String({ pattern: '^[a-z0-9_]{1,64}$' }),
        comm: Type.Optional(Type.String({ maxLength: 15 })),
        reason: Reason,
        remove: Type.Optional(Type.Boolean())
      },
      closed
    )
  )
}

interface Checker<Body> {
  Check(value: unknown): value is Body
  Errors(value: unknown): { instancePath: string; message: string }[]
}

/** The body of a change. @throws SeccoError INVALID_ARGUMENT naming the member. */
export function bodyOf<Body>(checker: Checker<Body>, call: TruthCall): Body {
  if (checker.Check(call.body)) return call.body
  const [first] = checker.Errors(call.body)
  const field = (first?.instancePath ?? '').replace(/^\//, '').replaceAll('/', '.')
  const what = field === '' ? 'the body' : field
  throw new SeccoError('INVALID_ARGUMENT', `${what}: ${first?.message ?? 'is wrong'}`, { field })
}

export function mustHave(truth: Truth, key: string): SeccompProfile {
  const profile = truth.profile(key)
  if (profile !== undefined) return profile
  throw new SeccoError('NOT_FOUND', `SeccompProfile ${key} does not exist`, {
    hint: 'list them with `secco get profiles -A`'
  })
}

/** How a container gets what a new one would get: said, never done. */
export function restartOf(view: ContainerView): string {
  const { namespace, pod, workload, runtime, id } = view
  const [kind = '', name = ''] = workload.split('/')
  if (pod === '')
    return runtime === 'docker'
      ? `docker restart ${id.slice(0, 12)}`
      : `start ${id} again with the file of the revision`
  if (kind === 'Pod' || kind === 'Job' || kind === 'CronJob') {
    return `kubectl delete pod -n ${namespace} ${pod}`
  }
  return `kubectl rollout restart -n ${namespace} ${kind.toLowerCase()}/${name}`
}

export const containerRef = (view: ContainerView) => ({
  ...{ key: view.key, node: view.node, namespace: view.namespace, workload: view.workload },
  ...{ name: view.name, pod: view.pod, command: restartOf(view) }
})

const refOf = (key: string) => {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

export function ladderRoutes(truth: Truth): TruthRoute[] {
  const { now } = truth.sources
  const at = () => new Date(now()).toISOString()
  const update = { verb: 'approve', resource: 'seccompprofiles' } as const

  /** A profile's renderings before and after a change, on the fleet's machine. */
  function digests(before: SeccompProfile, after: SeccompProfile) {
    const resolve = (namespace: string, name: string) => truth.profile(`${namespace}/${name}`)
    const render = (profile: SeccompProfile) =>
      renderProfile(profile, { mode: 'enforce', resolve, machine: machine() })
    return [render(before), render(after)] as const
  }

  return [
    {
      ...{ method: 'GET', url: '/api/v1/ladder', cli: 'secco promote' },
      needs: { verb: 'list', resource: 'seccompprofiles' },
      summary: 'Where each workload stands, with its evidence and its history',
      handle: () => ({ items: truth.sources.profiles().map((one) => ladderView(truth, one)) })
    },
    {
      ...{ method: 'POST', url: '/api/v1/promote', cli: 'secco promote', needs: update },
      summary: 'One rung up, for all new pods or for a share of them',
      async handle(call) {
        const { profile: key, dryRun, ...options } = bodyOf(bodies.promote, call)
        const before = mustHave(truth, key)
        const own = containersOf(truth, key)
        // With nothing running, a revision before the newest one says that it was served already.
        const wasServed = before.status?.previousRevision !== undefined
        const current = own.length === 0 && wasServed ? options.mode : currentMode(truth, own)
        const ground = ladderView(truth, before)
        const evidence = evidenceText(ground)
        const edit = (profile: SeccompProfile) =>
          promoteLadder(profile, { ...options, by: call.actor, at: at(), current, evidence })
        const after = edit(before)
        // What the step rests on: after it everything is counted anew.
        if (dryRun === true) {
          const { evidence: shown, next } = ground
          return { ...ladderView(truth, after), evidence: shown, next, changed: false }
        }
        const written = await call.store.update('SeccompProfile', refOf(key), edit)
        return { ...ladderView(truth, written), evidence: ground.evidence, changed: true }
      }
    },
    {
      ...{ method: 'POST', url: '/api/v1/rollback', cli: 'secco rollback', needs: update },
      summary: 'Back to where the workload was',
      async handle(call) {
        const { profile: key, reason } = bodyOf(bodies.rollback, call)
        const before = mustHave(truth, key)
        const written = await call.store.update('SeccompProfile', refOf(key), (profile) => {
          return rollbackLadder(profile, { by: call.actor, at: at(), reason })
        })
        const steps = (profile: SeccompProfile) => profile.status?.history?.at(-1)?.at ?? ''
        if (steps(written) === steps(before)) {
          throw new SeccoError('INVALID_ARGUMENT', `${key}: there is nothing to go back to`, {
            hint: 'its history is in `secco profile show`'
          })
        }
        return { ...ladderView(truth, written), changed: true }
      }
    },
    {
      ...{ method: 'POST', url: '/api/v1/allow', cli: 'secco denials allow', needs: update },
      summary: 'Lets one refused call through: the difference, and with yes the new revision',
      async handle(call) {
        const { profile: key, syscall, reason = '', yes } = bodyOf(bodies.allow, call)
        const wanted = parseAllow(syscall)
        const before = mustHave(truth, key)
        if (before.spec.seccomp === undefined && before.spec.extends === undefined) {
          throw new SeccoError(
            'APPROVAL_INVALID',
            `${key}: nothing is approved yet, and one call alone would start no container`,
            { hint: `approve what was observed first: secco profile approve ${key}` }
          )
        }
        const decision = { by: call.actor, at: at(), reason: reason === '' ? 'denied' : reason }
        const edit = (profile: SeccompProfile) => {
          const after = withAllowed(profile, wanted, decision)
          if (after === profile) return profile
          const name = wanted.names[0] ?? ''
          return withStep(after, {
            ...{ at: decision.at, by: decision.by, action: 'allow' },
            ...{ from: 'refused', to: `${name} allowed`, reason: decision.reason }
          })
        }
        const after = edit(before)
        const [old, next] = digests(before, after)
        const { added, changed } = diffSeccomp(old.seccomp, next.seccomp)
        // A name that had a rule before (ENOSYS, conditions) changes its meaning.
        const names = [...added, ...changed.map(({ name }) => name)].sort()
        const own = containersOf(truth, key)
        const applied = yes === true && after !== before
        // What nodes get is rendered for the fleet: its digest is the hub's to say.
        const revisionBefore = digestNow(truth, key) ?? old.digest
        if (applied) await call.store.update('SeccompProfile', refOf(key), edit)
        const isSame = old.digest === next.digest
        const delivered =
          applied && !isSame ? await nextDigest(truth, key, revisionBefore) : undefined
        const revisionAfter = isSame ? revisionBefore : (delivered ?? next.digest)
        return {
          diff: {
            added: names,
            beyondRuntimeDefault: isBeyondRuntimeDefault(wanted) ? wanted.names : [],
            ...{ revisionBefore, revisionAfter }
          },
          ...{ applied, restart: own.map(containerRef) }
        }
      }
    },
    {
      ...{ method: 'POST', url: '/api/v1/mute', cli: 'secco denials mute', needs: update },
      summary: 'A refused call that alarms nobody, or does again',
      async handle(call) {
        const { profile: key, reason, remove, ...mute } = bodyOf(bodies.mute, call)
        mustHave(truth, key)
        const decision = { by: call.actor, at: at(), reason }
        const written = await call.store.update('SeccompProfile', refOf(key), (profile) =>
          withMute(profile, mute, decision, remove === true)
        )
        return { muted: written.spec.mute ?? [] }
      }
    }
  ]
}
