import { rootNamespace } from '../../src/api/names.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { settledMode } from '../../src/rules/resolve.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { parametersLabel } from '../../src/seccomp/export/admission-policy.js'
import { type ApiCall, listCollection } from '../../src/store/kubernetes-call.js'

interface Parameters {
  metadata: { name: string }
  data?: PolicyWish & { profile?: string; localhostProfile?: string }
}

/** PolicyWish is what an exported policy asks for. */
interface PolicyWish {
  /** `audit` or `learn` if its rule has that mode; everything else is enforce. */
  mode?: string
  /** `RuntimeDefault`: the previous revision is not used either. */
  whenNotReady?: string
  /** `namespace/name` of the rule that was exported. */
  rule?: string
}

/**
 * Returns the path that an exported MutatingAdmissionPolicy may put on pods now: the revision if every node has its
 * file, else in enforce the previous revision if that is asked for, else nothing. A policy knows no nodes, and no pod
 * waits for a file. A ladder decides the mode if there is one, within what it may do to the rule; a policy knows no
 * canaries, so during a canary all pods get what they had before. Pure.
 */
export function policyPath(profile: ProfileState | undefined, wish: PolicyWish = {}): string {
  if (profile === undefined || !profile.approved || wish.mode === 'learn') return ''
  const platform = wish.rule?.startsWith(`${rootNamespace}/`) === true
  const wanted = wish.mode === 'audit' ? 'audit' : 'enforce'
  // A policy that was not made from a rule gives the profile by a label.
  const by = wish.rule === undefined ? { isLabel: true as const } : {}
  const { mode, revision } = settledMode({ mode: wanted, platform, ...by }, profile)
  if (revision === undefined) return ''
  if (revision.ready) return revision.path
  const { previous } = profile
  const mayBeBefore = mode === 'enforce' && wish.whenNotReady !== 'RuntimeDefault'
  return mayBeBefore && previous?.ready === true ? previous.path : ''
}

interface PolicyParameters {
  /** Schedules an update: the snapshot has changed, or this replica leads now. */
  update(): void
  close(): Promise<void>
}

/**
 * Keeps the parameters of exported policies (ConfigMaps in the root namespace) up to date with the nodes. Only the
 * leading hub does; a failure is logged once and retried.
 */
export function startPolicyParameters(options: {
  call: ApiCall
  namespace: string
  snapshot: () => Snapshot
  mayWrite: () => boolean
  logger: Logger
  /** Changes are collected this long. */
  debounceMs?: number
  /** New exports are found within this time. */
  everyMs?: number
}): PolicyParameters {
  const { call, namespace, logger, debounceMs = 300, everyMs = 30_000 } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let logged = ''
  let queue = Promise.resolve()

  async function writeAll(): Promise<void> {
    if (closed || !options.mayWrite()) return
    try {
      const { items } = await listCollection(call, path, { labelSelector: parametersLabel })
      for (const { metadata, data } of items as unknown as Parameters[]) {
        const { profile = '', localhostProfile = '', ...wish } = data ?? {}
        const wanted = policyPath(options.snapshot().profiles.get(profile), wish)
        if (wanted === localhostProfile) continue
        await call('PATCH', `${path}/${metadata.name}`, {
          contentType: 'application/merge-patch+json',
          body: { data: { localhostProfile: wanted } }
        })
        logger.info({ profile, localhostProfile: wanted }, 'parameters of an admission policy set')
      }
      logged = ''
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      if (logged !== code) {
        logger.error({ code, reason: message }, 'parameters of admission policies not written')
      }
      logged = code
    }
  }

  const update = (): void => {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      queue = queue.then(writeAll)
    }, debounceMs)
  }
  const again = setInterval(update, everyMs)
  update()
  return {
    update,
    async close() {
      closed = true
      clearInterval(again)
      clearTimeout(timer)
      await queue
    }
  }
}
