import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { test } from 'tap'
import { HubClient } from '../../../../src/api/gen/hub.js'
import { activeHubKey, standbyKey, unreachableHubKey } from '../../../../src/api/hub-metadata.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import type { HubCluster } from '../../../../webhook/hub/nodes/hub-cluster.js'
import { localFleet } from '../../../helpers/listed-fleet.js'
import type { ReviewToken } from '../../../../webhook/hub/stream/identity.js'
import { type Activity, type Pass, StreamGate } from '../../../../webhook/hub/stream/stream-gate.js'
import { createRig } from '../rig.js'

const here = '10.0.0.1:9444'
const there = '10.0.0.2:9444'

function callTo(unreachable?: string): { metadata: Metadata } {
  const metadata = new Metadata()
  if (unreachable !== undefined) metadata.set(unreachableHubKey, unreachable)
  return { metadata }
}

function told(pass: Pass | undefined): string {
  if (pass === undefined || pass === 'serve') return pass ?? 'wait'
  const [address] = pass.metadata.get(activeHubKey)
  return String(address ?? (pass.metadata.get(standbyKey).length > 0 ? 'no hub' : 'nothing'))
}

test('what becomes of a stream', (t) => {
  // [what, this hub, what the call names as unreachable, expected]
  const table: [string, Partial<Record<keyof Activity, unknown>>, string | undefined, string][] = [
    ['the active hub', { isActive: true, activeAddress: here }, undefined, 'serve'],
    ['another one is active', { isCandidate: true, activeAddress: here }, undefined, here],
    [
      'by IPv6',
      { isCandidate: true, activeAddress: '[fd00::1]:9444' },
      undefined,
      '[fd00::1]:9444'
    ],
    ['it cannot be reached', { isCandidate: true, activeAddress: here }, here, 'wait'],
    ['and this hub is cut off', { activeAddress: here }, here, 'no hub'],
    ['and there is another one', { activeAddress: here, standbyAddress: there }, here, there],
    ['which cannot be reached either', { standbyAddress: there }, there, 'no hub'],
    ['an own candidate is nearer', { isCandidate: true, standbyAddress: there }, here, 'wait'],
    ['nobody is active', { isCandidate: true }, undefined, 'wait'],
    ['an address of other letters', { activeAddress: '10.0.0.\u00fc:9444' }, undefined, 'no hub'],
    ['with a line break', { activeAddress: '10.0.0.1:9444\r\nx: y' }, undefined, 'no hub'],
    [
      'and this hub is a candidate',
      { isCandidate: true, activeAddress: '\u2603' },
      undefined,
      'wait'
    ]
  ]
  for (const [what, own, unreachable, expected] of table) {
    const activity = {
      isActive: () => own.isActive === true,
      isCandidate: () => own.isCandidate === true,
      activeAddress: () => own.activeAddress as string | undefined,
      standbyAddress: () => own.standbyAddress as string | undefined
    }
    t.equal(told(new StreamGate(activity, 1000).passNow(callTo(unreachable))), expected, what)
  }
  t.end()
})

test('a hub on standby tells the address of the active one only to who has authenticated', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const reviewToken: ReviewToken = (token) => {
    if (token === 'good') return Promise.resolve({ node: 'node-a', by: 'token' })
    if (token === 'bad') return Promise.resolve({ reason: 'token-invalid', message: 'not valid' })
    return Promise.reject(new SeccoError('UNAVAILABLE', 'no API server'))
  }
  const cluster: HubCluster = {
    fleet: (own) => localFleet(own, own),
    ...{ isActive: () => false, isCandidate: () => true },
    ...{
      activeAddress: () => here,
      standbyAddress: () => undefined,
      lastSign: () => undefined,
      vacantSince: () => undefined
    },
    ...{ reported: () => [], referred: () => [], podOf: () => undefined },
    announce: () => Promise.resolve(),
    onChange: () => () => undefined
  }
  const hub = await rig.hub({ cluster, reviewToken })
  const client = new HubClient(
    `localhost:${hub.address.port}`,
    credentials.createSsl(Buffer.from(rig.serverTls.ca))
  )
  t.teardown(() => client.close())
  const endOf = (token: string | undefined) =>
    new Promise<ServiceError>((resolve) => {
      const metadata = new Metadata()
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
      client.connect(metadata).on('error', resolve)
    })
  // [token, expected code, what is told]
  const table: [string | undefined, status, string][] = [
    ['good', status.UNAVAILABLE, here],
    ['bad', status.UNAUTHENTICATED, 'nothing'],
    [undefined, status.UNAUTHENTICATED, 'nothing'],
    ['unknown', status.UNAVAILABLE, 'no hub']
  ]
  for (const [token, code, expected] of table) {
    const { code: given, metadata, details } = await endOf(token)
    t.equal(given, code, String(token))
    t.equal(told({ details, metadata }), expected, String(token))
    t.equal(details.includes(here), expected === here, 'nor in words')
  }
})
