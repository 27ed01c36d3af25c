import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { KubeConfig } from '@kubernetes/client-node'
import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import { KubernetesMirror } from '../../../src/store/kubernetes-mirror.js'
import { readObject } from '../../../src/store/kubernetes-objects.js'
import type { RawObject } from '../../../src/store/kubernetes-reflector.js'
import type { StoreEvent } from '../../../src/store/store.js'
import { until } from '../../helpers/until.js'

const raw = (version: number, uid: string, more: object = {}): RawObject => ({
  ...{ apiVersion, kind: 'SeccompProfile', spec: {}, ...more },
  metadata: { namespace: 'shop', name: 'web', uid, resourceVersion: String(version) }
})
function configFor(server: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    { name: 'test', server, skipTLSVerify: true },
    { name: 'admin', token: 'x' }
  )
  return config
}

const broken = { spec: { seccomp: 'none' } }

const textOf = (event: StoreEvent): string => {
  if (event.type === 'applied') return `applied ${event.object.metadata.uid ?? ''}`
  if (event.type !== 'deleted') return event.type
  return ['deleted', event.uid, event.at, event.isUnreadable && 'unreadable']
    .filter((part) => part !== undefined)
    .join(' ')
}

type Change = [type: string, object: RawObject] | 'relist'
// [what, the first list, what the API server reports then, the next list, events]
const table: [string, RawObject[], Change[], RawObject[], string[]][] = [
  [
    'what cannot be read counts as deleted, and is there',
    [raw(1, 'u1')],
    [
      ['MODIFIED', raw(2, 'u1', broken)],
      ['MODIFIED', raw(3, 'u1')]
    ],
    [],
    ['applied u1', 'deleted unreadable', 'problem', 'resolved', 'applied u1']
  ],
  [
    'it is deleted while it cannot be read',
    [raw(1, 'u1')],
    [
      ['MODIFIED', raw(2, 'u1', broken)],
      ['DELETED', raw(3, 'u1', broken)]
    ],
    [],
    ['applied u1', 'deleted unreadable', 'problem', 'resolved', 'deleted u1']
  ],
  [
    'it could never be read',
    [raw(1, 'u1', broken)],
    [['DELETED', raw(3, 'u1', broken)]],
    [],
    ['problem', 'resolved', 'deleted u1']
  ],
  ['a list does not have it', [raw(1, 'u1')], ['relist'], [], ['applied u1', 'deleted u1']],
  [
    'a list does not have what could not be read',
    [raw(1, 'u1', broken)],
    ['relist'],
    [],
    ['problem', 'resolved', 'deleted u1']
  ],
  [
    'it was made again meanwhile',
    [raw(1, 'u1')],
    ['relist'],
    [raw(9, 'u2')],
    ['applied u1', 'deleted u1', 'applied u2']
  ],
  [
    'its own deletion time',
    [raw(1, 'u1')],
    [
      [
        'DELETED',
        {
          ...raw(3, 'u1'),
          metadata: { ...raw(3, 'u1').metadata, deletionTimestamp: '2026-11-24T10:00:00Z' }
        }
      ]
    ],
    [],
    ['applied u1', 'deleted u1 2026-11-24T10:00:00Z']
  ]
]

test('what the mirror says of what is gone, and of what cannot be read', async (t) => {
  for (const [what, first, changes, second, expected] of table) {
    const streams: ServerResponse[] = []
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.flushHeaders()
      if (request.url?.includes('seccompprofiles') === true) streams.push(response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    let listed = 0
    const mirror = new KubernetesMirror({
      config: configFor(`http://127.0.0.1:${port}`),
      list: (kind) => {
        if (kind !== 'SeccompProfile') return Promise.resolve({ items: [], resourceVersion: '1' })
        listed += 1
        return Promise.resolve({ items: listed === 1 ? first : second, resourceVersion: '1' })
      },
      read: readObject,
      lazy: true
    })
    const seen: string[] = []
    const stop = await mirror.watch((event) => seen.push(textOf(event)))
    const stream = await until('a watch', () => streams[0])
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410 } }
    for (const change of changes) {
      const line = change === 'relist' ? gone : { type: change[0], object: change[1] }
      stream.write(`${JSON.stringify(line)}\n`)
    }
    await until(what, () => seen.length >= expected.length || undefined)
    t.same(seen, expected, what)
    stop()
    mirror.stop()
    server.closeAllConnections()
    server.close()
  }
})
