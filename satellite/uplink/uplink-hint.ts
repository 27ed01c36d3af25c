const causes: readonly [RegExp, string][] = [
  [
    /UNAUTHENTICATED.*token/,
    "the hub refuses this node's token: it must be the satellites' ServiceAccount's, for audience secco-hub, bound to this pod (the hub's log says what is wrong)"
  ],
  [/UNAUTHENTICATED/, "the hub refuses this node: its certificate's CN is another name"],
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
    "the hub cut the connection: it may be stopping, or refuse this node's certificate (its log says which)"
  ],
  [/ECONNREFUSED/, 'nothing listens there: start the hub, or correct the address'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution/i, 'the name of the hub is not known: correct the address']
]

/** What a person does about a connection that failed, from what gRPC says of it. */
export function connectionHint(reason: string): string {
  // grpc-js appends the time of the failure: without it the same failure is the same text.
  const lasting = reason.replace(/ ?\(\d{4}-[\d:T.-]+Z\)| ?Resolution note: *$/g, '')
  return causes.find(([pattern]) => pattern.test(lasting))?.[1] ?? lasting
}
