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
    'A profile gets only so many new instances a minute from one node.',
    'webhook/hub/observations/cardinality.ts',
    'const own = bucketOf(instances, `${profile} ${node}`, perMinute, burst)',
    'const own = bucketOf(instances, `${profile} ${node}`, perMinute, Infinity)',
    trust
  ],
  [
    'instances-of-other-nodes',
    'An honest rollout over many nodes waits for no limit.',
    'webhook/hub/observations/cardinality.ts',
    'const own = bucketOf(instances, `${profile} ${node}`, perMinute, burst)',
    'const own = bucketOf(instances, profile, perMinute, burst)',
    trust
  ],
  [
    'satellites-are-slowed-down',
    'Satellites that send more than the hub can take are slowed down.',
    'webhook/hub/observations/observation-intake.ts',
    'const isFull = this.#length > mostWaiting || this.#bytes > mostBytes',
    'const isFull = false',
    'webhook/hub/observations/observation-intake'
  ],
  [
    'bytes-that-wait',
    'A few large observations slow a satellite down as many small ones do.',
    'webhook/hub/observations/observation-intake.ts',
    'this.#length > mostWaiting || this.#bytes > mostBytes',
    'this.#length > mostWaiting',
    'webhook/hub/observations/observation-intake'
  ],
  [
    'bytes-that-wait-for-pods',
    'Observations that wait for their pods are bounded in bytes.',
    'webhook/hub/observations/pod-check.ts',
    ' || before.bytes + bytes > mostWaitingBytes',
    '',
    trust
  ],
  [
    'checksum-of-a-record',
    'A damaged record of a node is not believed.',
    'src/lib/record-log.ts',
    "if (line[8] !== ' ' || checksum(text) !== line.slice(0, 8)) return undefined",
    "if (line[8] !== ' ') return undefined",
    'webhook/hub/nodes/node-log'
  ],
  [
    'rate-of-token-reviews',
    'A flood of invented tokens does not reach the API server.',
    'webhook/access/bounded-reviews.ts',
    'if (!this.#asking.has(key) && !this.#accepted.has(key)) this.#limits.take(client)',
    '',
    trust
  ],
  [
    'accepted-tokens-are-not-limited',
    'A flood of invented tokens locks out nobody whose token was accepted before.',
    'webhook/access/bounded-reviews.ts',
    ' && !this.#accepted.has(key)) this.#limits',
    ') this.#limits',
    ['webhook/access/bounded-reviews', trust]
  ],
  [
    'ports-that-are-used-again',
    'The close of a connection does not end the limits of a later one with the same port.',
    'webhook/hub/stream/waiting-peers.ts',
    'if (socket !== undefined && known?.socket !== socket) return',
    '',
    'webhook/hub/stream/waiting-peers'
  ],
  [
    'token-answers-end',
    'The answer about a token is valid for two minutes at most.',
    'webhook/hub/stream/identity.ts',
    ': Math.min(longestMs, (answer.expiresAtMs ?? Number.POSITIVE_INFINITY) - wallClock()),',
    ': (answer.expiresAtMs ?? wallClock() + longestMs) - wallClock(),',
    trust
  ],
  [
    'waiting-observations',
    'A node has only so many observations that wait for their pods.',
    'webhook/hub/observations/pod-check.ts',
    'if (before.count >= mostWaiting || before.bytes + bytes > mostWaitingBytes) {',
    'if (before.bytes + bytes > mostWaitingBytes) {',
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
    'reviewing-is-not-cut',
    'A connection whose token is being reviewed gives its place to no other one.',
    'webhook/hub/stream/tls-listener.ts',
    'if (!from.has(peer)) return',
    'if (from.has(peer)) return',
    'webhook/hub/stream/tls-listener'
  ],
  [
    'tokens-of-one-client',
    'Unknown tokens of one client do not take the reviews of another one.',
    'webhook/access/client-limits.ts',
    'const whose = !takes(client, client === loopback ? halfOf(ofAll) : ofOne)',
    'const whose = at < 0 && !takes(client, ofOne)',
    ['webhook/access/bounded-reviews', trust]
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
    '} else if (!this.#reading.isHeld && now - this.#heardAt > 3 * timing.heartbeatMs) {',
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
    "for (const { status } of this.#followed.values()) status.written = ''",
    '',
    standBy
  ],
  [
    'stand-by-rule-conditions',
    'A stand-by hub writes no conditions of rules.',
    'webhook/cluster/rule-conditions.ts',
    '    if (!this.#options.mayWrite()) return\n',
    '',
    'webhook/cluster/writer'
  ],
  [
    'unread-profile-not-found',
    'A rule is not said to have no profile while the hub has not read it.',
    'webhook/cluster/rule-conditions.ts',
    '    if (this.#isUnread(rule, profiles)) return\n',
    '',
    'webhook/cluster/writer'
  ],
  [
    'new-rule-absent-at-once',
    'A new rule whose profile is applied a moment later has two writes of its status.',
    'webhook/cluster/rule-conditions.ts',
    'Math.min(absentMs, stepMs)',
    '0',
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
    'if (bytes === undefined || digestOf(bytes) !== digest) return undefined',
    'if (bytes === undefined) return undefined',
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
    'if (previous !== undefined && previous.digest !== current) state.previous = previous',
    '',
    ['webhook/hub/revisions/judged-profile', hubTest]
  ],
  [
    'own-revisions',
    'A ladder names only revisions of its own profile.',
    'webhook/hub/revisions/judged-profile.ts',
    'if (digest === undefined || !this.#own.has(digest)) return undefined',
    'if (digest === undefined) return undefined',
    ['webhook/hub/revisions/judged-profile', 'webhook/hub/revisions/revisions']
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
    'this.#dropped.set(namespace, laterTime(this.#dropped',
    'new Map<string, string>().set(namespace, laterTime(this.#dropped',
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
  ],
  [
    'observations-without-namespace',
    'Observations of a namespace that is gone are dropped and not tried for ever.',
    'webhook/hub/observations/observation-writer.ts',
    "if (error.code === 'NOT_FOUND' && error.field === namespaceField) return false",
    '',
    'webhook/hub/observations/observation-writer'
  ],
  [
    'late-decision',
    'A decision that comes to a pod after it was created is not believed.',
    'webhook/cluster/false-claims.ts',
    'carriedAssignment(pod, name) === undefined)',
    "pod.containers.length === 0 && name === '')",
    'webhook/cluster/false-claims'
  ],
  [
    'pods-seen-in-standby',
    'A hub that takes over knows how the pods were created that it saw before.',
    'webhook/cluster/false-claims.ts',
    'view.onChange((change) => claims.note(change))',
    'view.onChange(() => undefined)',
    'webhook/cluster/unpatched-pods'
  ],
  [
    'history-by-time',
    'Many changes of other profiles do not hide which decision was in force.',
    'webhook/cluster/snapshot-history.ts',
    'this.#steps.splice(0, Math.max(0, first))',
    'this.#steps.splice(0, Math.max(0, first, this.#steps.length - 64))',
    'webhook/cluster/false-claims'
  ],
  [
    'unknown-tokens-of-a-network',
    'The addresses of an IPv6 network take only half of the reviews of unknown tokens.',
    'webhook/access/client-limits.ts',
    'network !== client && !takes(network, halfOf(ofAll))',
    "network === '' && !takes(network, halfOf(ofAll))",
    'webhook/access/bounded-reviews'
  ],
  [
    'unknown-tokens-in-total',
    'Unknown tokens of any number of clients are limited together.',
    'webhook/access/client-limits.ts',
    ': !this.#all.take(at)',
    ': this.#clients.size === 0',
    ['webhook/access/bounded-reviews', trust]
  ],
  [
    'unknown-tokens-of-the-loopback',
    'One person does not use up the reviews of all that come from the loopback.',
    'webhook/access/client-limits.ts',
    'client === loopback ? halfOf(ofAll) : ofOne)',
    'ofOne)',
    'webhook/access/bounded-reviews'
  ],
  [
    'one-review-at-a-time',
    'A token is one question, however many requests bring it at once.',
    'webhook/access/bounded-reviews.ts',
    'if (running !== undefined) return running',
    '',
    ['webhook/access/bounded-reviews', 'webhook/cluster/access/bounded-rights']
  ],
  [
    'answers-about-tokens-end',
    'A token that was revoked is rejected some seconds later.',
    'webhook/access/bounded-reviews.ts',
    'this.#options.now() < known.until',
    'known.until > 0',
    'webhook/access/bounded-reviews'
  ],
  [
    'invented-tokens-drop-no-accepted-one',
    'However many tokens are invented, accepted ones stay known.',
    'webhook/access/bounded-reviews.ts',
    'const kept = isAccepted(answer) ? this.#accepted : this.#rejected',
    'const kept = this.#accepted',
    'webhook/access/bounded-reviews'
  ],
  [
    'reviews-again-of-a-node',
    'A satellite cannot have its token reviewed without end.',
    'webhook/hub/stream/identity.ts',
    'again.take(client)',
    '',
    trust
  ],
  [
    'reviews-again-are-apart',
    'What strangers send keeps no satellite from renewing its token.',
    'webhook/hub/stream/identity.ts',
    'return reviews.askAgain(token)',
    'return reviews.answerOf(token, client)',
    trust
  ],
  [
    'permissions-of-one-user',
    'A user cannot make the hub ask about permissions without limit.',
    'webhook/access/bounded-permissions.ts',
    'this.#limits.take(whose)',
    '',
    'webhook/access/bounded-permissions'
  ],
  [
    'permissions-at-a-time',
    'An API server that is slow gets only so many questions about permissions at a time.',
    'webhook/access/bounded-permissions.ts',
    'this.#mustHaveRoom(whose)',
    '',
    ['webhook/access/bounded-permissions', 'webhook/cluster/access/bounded-rights']
  ],
  [
    'permissions-of-a-namespace',
    'Who creates many ServiceAccounts has the questions of one user.',
    'webhook/access/bounded-permissions.ts',
    '`ServiceAccounts of ${namespace}`',
    '`user ${username}`',
    'webhook/access/bounded-permissions'
  ],
  [
    'permissions-by-all-of-a-user',
    'An answer about permissions is only used for who has the same groups and extra.',
    'webhook/access/bounded-permissions.ts',
    'const parts = [username, uid, groups, extra, verb',
    'const parts = [username, uid, verb',
    'webhook/access/bounded-permissions'
  ],
  [
    'permissions-end',
    'A right that was taken away ends some seconds later.',
    'webhook/access/bounded-permissions.ts',
    'this.#now() < known.until',
    'known.until > 0',
    ['webhook/access/bounded-permissions', 'webhook/cluster/access/bounded-rights']
  ],
  [
    'one-permission-at-a-time',
    'A permission is one question, however many requests need it at once.',
    'webhook/access/bounded-permissions.ts',
    'if (running !== undefined) return running',
    '',
    ['webhook/access/bounded-permissions', 'webhook/cluster/access/bounded-rights']
  ],
  [
    'streams-that-are-not-checked',
    'Nobody keeps an event stream by asking so much that its right is not checked.',
    'webhook/access/open-streams.ts',
    'return this.#now() - stream.checkedAt < uncheckedMs',
    'return true',
    'webhook/access/open-streams'
  ],
  [
    'networks-make-room',
    'Connections from all addresses of an IPv6 network take no place from others.',
    'src/lib/network-of.ts',
    'const network = networkOf(address)',
    'const network = address',
    ['webhook/hub/stream/waiting-peers', 'webhook/open-connections']
  ],
  [
    'oldest-of-its-address',
    'An address with too many connections that wait makes room itself.',
    'webhook/hub/stream/waiting-peers.ts',
    'if (own !== undefined && own.size >= this.#limits.ofOneAddress) return oldestOf(own)',
    '',
    'webhook/hub/stream/waiting-peers'
  ],
  [
    'history-before-the-margin',
    'The decision that was in force when a pod was created is known.',
    'webhook/cluster/snapshot-history.ts',
    '({ since }) => since <= now - this.#keepMs',
    '({ since }) => since <= now',
    'webhook/cluster/false-claims'
  ],
  [
    'canaries-decide-nothing',
    'Where canaries decided, no entry of a pod is called false.',
    'webhook/cluster/false-claims.ts',
    'if (claims.length === 0 || snapshot.canaries) return none',
    'if (claims.length === 0) return none',
    'webhook/cluster/false-claims'
  ],
  [
    'old-pods-are-believed',
    'A hub that started later calls no entry of an older pod false.',
    'webhook/cluster/false-claims.ts',
    'if (known === undefined || known > created - marginMs) return none',
    'if (known === undefined) return none',
    'webhook/cluster/false-claims'
  ],
  [
    'lines-of-strangers',
    'Whatever addresses strangers have, their rejected tokens are a few lines of the log.',
    'webhook/hub/stream/rejections.ts',
    'node === undefined ? ofStrangers.next() : {}',
    '{} as { unlogged?: number }',
    trust
  ],
  [
    'lines-are-counted',
    'What is left out of the log is counted.',
    'src/lib/few-lines.ts',
    'this.#unlogged += 1',
    '',
    'src/lib/few-lines'
  ]
])
