/**
 * How long a server keeps a connection without a request, in ms: longer than a Go client keeps one (90 s, net/http
 * `DefaultTransport`), so that the client closes it, not the server. A request that crosses a close fails.
 */
export const idleMs = 95_000
