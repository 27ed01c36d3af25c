import { mutants } from '../mutant.js'

const gate = 'webhook/ui/sessions/gate'
const rights = 'webhook/access/rights'
const actions = 'webhook/ui/api/actions'
const aggregated = 'webhook/ui/aggregated-api'
const oneNamespace = 'webhook/cluster/access/one-namespace'

export const pages = mutants('pages', [
  [
    'streams-end-with-their-token',
    'An event stream ends when the token that opened it is not valid any more.',
    'webhook/access/open-streams.ts',
    'await identity?.mustBeValid?.()',
    '',
    'webhook/access/open-streams'
  ],
  [
    'viewer-writes',
    'A viewer reads and changes nothing.',
    'webhook/access/rights.ts',
    "role === 'admin' || verb === 'get' || verb === 'list'",
    "role === 'admin' || verb !== 'trace'",
    [rights, actions]
  ],
  [
    'rights-of-a-route',
    'Every route checks the right that it names.',
    'webhook/ui/plugin.ts',
    'if (checked !== true) await mustBeAllowed(identity, needs, params)',
    '',
    [actions, rights]
  ],
  [
    'rights-of-a-page',
    'Every page checks the right that it names.',
    'webhook/ui/plugin.ts',
    'await mustBeAllowed(identity, page.needs, call.params)',
    '',
    'webhook/ui/pages/rights'
  ],
  [
    'unknown-token',
    'An unknown token opens nothing.',
    'webhook/access/rights.ts',
    'timingSafeEqual(digestOf(given), wanted)',
    'digestOf(given).length === wanted.length',
    [rights, gate]
  ],
  [
    'link-opens-once',
    'A one-time link opens one session.',
    'webhook/access/sessions.ts',
    'this.#links.delete(key)\n    if (found',
    'if (found',
    gate
  ],
  [
    'link-ends',
    'A one-time link is valid for an hour.',
    'webhook/access/sessions.ts',
    'if (found === undefined || this.#now() - found.made > this.#timing.linkMs) return undefined',
    'if (found === undefined) return undefined',
    gate
  ],
  [
    'idle-session-ends',
    'An idle session ends.',
    'webhook/access/sessions.ts',
    'now - seen > this.#timing.idleMs ||',
    '',
    gate
  ],
  [
    'session-life',
    'A session ends after a week, however it is used.',
    'webhook/access/sessions.ts',
    '|| now - opened > this.#timing.lifeMs',
    '',
    gate
  ],
  [
    'sessions-of-one',
    'The sessions of one person cannot end those of others.',
    'webhook/access/sessions.ts',
    'if (own.length >= mostOfOne &&',
    'if (own.length >= mostSessions &&',
    gate
  ],
  [
    'streams-of-one',
    'One person has at most 50 event streams.',
    'webhook/access/open-streams.ts',
    'if (own.length >= mostOfOne) {',
    'if (own.length > 1000) {',
    'webhook/access/open-streams'
  ],
  [
    'stream-of-session',
    'An event stream ends with its session.',
    'webhook/access/open-streams.ts',
    'if (session !== undefined && !this.#sessions.isOpen(session)) return false',
    '',
    'webhook/access/open-streams'
  ],
  [
    'log-in-limit',
    'Log-ins with one code or token are limited to 20 a minute.',
    'webhook/ui/sessions/login.ts',
    'max: 20,',
    'max: 20_000,',
    [gate, rights]
  ],
  [
    'write-limit',
    'Writes of the pages are limited to 120 a minute.',
    'webhook/ui/plugin.ts',
    'max: changes ? mostWrites : mostQuestions',
    'max: mostQuestions',
    [gate, actions]
  ],
  [
    'loopback-name',
    'The pages answer to loopback names only.',
    'webhook/ui/sessions/gate.ts',
    'if (!isLoopbackHost(request.headers.host)) {',
    'if (request.headers.host === "") {',
    gate
  ],
  [
    'cross-origin-write',
    'A write from another origin is rejected.',
    'webhook/ui/sessions/gate.ts',
    "if (origin !== undefined && origin !== `${request.protocol}://${host ?? ''}`) {",
    'if (origin === "") {',
    gate
  ],
  [
    'cross-site-write',
    'A write from another site is rejected.',
    'webhook/ui/sessions/gate.ts',
    "if (typeof site === 'string' && site !== 'same-origin' && site !== 'none') {",
    "if (site === '') {",
    gate
  ],
  [
    'write-without-origin',
    'A write with a cookie names its origin.',
    'webhook/ui/sessions/gate.ts',
    'if (byCookie && origin === undefined) return',
    'if (byCookie && origin === "") return',
    gate
  ],
  [
    'cookie-rights',
    'Scripts cannot read the cookie of a session.',
    'webhook/ui/sessions/gate.ts',
    'HttpOnly; SameSite=Strict',
    'SameSite=Strict',
    gate
  ],
  [
    'content-policy',
    'Pages run no script of another origin.',
    'webhook/ui/plugin.ts',
    `scriptSrc: ["'self'"],`,
    `scriptSrc: ["'self'", 'https:'],`,
    [gate, 'webhook/ui/pages/pages']
  ],
  [
    'links-by-administrators',
    'Only administrators make links.',
    'webhook/ui/sessions/login.ts',
    "!(await identity.can('create', 'links'))",
    'identity.user === ""',
    [rights, gate]
  ],
  [
    'audit-user',
    'The audit trail names the user of each action.',
    'webhook/ui/plugin.ts',
    "user: request.identity?.user ?? 'nobody'",
    "user: 'nobody'",
    [actions, rights]
  ],
  [
    'audit-of-rejected',
    'The audit trail has what was tried without the right.',
    'webhook/ui/plugin.ts',
    'status: reply.statusCode',
    'status: 200',
    [actions, rights]
  ],
  [
    'audit-survives',
    'The audit trail survives a restart.',
    'webhook/ui/model/audit-trail.ts',
    '.then(() => write(`${JSON.stringify(entry)}\\n`))',
    '.then(() => undefined)',
    'webhook/ui/model/audit-trail'
  ],
  [
    'approve-what-was-shown',
    'A person approves exactly what the page showed.',
    'webhook/ui/api/approve.ts',
    'proposalDigest(call, after) === expect',
    'proposalDigest(call, after) !== ""',
    ['webhook/ui/api/approve', actions]
  ],
  [
    'acting-store-status',
    "A person's write does not change the status with the person's own rights.",
    'webhook/ui/sessions/acting-store.ts',
    'else spec.status = object.status\n',
    'else spec.status = after.status\n',
    'webhook/ui/sessions/acting-store'
  ],
  [
    'front-proxy-certificate',
    'Headers that name a user count from a peer with a certificate of the front proxy only.',
    'webhook/cluster/access/request-header.ts',
    'if (!(socket instanceof TLSSocket) || !socket.authorized) {',
    'if (!(socket instanceof TLSSocket)) {',
    aggregated
  ],
  [
    'front-proxy-name',
    'Of the certificates of that authority, only those with an allowed name count.',
    'webhook/cluster/access/request-header.ts',
    "typeof name === 'string' && names.includes(name)",
    "typeof name === 'string'",
    aggregated
  ],
  [
    'front-proxy-user',
    'A request that names two users has none.',
    'webhook/cluster/access/request-header.ts',
    "if (username === '' || others.length > 0)",
    "if (username === '')",
    aggregated
  ],
  [
    'front-proxy-rotation',
    'An authority of the front proxy that was replaced counts no longer.',
    'webhook/cluster/access/request-header.ts',
    'if (before.ca !== this.#rules.ca) onChange()',
    'if (before === this.#rules) onChange()',
    aggregated
  ],
  [
    'aggregated-sessions',
    'Nobody opens a session through the API server.',
    'webhook/ui/aggregated-api.ts',
    '/^\\/api\\/v1\\/(session|links)\\b/.test(path)',
    '/^$/.test(path)',
    aggregated
  ],
  [
    'every-namespace-of-a-request',
    'A request that names several namespaces needs the right in each of them.',
    'webhook/ui/sessions/permissions.ts',
    'for (const { namespace, name } of places) {',
    'for (const { namespace, name } of places.slice(0, 1)) {',
    oneNamespace
  ],
  [
    'further-namespaces-with-the-right',
    'An answer is about further namespaces only where the person has the right.',
    'webhook/ui/sessions/permissions.ts',
    'if (!seen.has(namespace) && (await identity.can(verb, resource, namespace))) seen.add(namespace)',
    'seen.add(namespace)',
    'webhook/confinement/history/history-routes'
  ],
  [
    'answers-about-everything',
    'An answer about every namespace needs the right in the whole cluster.',
    'webhook/ui/plugin.ts',
    'namespaced === true ? places : []',
    'places',
    oneNamespace
  ],
  [
    'writes-of-one-user',
    'What a person changes is handed to a program of that person only.',
    'webhook/access/delegated-writes.ts',
    '`${prefixOf(user)}${id}`',
    '`${prefixOf("")}${id}${user.slice(0, 0)}`',
    'webhook/access/delegated-writes'
  ],
  [
    'written-as-worked-out',
    "The hub goes on only when the person's program has written what the hub worked out.",
    'webhook/cluster/access/delegated-objects.ts',
    'isDeepStrictEqual(written.spec, object.spec)',
    'isDeepStrictEqual(written.spec, written.spec)',
    'webhook/cluster/access/delegated-objects'
  ],
  [
    'limit-of-a-person',
    'Limits of requests count a person, not the address that everybody comes from.',
    'webhook/ui/plugin.ts',
    'identity?.user ?? ip',
    'identity === undefined ? ip : ip',
    gate
  ]
])
