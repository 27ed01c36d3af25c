/**
 * The arguments that decide power and are no pointers: what the recorder keeps values of, and what
 * approval can turn into conditions. Masked as the kernel masks them before it looks at them.
 */
export interface DecidingArgument {
  /** Which argument, from 0. */
  index: number
  /** What it is, as its manual page calls it. */
  name: string
  /** Bits that decide; undefined: all of them. */
  mask?: number
  /** The kernel takes an int: bits above 31 are dropped after the filter has looked at all 64. */
  narrow: boolean
}

export interface DecidingCall {
  /** A policy or `--arguments default` filters it; the others only by name. */
  byDefault: boolean
  arguments: readonly DecidingArgument[]
}

/** Namespace bits of clone; CLONE_NEWTIME (0x80) lies in the byte that clone takes as a signal. */
export const cloneNamespaces = 0x7e020000

const socketArguments: readonly DecidingArgument[] = [
  { index: 0, name: 'domain', narrow: true },
  // SOCK_NONBLOCK and SOCK_CLOEXEC travel in the higher bits (socket(2)).
  { index: 1, name: 'type', mask: 0xf, narrow: true },
  { index: 2, name: 'protocol', narrow: true }
]

export const decidingCalls: Readonly<Record<string, DecidingCall>> = {
  socket: { byDefault: true, arguments: socketArguments },
  socketpair: { byDefault: true, arguments: socketArguments },
  clone: {
    byDefault: true,
    arguments: [{ index: 0, name: 'flags', mask: cloneNamespaces, narrow: false }]
  },
  unshare: {
    byDefault: true,
    arguments: [{ index: 0, name: 'flags', mask: cloneNamespaces + 0x80, narrow: false }]
  },
  prctl: { byDefault: true, arguments: [{ index: 0, name: 'option', narrow: true }] },
  personality: { byDefault: true, arguments: [{ index: 0, name: 'persona', narrow: true }] },
  ioctl: { byDefault: false, arguments: [{ index: 1, name: 'request', narrow: true }] },
  fcntl: { byDefault: false, arguments: [{ index: 1, name: 'cmd', narrow: true }] },
  setsockopt: {
    byDefault: false,
    arguments: [
      { index: 1, name: 'level', narrow: true },
      { index: 2, name: 'optname', narrow: true }
    ]
  }
}

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
