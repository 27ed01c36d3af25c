import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { HubAccess } from '../../cli/hubs/hub-api.js'
import { Hub, type Replicas } from '../../cli/hubs/hub.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'

export const view = (
  node: string,
  name: string,
  more: Partial<ContainerView> = {}
): ContainerView =>
  ({
    ...{ key: `${node}/${name}`, node, name, id: name.repeat(8), namespace: 'shop', pod: name },
    ...{ workload: `Pod/${name}`, state: 'enforced', why: 'as it should be', revision: '' },
    ...{
      profile: '',
      sharedWith: [],
      gaps: [],
      drift: [],
      unprotected: null,
      canary: false,
      stale: false,
      denials: 0
    },
    ...{ expected: 0, gaps: [], syscalls: 40, since: '2026-11-25T10:00:00Z', risk: 0, ...more }
  }) as ContainerView

export const denial = (
  node: string,
  syscall: string,
  count: number,
  more: Partial<DenialView> = {}
) => {
  const { comm = 'app', instance = `${node}/1` } = more
  return {
    ...{ key: `${node} ${instance} ${syscall} ${comm}`, node, instance, syscall, count, comm },
    ...{ abi: 'x86_64', action: 'SCMP_ACT_ERRNO', answer: 'EPERM', namespace: 'shop', pid: 7 },
    ...{ workload: 'Pod/web', containerName: 'app', arguments: '', hint: 'look' },
    at: '2026-11-25T08:30:00Z',
    ...{ profile: 'web', lastSeen: '2026-11-25T10:00:00Z', expected: false, mode: 'enforce' },
    ...{ state: 'open', closedAt: '', call: syscall },
    ...more
  } as DenialView
}

export interface FakeHub {
  access: HubAccess
  asked: { path: string; body: unknown }[]
  /** What stands behind the `?` of each request. */
  queries: string[]
  streams: ServerResponse[]
  server: Server
}

/**
 * Starts a hub that answers by path: with an error for `{ rejection }`, with NOT_FOUND for an unknown path, with the
 * end of the connection for `break`, and never for `hang`. A function may return a promise of its answer.
 */
export async function hubWith(
  t: Test,
  name: string,
  answers: Record<string, unknown>
): Promise<FakeHub> {
  const asked: FakeHub['asked'] = []
  const queries: string[] = []
  const streams: ServerResponse[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const path = (request.url ?? '').split('?')[0] ?? ''
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      asked.push({ path, body })
      queries.push((request.url ?? '').split('?')[1] ?? '')
      const given = answers[path]
      const answer =
        typeof given === 'function' ? await (given as (b: unknown) => unknown)(body) : given
      if (path.endsWith('/stream') && answer !== undefined) {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(': connected\n\n')
        streams.push(response)
        return
      }
      if (answer === 'hang') return
      if (answer === 'break') {
        request.socket.destroy()
        return
      }
      const { rejection } = (answer ?? { rejection: { code: 'NOT_FOUND', message: path } }) as {
        rejection?: { code: string }
      }
      const status = rejection?.code === 'UNAVAILABLE' ? 503 : 400
      response.writeHead(rejection === undefined ? 200 : status, {
        'content-type': 'application/json'
      })
      response.end(JSON.stringify(rejection ?? answer))
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const ui = `http://127.0.0.1:${port}`
  return { access: { name, ui, fix: `look at ${name}` }, asked, queries, streams, server }
}

/** Returns a hub of these replicas. @param list lists them again */
export function hubOf(
  replicas: readonly [FakeHub, ...FakeHub[]],
  list?: () => readonly [FakeHub, ...FakeHub[]],
  settings: Omit<ConstructorParameters<typeof Hub>[1] & object, 'list'> = {}
): Hub {
  const accessOf = ([first, ...more]: readonly [FakeHub, ...FakeHub[]]): Replicas => [
    first.access,
    ...more.map(({ access }) => access)
  ]
  const again = list && { list: () => Promise.resolve(accessOf(list())) }
  return new Hub(accessOf(replicas), { ...settings, ...again })
}

/** Stops a replica: nothing listens on its port from then on. */
export async function stopHub({ server }: FakeHub): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

export const psArgs = {
  ...{ output: 'json' as const, namespace: undefined, selector: undefined, wrong: false },
  ...{ watch: undefined, now: () => Date.parse('2026-11-25T11:00:00Z') }
}

export const denialArgs = {
  ...{ output: 'json' as const, namespace: undefined, workload: undefined, since: undefined },
  ...{ muted: false, expected: false, closed: false, follow: undefined, now: psArgs.now }
}
