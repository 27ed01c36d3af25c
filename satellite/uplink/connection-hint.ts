const causes: readonly [RegExp, string][] = [
  [
    /UNAUTHENTICATED.*token/,
    "the hub rejects this node's token: use a token of the satellites' ServiceAccount, for audience secco-hub, " +
      "bound to this pod (the hub's log has the reason)"
  ],
  [/UNAUTHENTICATED/, "the hub rejects this node: its certificate's CN is another name"],
  [
    /self.signed|unable to (get|verify)|certificate signature|issuer/i,
    "the hub's certificate is not signed by this node's authority: give the satellite the ca.crt of that hub"
  ],
  [
    /altname|hostname|does not match/i,
    "the hub's certificate does not name this address: use one of its names, or renew it with this one"
  ],
  [/expired|not yet valid/i, 'a certificate is not valid now: check the clocks, then renew it'],
  [
    /ECONNRESET|EPIPE|socket hang up|disconnected|alert|Protocol error|GOAWAY|Failed to connect/i,
    "the hub closed the connection: it may be stopping, or reject this node's certificate (its log has the reason)"
  ],
  [/ECONNREFUSED/, 'nothing listens at this address: start the hub, or correct the address'],
  [
    /ENOTFOUND|EAI_AGAIN|Name resolution/i,
    'the name of the hub cannot be resolved: correct the address'
  ]
]

/** Returns what to do about a failed connection, from gRPC's message. */
export function connectionHint(reason: string): string {
  // grpc-js appends the time of the failure; without it, the same failure has the same text.
  const lasting = reason.replace(/ ?\(\d{4}-[\d:T.-]+Z\)| ?Resolution note: *$/g, '')
  return causes.find(([pattern]) => pattern.test(lasting))?.[1] ?? lasting
}
