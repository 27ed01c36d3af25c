import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { rungState, settledRung } from '../../src/rules/resolve.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { parametersLabel } from '../../src/seccomp/export/admission-policy.js'
import { type ApiCall, listCollection } from '../../src/store/kubernetes-call.js'

interface Parameters {
  metadata: { name: string }
  data?: { profile?: string; localhostProfile?: string; mode?: string; whenNotReady?: string }
}

/** What an exported policy asks for. */
export interface PolicyWish {
  /** `audit` or `learn`, where its rule says so; everything else is enforce. */
  mode?: string
  /** `RuntimeDefault`: not the one before, either. */
  whenNotReady?: string
}

/**
 * What an exported MutatingAdmissionPolicy may put on pods now: the revision when every node has its file,
 * else in enforce the one before where that is wished, else nothing: a policy knows no nodes, and no pod waits
 * for a file. A ladder decides the mode where there is one. It knows no shares: while a canary runs everybody
 * gets what was before. Pure.
 */
export function policyPath(profile: ProfileState | undefined, wish: PolicyWish = {}): string {
  if (profile === undefined || !profile.approved || wish.mode === 'learn') return ''
  const { mode, revision } =
    profile.ladder === undefined && wish.mode === 'audit'
      ? rungState(profile, 'audit')
      : settledRung(profile)
  if (revision === undefined) return ''
  if (revision.ready) return revision.path
  const { previous } = profile
  const mayBeBefore = mode === 'enforce' && wish.whenNotReady !== 'RuntimeDefault'
  return mayBeBefore && previous?.ready === true ? previous.path : ''
}

export interface PolicyParameters {
  /** Looks again: the snapshot has changed, or this replica leads now. */
  look(): void
  close(): Promise<void>
}

/**
 * Keeps the parameters of exported policies (ConfigMaps in the root namespace) at what the nodes have.
 * By the leading hub alone; a failure is said once and tried again.
 */
export function startPolicyParameters(options: {
  call: ApiCall
  namespace: string
  snapshot: () => Snapshot
  mayWrite: () => boolean
  logger: Logger
  /** Changes are collected this long. */
  debounceMs?: number
  /** New exports are found by then at the latest. */
  everyMs?: number
}): PolicyParameters {
  const { call, namespace, logger, debounceMs = 300, everyMs = 30_000 } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let complaint = ''
  let queue = Promise.resolve()

  async function update(): Promise<void> {
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
      complaint = ''
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      if (complaint !== code) logger.error({ code }, `parameters of admission policies: ${message}`)
      complaint = code
    }
  }

  const look = (): void => {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      queue = queue.then(update)
    }, debounceMs)
  }
  const again = setInterval(look, everyMs)
  look()
  return {
    look,
    async close() {
      closed = true
      clearInterval(again)
      clearTimeout(timer)
      await queue
    }
  }
}
