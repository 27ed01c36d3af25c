import { isIPv6 } from 'node:net'
import { dropOldest } from './drop-oldest.js'

/** Groups of an IPv6 address that name its network: the first 64 bits (RFC 4291, section 2.5.4). */
const groupsOfNetwork = 4

const groupsIn = (text: string): string[] =>
  text
    .split(':')
    .filter((group) => group !== '')
    // An IPv4 address at the end takes the place of two groups.
    .flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))

/** Networks of IPv6 addresses that were asked for: whoever counts many connections asks again and again. */
const networks = new Map<string, string>()
const mostNetworks = 10_000

/**
 * Returns the network of which one attacker can have all addresses: the /64 of an IPv6 address, which is what one machine is
 * given. Of IPv4, and of anything else that names a client, it is the address alone. In it there can be others too: what is
 * rejected for a network must be much more than for an address.
 */
export function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined) return mapped
  const known = networks.get(address)
  if (known !== undefined) return known
  if (!isIPv6(address)) return address
  const network = readNetwork(address)
  networks.set(address, network)
  dropOldest(networks, mostNetworks)
  return network
}

function readNetwork(address: string): string {
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::')
  const [first, last] = [groupsIn(head), groupsIn(tail)]
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0')
  const groups = [...first, ...zeros, ...last].slice(0, groupsOfNetwork)
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** Crowd is what a network has of something, with what each of its addresses has. */
export interface Crowd<Counted> {
  network: string
  count: number
  members: Counted[]
}

/**
 * Returns the networks, the one that has the most first.
 * @param addresses what is counted, by address
 */
export function crowdsOf<Counted>(
  addresses: ReadonlyMap<string, Counted>,
  countOf: (one: Counted) => number
): Crowd<Counted>[] {
  const crowds = new Map<string, Crowd<Counted>>()
  for (const [address, one] of addresses) {
    const network = networkOf(address)
    const known = crowds.get(network) ?? { network, count: 0, members: [] }
    known.count += countOf(one)
    known.members.push(one)
    crowds.set(network, known)
  }
  return [...crowds.values()].sort((one, other) => other.count - one.count)
}
