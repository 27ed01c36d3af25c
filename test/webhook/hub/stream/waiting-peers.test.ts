import { Socket } from 'node:net'
import { test } from 'tap'
import { WaitingPeers } from '../../../../webhook/hub/stream/waiting-peers.js'

function socketOf(remotePort: number, remoteAddress = '10.0.0.1'): Socket {
  const peer = { remoteAddress: { value: remoteAddress }, remotePort: { value: remotePort } }
  return Object.defineProperties(new Socket(), peer)
}

test('a port that is used again before the close of its last connection is heard', (t) => {
  const waiting = new WaitingPeers<Socket>({ total: 2, ofOneAddress: 2 })
  const [before, after] = [socketOf(1), socketOf(1)]
  waiting.add(before)
  const peer = waiting.add(after)
  t.equal(waiting.surplus('10.0.0.2'), undefined, 'it counts once')
  waiting.remove(peer, before)
  t.ok(waiting.has(peer), 'the close of the first one removes nothing of the second one')
  waiting.add(socketOf(2))
  t.equal(waiting.surplus('10.0.0.1'), after)
  waiting.remove(peer, after)
  t.notOk(waiting.has(peer))
  t.end()
})

test('the addresses of an IPv6 network make room for others', (t) => {
  const waiting = new WaitingPeers<Socket>({ total: 8, ofOneAddress: 4 })
  const others = ['10.0.0.1', '10.0.0.2'].flatMap((address) =>
    [1, 2].map((port) => socketOf(port, address))
  )
  const many = [1, 2, 3, 4].map((n) => socketOf(n, `2001:db8::${n}`))
  for (const socket of [...others, ...many]) waiting.add(socket)
  t.equal(waiting.surplus('10.0.0.3'), many[0])
  t.end()
})

test('an address with too many makes room itself, and the others do not', (t) => {
  const waiting = new WaitingPeers<Socket>({ total: 8, ofOneAddress: 2 })
  const own = [1, 2].map((port) => socketOf(port))
  for (const socket of [socketOf(1, '10.0.0.2'), ...own]) waiting.add(socket)
  t.equal(waiting.surplus('10.0.0.1'), own[0])
  t.equal(waiting.surplus('10.0.0.2'), undefined)
  t.end()
})
