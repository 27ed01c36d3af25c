import { mutants } from '../mutant.js'

const trust = 'webhook/hub/observations/trust'
const session = 'webhook/hub/stream/session'
const read = 'webhook/hub/observations/read-observation'
const hubTest = 'webhook/hub/hub'
const standBy = 'webhook/hub/stand-by'

export const hub = mutants('hub', [
  [
    'rate-of-observations',
    'A satellite that sends too many observations is read more slowly.',
    'webhook/hub/stream/session.ts',
    'waitMs = this.#pace.take(this.#heardAt)',
    'waitMs = Math.min(0, this.#pace.take(this.#heardAt))',
    [session, 'webhook/hub/together']
  ],
  [
    'rate-of-new-profiles',
    'A node creates only so many profiles a minute.',
    'webhook/hub/observations/cardinality.ts',
    'if (!bucketOf(nodes, node, perMinute, burst).take(nowMs)) {',
    'if (!bucketOf(nodes, node, perMinute, Infinity).take(nowMs)) {',
    trust
  ],
  [
    'number-of-profiles',
    'Satellites create only so many profiles in total.',
    'webhook/hub/observations/cardinality.ts',
    'if (profiles.size + begun.size >= limits.profiles) {',
    'if (profiles.size >= limits.profiles) {',
    trust
  ],
  [
    'rate-of-instances',
    'A profile gets only so many new instances a minute.',
    'webhook/hub/observations/cardinality.ts',
    'if (!bucketOf(instances, profile, perMinute, burst).take(nowMs)) {',
    'if (!bucketOf(instances, profile, perMinute, Infinity).take(nowMs)) {',
    trust
  ],
  [
    'rate-of-token-reviews',
    'A flood of invented tokens does not reach the API server.',
    'webhook/hub/stream/identity.ts',
    'if (!bucket.take(now())) {',
    'if (bucket.take(now()) && token === "") {',
    trust
  ],
  [
    'token-answers-end',
    'The answer about a token is valid for two minutes at most.',
    'webhook/hub/stream/identity.ts',
    ': Math.min(at + longestMs, answer.expiresAtMs ?? at + longestMs)',
    ': (answer.expiresAtMs ?? at + longestMs)',
    trust
  ],
  [
    'waiting-observations',
    'A node has only so many observations that wait for their pods.',
    'webhook/hub/observations/pod-check.ts',
    'if (count >= mostWaiting) {',
    'if (count < 0) {',
    trust
  ],
  [
    'pod-elsewhere',
    'A node cannot report for a pod of another node.',
    'webhook/hub/observations/pod-check.ts',
    'if (pod.node !== node) {',
    'if (pod.node === "") {',
    trust
  ],
  [
    'plain-containers',
    'Containers outside pods are rejected unless the installation keeps them apart.',
    'webhook/hub/observations/pod-check.ts',
    "if (this.#plain === 'apart') return targetApart(node, container)",
    'return targetApart(node, container)',
    trust
  ],
  [
    'node-mismatch',
    'A satellite speaks only for the node of its credentials.',
    'webhook/hub/stream/session.ts',
    'if (hello.node !== node) {',
    'if (hello.node === "") {',
    session
  ],
  [
    'foreign-authority',
    'A certificate of a foreign authority is rejected.',
    'webhook/hub/stream/tls-listener.ts',
    'if (!isCertified && !this.#mayStayBare(socket)) {',
    'if (socket.destroyed && !this.#mayStayBare(socket)) {',
    session
  ],
  [
    'renewed-token-of-another-node',
    'A renewed token must name the same node.',
    'webhook/hub/stream/authenticator.ts',
    'if (isRejected(answer) || answer.node === identity.node) return answer',
    'if (isRejected(answer) || answer.node !== "") return answer',
    'webhook/hub/stream/authenticator'
  ],
  [
    'expired-token',
    'A stream ends when its token has expired, also while no review is possible.',
    'webhook/hub/stream/session.ts',
    'if (Date.now() >= (this.#identity.expiresAtMs ?? 0)) {',
    'if (now < 0) {',
    'webhook/hub/stream/token-session'
  ],
  [
    'silent-satellite',
    'A silent satellite is disconnected.',
    'webhook/hub/stream/session.ts',
    '} else if (now - this.#heardAt > 3 * timing.heartbeatMs) {',
    '} else if (now < 0) {',
    session
  ],
  [
    'stalled-satellite',
    'A satellite that stops reading is disconnected.',
    'webhook/hub/stream/session.ts',
    'if (this.#outbox.stalledMs(now) > timing.stallMs) {',
    'if (now < 0) {',
    session
  ],
  [
    'hello-first',
    'Nothing is taken from a satellite before its Hello.',
    'webhook/hub/stream/session.ts',
    "else this.#end(status.FAILED_PRECONDITION, 'the first message must be Hello')",
    '',
    session
  ],
  [
    'ack-after-write',
    'An observation is acked after it is durable.',
    'webhook/hub/observations/observation-writer.ts',
    'await writeFindings(this.#store, queue.target, findings)\n',
    'for (const { stored } of findings) stored()\n      await writeFindings(this.#store, queue.target, findings)\n',
    session
  ],
  [
    'ack-after-denials',
    'An observation with denials is acked after the denials are durable.',
    'webhook/hub/observations/observation-receiver.ts',
    'Promise.all([saved, recorded])',
    'Promise.all([recorded])',
    'webhook/hub/observations/observation-receiver'
  ],
  [
    'ack-waits-for-the-history',
    'An observation is acked only when the history of its workload is in the store.',
    'webhook/hub/observations/observation-receiver.ts',
    'Promise.all([saved, recorded])',
    'Promise.all([saved])',
    'webhook/hub/observations/observation-receiver'
  ],
  [
    'history-two-writes-a-window',
    'The history of one workload is written at most twice in a window.',
    'webhook/hub/history/history-writer.ts',
    '(oldest ?? now - historyWindowMs) + historyWindowMs - now',
    '0',
    'webhook/hub/history/history-writer'
  ],
  [
    'history-failed-write-is-kept',
    'What could not be written into a history is written later.',
    'webhook/hub/history/history-writer.ts',
    'queue.writing = undefined\n    queue.pending.add(news)',
    '',
    'webhook/hub/history/history-writer'
  ],
  [
    'history-merged-is-not-counted-again',
    'A record that was merged into a sum is not counted again when it is reported again.',
    'src/history/merge-history.ts',
    'if (before === undefined && earlier?.takes(old(item)) === true) continue',
    '',
    'src/history/merge-history'
  ],
  [
    'history-calls-that-go-on-are-added',
    'A denial that was merged into a sum and goes on is counted on.',
    'src/history/earlier-sums.ts',
    'count: sum.count - counted, records',
    'count: 0, records',
    'src/history/earlier-sums'
  ],
  [
    'failed-write-is-repeated',
    'A finding that could not be written is written later.',
    'webhook/hub/observations/observation-writer.ts',
    'else this.#enqueue(queue, id, waiting, queue.waiting.get(id))',
    '',
    [session, 'webhook/hub/observations/observation-writer']
  ],
  [
    'write-backoff',
    'The wait after failed writes doubles.',
    'webhook/hub/observations/observation-writer.ts',
    'this.#timing.retryMs * 2 ** (queue.failures - 1)',
    'this.#timing.retryMs',
    'webhook/hub/observations/observation-writer'
  ],
  [
    'write-interval',
    'Observations that bring nothing new are written rarely.',
    'webhook/hub/observations/observation-writer.ts',
    'this.#intervals.of(key, now).wait(queue.isNews, now)',
    'this.#intervals.of(key, now).wait(true, now)',
    'webhook/hub/observations/observation-writer'
  ],
  [
    'evidence-of-own-node',
    'A node cannot change the evidence of another one.',
    'webhook/hub/observations/read-observation.ts',
    'observation.id.startsWith(own) ? observation.id : own + observation.id',
    'observation.id',
    [read, trust]
  ],
  [
    'denied-is-not-learned',
    'A syscall that was denied every time is not learned.',
    'webhook/hub/observations/read-observation.ts',
    'count > (never.get(name) ?? 0)',
    'count > 0',
    read
  ],
  [
    'unproven-is-not-learned',
    'A syscall that a filter may have denied is not learned.',
    'webhook/hub/observations/read-observation.ts',
    'filter(([name]) => !not.has(name))',
    'filter(([name]) => name !== "")',
    read
  ],
  [
    'session-is-not-the-application',
    'What a kubectl debug container used is no part of the application.',
    'webhook/hub/observations/read-observation.ts',
    "target.isSession === true ? 'session' : partOf(observation.part)",
    'partOf(observation.part)',
    trust
  ],
  [
    'arguments-of-denied',
    'Arguments of denied syscalls are not learned.',
    'webhook/hub/observations/read-observation.ts',
    'if (set[abi]?.includes(name) !== true) return []',
    '',
    read
  ],
  [
    'stand-by-status',
    'A stand-by hub writes no status.',
    'webhook/hub/revisions/revisions.ts',
    'if (!this.#options.mayWrite()) return\n    // Whoever',
    '// Whoever',
    standBy
  ],
  [
    'stand-by-of-all-parts',
    'The parts of a hub ask whether it may write.',
    'webhook/hub/hub-parts.ts',
    'return this.#options.cluster?.isActive() !== false',
    'return this.#options.cluster !== null',
    standBy
  ],
  [
    'stand-by-store',
    'A write whose object was read before the role changed hands is stopped.',
    'webhook/fenced-store.ts',
    'mustBeActive()\n        return change(object)',
    'return change(object)',
    standBy
  ],
  [
    'stand-by-stream',
    'A hub on standby serves no satellite.',
    'webhook/hub/stream/stream-gate.ts',
    "if (this.#activity.isActive()) return 'serve'",
    "if (!this.#activity.isActive() || this.#activity.isActive()) return 'serve'",
    standBy
  ],
  [
    'stand-by-observation',
    'A hub on standby writes no observation.',
    'webhook/hub/observations/observation-writer.ts',
    'if (!this.#mayWrite()) {',
    'if (this.#isClosed && !this.#mayWrite()) {',
    standBy
  ],
  [
    'stand-by-promotion',
    'A stand-by hub approves nothing by policy.',
    'webhook/hub/revisions/promotions.ts',
    'closed || options.mayWrite?.() === false ||',
    'closed ||',
    standBy
  ],
  [
    'new-leader-writes',
    'A hub that becomes the leader writes every status again.',
    'webhook/hub/revisions/revisions.ts',
    "for (const one of this.#followed.values()) one.written = ''",
    '',
    standBy
  ],
  [
    'stand-by-rule-conditions',
    'A stand-by hub writes no conditions of rules.',
    'webhook/cluster/writer.ts',
    '    if (!this.#options.mayWrite()) return\n',
    '',
    'webhook/cluster/writer'
  ],
  [
    'stand-by-pod-events',
    'A stand-by hub records no events of pods.',
    'webhook/cluster/writer.ts',
    'change.before === undefined && this.#options.mayWrite()',
    'change.before === undefined',
    'webhook/cluster/writer'
  ],
  [
    'stand-by-profile-events',
    'A stand-by hub records no events of profiles.',
    'webhook/cluster/writer.ts',
    'if (!this.#isListed || !mayWrite()) return',
    'if (!this.#isListed) return',
    'webhook/cluster/writer'
  ],
  [
    'leader-stops-in-time',
    'A leader that cannot renew stops before another one may take the lease.',
    'webhook/cluster/replicas/leader.ts',
    'return this.#leaseMs * (2 / 3)',
    'return this.#leaseMs * 20',
    'webhook/cluster/replicas/leader'
  ],
  [
    'lease-of-another',
    'A replica does not take a lease that is renewed.',
    'webhook/cluster/replicas/leader.ts',
    'now - this.#observed.at >= this.#leaseMs',
    'now - this.#observed.at >= 0',
    'webhook/cluster/replicas/leader'
  ],
  [
    'revision-checksum',
    'Bytes of a revision that do not match their digest are not used.',
    'webhook/hub/revisions/revision-files.ts',
    'return bytes !== undefined && digestOf(bytes) === digest ? bytes : undefined',
    'return bytes',
    'webhook/hub/revisions/revision-files'
  ],
  [
    'revision-is-not-swept',
    'A revision that is referred to is not swept.',
    'webhook/hub/revisions/revision-files.ts',
    'if (hex === undefined || referred.has(`sha256:${hex}`)) continue',
    'if (hex === undefined) continue',
    'webhook/hub/revisions/revision-files'
  ],
  [
    'ready-on-all-nodes',
    'A revision is ready when every node has it.',
    'webhook/hub/nodes/readiness.ts',
    'return total > 0 && ready === total',
    'return total > 0 && ready > 0',
    ['webhook/hub/nodes/readiness', hubTest]
  ],
  [
    'ready-without-nodes',
    'A revision is not ready while no node is known.',
    'webhook/hub/nodes/readiness.ts',
    'return total > 0 && ready === total',
    'return ready === total',
    ['webhook/hub/nodes/readiness', hubTest]
  ],
  [
    'failed-rendering-keeps-the-last',
    'What was rendered before stays in use while the profile cannot be rendered.',
    'webhook/hub/revisions/judged-profile.ts',
    'if (last !== undefined) state.enforce = last',
    '',
    'webhook/hub/revisions/judged-profile'
  ],
  [
    'previous-revision',
    'The revision before the newest one is kept for whenNotReady: Previous.',
    'webhook/hub/revisions/judged-profile.ts',
    'if (previous !== undefined) state.previous = previous',
    '',
    ['webhook/hub/revisions/judged-profile', hubTest]
  ],
  [
    'outcome-of-an-older-spec',
    'The status is not about an older spec.',
    'webhook/hub/revisions/status-writer.ts',
    'if (!options.isCurrent(one, after)) return',
    '',
    'webhook/hub/revisions/status-writer'
  ],
  [
    'sent-again-when-lost',
    'A node that lost a file gets it again.',
    'webhook/hub/fleet.ts',
    "if (ready || (code !== 'DIGEST_MISMATCH' && code !== 'NOT_FOUND')) return",
    'if (ready || code !== "DIGEST_MISMATCH") return',
    'webhook/hub/fleet'
  ],
  [
    'attempts-limited',
    'A node that loses every file does not get the same bytes for ever.',
    'webhook/hub/fleet.ts',
    'if (ref === undefined || count >= mostAttempts) return',
    'if (ref === undefined) return',
    'webhook/hub/fleet'
  ],
  [
    'denials-survive-a-restart',
    'A restarted hub knows earlier denials.',
    'webhook/hub/denial-file.ts',
    "if (!saved.Check(value)) throw new Error('is not a record of denials')\n    return value",
    'if (!saved.Check(value)) throw new Error()\n    return undefined',
    'webhook/hub/denial-file'
  ],
  [
    'denial-file-checked',
    'A file of denials that holds something else is not used.',
    'webhook/hub/denial-file.ts',
    "if (!saved.Check(value)) throw new Error('is not a record of denials')",
    '',
    'webhook/hub/denial-file'
  ],
  [
    'denial-write-repeated',
    'A failed write of the denials is repeated.',
    'webhook/hub/denial-file.ts',
    "'denials not saved')\n      changed()",
    "'denials not saved')",
    'webhook/hub/denial-file'
  ],
  [
    'denials-of-a-run',
    'Denials of an earlier run with the same id do not count for the next run.',
    'webhook/hub/denials/denial-rows.ts',
    'Date.parse(one.since) >= from',
    'Date.parse(one.since) >= 0',
    'webhook/hub/denials/denial-rows'
  ],
  [
    'denials-known-since',
    'A full table moves the time since which denials are known.',
    'webhook/hub/denials/denial-rows.ts',
    'if (oldest.lastSeen > this.#knownSince) this.#knownSince = oldest.lastSeen',
    '',
    'webhook/hub/denials/denial-rows'
  ],
  [
    'slow-reader',
    'Bytes wait in the hub, not in the transport, while a satellite reads slowly.',
    'webhook/hub/stream/outbox.ts',
    'if (over || fetching || feeding === undefined || pending > highWater) return',
    'if (over || fetching || feeding === undefined) return',
    'webhook/hub/stream/outbox'
  ],
  [
    'token-audience',
    'The audience that the installation requires is the one that is checked.',
    'webhook/cluster/access/hub-trust.ts',
    '...(audience === undefined ? {} : { audience }),',
    '',
    'webhook/cluster/access/token-review'
  ],
  [
    'token-account',
    'The account that the installation names is the one that is checked.',
    'webhook/cluster/access/hub-trust.ts',
    '...(account === undefined ? {} : { account })',
    '',
    'webhook/cluster/access/token-review'
  ],
  [
    'token-audience-of-the-answer',
    "A token counts only when the API server's answer names our audience.",
    'webhook/cluster/access/token-review.ts',
    'if (status.audiences?.includes(audience) !== true) {',
    'if (status.audiences === null) {',
    'webhook/cluster/access/token-review'
  ],
  [
    'token-of-another-account',
    'Tokens of other accounts are rejected.',
    'webhook/cluster/access/token-review.ts',
    'if (username !== account) {',
    "if (username === '') {",
    'webhook/cluster/access/token-review'
  ],
  [
    'start-up-taint',
    'The start-up taint stays until the node has every file.',
    'webhook/cluster/watch/startup-taint.ts',
    '    if (this.#options.isComplete(node.name)) return true',
    '    return true',
    'webhook/cluster/watch/startup-taint'
  ],
  [
    'start-up-taint-ends',
    'A node whose satellite does not start is opened after five minutes.',
    'webhook/cluster/watch/startup-taint.ts',
    'if (remaining <= 0) {',
    'if (remaining < -1e12) {',
    'webhook/cluster/watch/startup-taint'
  ],
  [
    'ready-after-replicas',
    'A profile is Ready after the other replicas can read which nodes have it.',
    'webhook/hub/revisions/revisions.ts',
    'await this.#options.announce?.()',
    'void this.#options.announce?.()',
    standBy
  ],
  [
    'only-our-taint',
    'Only the start-up taint is removed, whatever the list of taints became.',
    'webhook/cluster/watch/startup-taint.ts',
    "{ op: 'test', path: `/spec/taints/${at}/key`, value: startupTaint },",
    '',
    'webhook/cluster/watch/startup-taint'
  ]
])
