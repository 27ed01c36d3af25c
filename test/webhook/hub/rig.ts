import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { ensureClientLeaf, ensureServerLeaf } from '../../../certs/files.js'
import {
  type ContainerRef,
  NodeStatus,
  Observation,
  type Revision,
  type RevisionRef,
  type RevisionStatus
} from '../../../src/api/gen/hub.js'
import { createLogger, type Logger } from '../../../src/lib/log.js'
import { digestOf } from '../../../src/lib/digest.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import type { Store } from '../../../src/store/store.js'
import type { SatelliteOptions } from '../../../satellite/main.js'
import { startUplink } from '../../../satellite/uplink/uplink.js'
import type { Uplink, UplinkOptions } from '../../../satellite/uplink/uplink.js'
import { type Hub, type HubOptions, startHub } from '../../../webhook/hub/hub.js'
import { within } from '../../helpers/until.js'

/** Short times, so that nothing here waits long; the order of things is the same. */
export const quickHub = {
  ...{ coalesceMs: 10, retryMs: 50, debounceMs: 10, resendMs: 0 },
  ...{ historyWaitMs: 5, historyWindowMs: 0 }
}
export const quickUplink = {
  ...{ coalesceMs: 10, resendMs: 400, firstMs: 20, baseMs: 50, mostMs: 200 },
  // Who waits for it reads the store next.
  flushMs: 45_000
}

export interface LogLine extends Record<string, unknown> {
  level: string
  msg: string
}

/** A logger whose lines can be waited for. */
export function collectLog(): {
  logger: Logger
  lines: LogLine[]
  seen: (text: RegExp) => Promise<LogLine>
} {
  const lines: LogLine[] = []
  const waiting = new Set<() => void>()
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine)
      for (const wake of [...waiting]) wake()
      done()
    }
  })
  return {
    logger: createLogger('test', stream),
    lines,
    seen: (text) => {
      const line = new Promise<LogLine>((resolve) => {
        const look = () => {
          const found = lines.find((one) => text.test(JSON.stringify(one)))
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      })
      const newest = () => `; the log ends with ${JSON.stringify(lines.slice(-3))}`
      return within(`a line of the log like ${String(text)}`, line, undefined, newest)
    }
  }
}

/** Resolves when `holds`, which is asked at every change that `subscribe` tells of. */
export function until(
  holds: () => boolean,
  subscribe: (listener: () => void) => () => void
): Promise<void> {
  const held = new Promise<void>((resolve) => {
    const leave = subscribe(() => {
      if (!holds()) return
      leave()
      resolve()
    })
    if (holds()) {
      leave()
      resolve()
    }
  })
  return within(holds.toString(), held)
}

export function observationOf(
  id: string,
  names: string[],
  more: Partial<Observation> & { container?: ContainerRef } = {}
): Observation {
  return Observation.fromPartial({
    id,
    sequence: 1,
    container: { id: 'c1', runtime: 'runc', name: 'web' },
    complete: true,
    lastSeen: '2026-11-24T10:00:00.000Z',
    abis: [{ abi: 'x86_64', syscalls: names.map((name) => ({ name, count: 1 })) }],
    ...more
  })
}

export const nodeStatus = NodeStatus.fromPartial({
  kernel: '6.18.0',
  arch: 'x86_64',
  runtimes: [{ name: 'runc', version: '1.1.5' }]
})

/** A satellite's folder, in memory: verifies digests as the real installer does. */
export function memoryInstaller() {
  const held = new Map<string, RevisionRef>()
  let fault: RevisionStatus['code'] | undefined
  return {
    held,
    fail: (code: string | undefined) => (fault = code),
    onRevision: ({ json, ...ref }: Revision): Promise<RevisionStatus> => {
      const code = fault ?? (digestOf(json) === ref.digest ? '' : 'DIGEST_MISMATCH')
      if (code === '') held.set(`${ref.namespace}/${ref.profile}@${ref.digest}`, ref)
      const message = code === '' ? '' : `injected ${code}`
      return Promise.resolve({ ...ref, ready: code === '', code, message })
    },
    holding: () => [...held.values()]
  }
}

/** Folders, certificates, a store, and how to start hubs and uplinks on them. */
export async function createRig() {
  const dir = await mkdtemp(join(tmpdir(), 'secco-hub-'))
  const certs = join(dir, 'certs')
  const closers: (() => Promise<void>)[] = []
  const log = collectLog()
  const serverTls = await ensureServerLeaf(certs, ['localhost', '127.0.0.1'])
  const store: Store = await openDirectoryStore(join(dir, 'objects'), { debounceMs: 20 })

  return {
    dir,
    certs,
    store,
    log,
    serverTls,
    clientTls: (node: string, authority = certs) => ensureClientLeaf(authority, node),
    async hub(options: Partial<HubOptions> = {}): Promise<Hub> {
      const hub = await startHub({
        store,
        listen: { host: '127.0.0.1', port: 0 },
        tls: serverTls,
        revisionsDir: join(dir, 'revisions'),
        logger: log.logger,
        ...options,
        timing: { ...quickHub, ...options.timing }
      })
      closers.push(() => hub.close())
      return hub
    },
    async uplink(
      port: number,
      node: string,
      options: Partial<UplinkOptions> = {}
    ): Promise<Uplink> {
      const installer = memoryInstaller()
      const uplink = await startUplink({
        hub: `localhost:${port}`,
        node,
        tls: options.tls ?? (await ensureClientLeaf(certs, node)),
        spoolDir: join(dir, 'spool', node),
        logger: log.logger,
        onRevision: installer.onRevision,
        holding: installer.holding,
        status: () => nodeStatus,
        ...options,
        timing: { ...quickUplink, ...options.timing }
      })
      closers.push(() => uplink.close())
      return uplink
    },
    /** How a satellite connects to a hub of this rig; what it offers is also kept. */
    connector(
      port: number,
      node: string,
      offered: Observation[],
      options: Partial<UplinkOptions> = {}
    ): SatelliteOptions['connect'] {
      return async (ends) => {
        const uplink = await this.uplink(port, node, {
          ...{ onRevision: ends.onRevision, status: ends.status, holding: ends.holding },
          ...{ onStartTrace: ends.onStartTrace, onStopTrace: ends.onStopTrace },
          onSendRevision: ends.onSendRevision,
          onCollect: ends.onCollect,
          onDesired: (revisions) => ends.onDesired(revisions),
          ...options
        })
        const offer = uplink.offer.bind(uplink)
        uplink.offer = (observation) => {
          offered.push(observation)
          offer(observation)
        }
        return uplink
      }
    },
    async dispose() {
      for (const close of closers.reverse()) await close()
      await store.close()
      await rm(dir, { recursive: true, force: true })
    }
  }
}
