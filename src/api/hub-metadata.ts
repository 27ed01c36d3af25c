/*
 * gRPC metadata between satellites and hubs. A hub on standby ends a stream with the address of the active hub; a
 * satellite that could not reach that address names it in its next call.
 */

/** In the end of a stream: `host:port` of the active hub, or of the one that may become it, whose certificate has the same names. */
export const activeHubKey = 'secco-active-hub'
/** In the end of a stream: no active hub is known; another replica may know one, and soon there is one. */
export const standbyKey = 'secco-standby'
/** In a call: `host:port` of an active hub that this satellite was sent to and could not reach. */
export const unreachableHubKey = 'secco-unreachable-hub'

/** Host and port; a host in brackets is an IPv6 address. Whatever else somebody wrote into the Lease is no address. */
const addressForm = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/

export function isHubAddress(text: string): boolean {
  return addressForm.test(text)
}
