import { learnedArguments } from './learned-arguments.js'

/** An argument that decides power and is no pointer; its kernel side is 32 bits wide. */
export interface DecidingArgument {
  /** Which argument, from 0. */
  index: number
  /** Name of the argument in the manual page. */
  name: string
  /** Bits that decide. */
  mask: number
}

interface DecidingCall {
  /** `--arguments default` filters it; the others only by name. */
  byDefault: boolean
  arguments: readonly DecidingArgument[]
}

/** All 32 bits. */
export const wholeMask = 0xffffffff

const words: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  clone: { 0: 'flags' },
  fcntl: { 1: 'cmd' },
  ioctl: { 1: 'request' },
  personality: { 0: 'persona' },
  prctl: { 0: 'option' },
  setns: { 1: 'nstype' },
  setsockopt: { 1: 'level', 2: 'optname' },
  socket: { 0: 'domain', 1: 'type', 2: 'protocol' },
  socketpair: { 0: 'domain', 1: 'type', 2: 'protocol' },
  unshare: { 0: 'flags' }
}

/** ioctl, fcntl and setsockopt have many values that decide little; setns needs a person anyway. */
const byChoice = ['fcntl', 'ioctl', 'setns', 'setsockopt']

/** Arguments that the recorder learns (learned-arguments.ts), by syscall, in order. */
export const decidingCalls: ReadonlyMap<string, DecidingCall> = new Map(
  [...new Set(learnedArguments.map(({ name }) => name))].map((call) => [
    call,
    {
      byDefault: !byChoice.includes(call),
      arguments: learnedArguments
        .filter(({ name }) => name === call)
        .map(({ index, mask }) => ({ index, mask, name: words[call]?.[index] ?? `arg${index}` }))
    }
  ])
)

/** Names for values, where people think in names (address families of socket(2)). */
export const addressFamilies: Readonly<Record<string, number>> = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
  AF_RDS: 21,
  AF_CAN: 29,
  AF_TIPC: 30,
  AF_BLUETOOTH: 31,
  AF_ALG: 38,
  AF_NFC: 39,
  AF_VSOCK: 40,
  AF_XDP: 44
}
