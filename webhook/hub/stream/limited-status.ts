import type { Hello, NodeStatus } from '../../../src/api/gen/hub.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { largestStatus } from './read-message.js'
import type { Rejection } from './rejections.js'
import { messageSize } from './stream-service.js'

/** The most members of each list in the status of a node; a real node has a few dozen. */
const mostMembers = 256
const longestText = 1024
/** The longest version, and id of a boot. */
const longestWord = 64

type Texts = Record<string, unknown>

function withShortTexts<T extends object>(object: T): T {
  const texts = Object.entries(object as Texts).map(([key, value]): [string, unknown] => [
    key,
    typeof value === 'string' ? cutText(value, longestText) : value
  ])
  return Object.fromEntries(texts) as T
}

const few = <T extends object>(list: readonly T[]): T[] =>
  list.slice(0, mostMembers).map(withShortTexts)

/** Returns the status of a node as it is kept: it is shown on every list of nodes, and its author is the node. */
export function limitedStatus(status: NodeStatus): NodeStatus {
  return {
    ...withShortTexts(status),
    runtimes: few(status.runtimes),
    conditions: few(status.conditions),
    capabilities: few(status.capabilities),
    gaps: few(status.gaps),
    abis: status.abis.slice(0, mostMembers).map((abi) => cutText(abi, longestWord))
  }
}

/** Returns a Hello as it is kept. */
export function limitedHello(hello: Hello): Hello {
  return {
    ...hello,
    bootId: cutText(hello.bootId, longestWord),
    version: cutText(hello.version, longestWord),
    status: hello.status && limitedStatus(hello.status)
  }
}

/** Returns the rejection of a status that was too long to be read with its Hello. */
export function longHello(hello: Hello): Rejection | undefined {
  const size = messageSize(hello)
  if (size <= largestStatus || hello.status !== undefined) return undefined
  return { reason: 'status-too-large', message: `hello of ${size} bytes` }
}
