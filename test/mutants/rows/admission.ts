import { mutants } from '../mutant.js'

const review = 'webhook/admission/review'
const policy = 'e2e/final-state'

export const admission = mutants('admission', [
  [
    'stale-assignment',
    'A copied annotation of a decision is removed from a pod that Secco does not decide about.',
    'webhook/admission/patch.ts',
    'return onPod ? removeStaleAssignment(facts) : []',
    'return []',
    'webhook/admission/patch'
  ],
  [
    'annotation-json-pointer',
    'Names with / are escaped in the paths of a patch.',
    'webhook/admission/patch.ts',
    ".replaceAll('/', '~1')",
    '',
    'webhook/admission/patch'
  ],
  [
    'cached-answer-has-own-uid',
    'A remembered answer carries the uid of the review that it answers.',
    'webhook/admission/review-cache.ts',
    'answer: before + uid + after',
    'answer: before + admission.request.uid + after',
    'webhook/admission/review-cache'
  ],
  [
    'cache-and-canary',
    'While a canary runs every pod is decided by its own number.',
    'webhook/admission/review-cache.ts',
    'text.suspicious || snapshot.canaries ||',
    'text.suspicious ||',
    'webhook/admission/review-cache'
  ],
  [
    'cache-and-new-snapshot',
    'A change of rules applies to the next review.',
    'webhook/admission/review-cache.ts',
    'remembered = new Map()\n        of = snapshot',
    'of = snapshot',
    'webhook/admission/review-cache'
  ],
  [
    'second-uid',
    'A text in which a second uid could count is not remembered.',
    'webhook/admission/review-cache.ts',
    ' && !key.includes(uid)',
    '',
    'webhook/admission/review-cache'
  ],
  [
    'dry-run-counts-no-pod',
    'A dry run does not take the place of a pod in a canary.',
    'webhook/admission/admit.ts',
    ' && !request.dryRun',
    '',
    'webhook/admission/admit'
  ],
  [
    'pods-are-counted',
    'Each pod of a workload takes the next place in its canary.',
    'webhook/admission/pod-counter.ts',
    'turns.set(key, turn + 1)',
    'turns.set(key, turn)',
    'webhook/admission/admit'
  ],
  [
    'audit-line-user',
    'The audit line names the user of the request.',
    'webhook/admission/decision-log.ts',
    'user: request.user,',
    "user: '',",
    'webhook/admission/decision-log'
  ],
  [
    'audit-line-loosening',
    'The audit line names rules that were ignored because they would have loosened the profile.',
    'webhook/admission/decision-log.ts',
    'loosening: c.loosening',
    'loosening: undefined',
    'webhook/admission/decision-log'
  ],
  [
    'audit-annotations',
    "The API server's audit log gets the decision and its reason.",
    'webhook/admission/respond.ts',
    '{ decision: decision.decision, reason: decision.reason }',
    '{ decision: decision.decision }',
    'webhook/admission/respond'
  ],
  [
    'warnings-limited',
    'Warnings are at most 4,096 characters in total.',
    'webhook/admission/respond.ts',
    'if (total + text.length > maxWarnings - 64) {',
    'if (total < 0) {',
    'webhook/admission/respond'
  ],
  [
    'client-certificate',
    'With a client authority only its callers get an answer.',
    'webhook/admission/plugin.ts',
    'guard.check(request.raw.socket, reply.raw)',
    '',
    'webhook/admission/server'
  ],
  [
    'client-name',
    'With names of clients, a certificate of the authority with another name gets no answer.',
    'webhook/admission/client-guard.ts',
    'if (this.#names.size === 0) return true',
    'if (this.#names.size >= 0) return true',
    'webhook/admission/server'
  ],
  [
    'forbidden-keys',
    'A review cannot change prototypes.',
    'webhook/admission/parse-body.ts',
    'return text.suspicious\n      ?',
    'return text.kept === ""\n      ?',
    review
  ],
  [
    'ephemeral-reviews',
    'kubectl debug is decided, too.',
    'webhook/admission/review.ts',
    "return request.subresource === 'ephemeralcontainers' && request.operation === 'UPDATE'",
    "return request.subresource === ''",
    ['webhook/admission/patch', review]
  ],
  [
    'unreadable-pod',
    'A pod that cannot be read is left to the API server, which rejects it with a better message.',
    'webhook/admission/respond.ts',
    'reason,\n    allowed: true,',
    'reason,\n    allowed: false,',
    review
  ],
  [
    'large-bodies-wait',
    'Large bodies wait, unread, until earlier ones are answered.',
    'webhook/admission/body-budget.ts',
    'if (this.#inMemory + one.bytes <= this.#maxBytes) return one',
    'if (this.#inMemory >= 0) return one',
    'webhook/admission/body-budget'
  ],
  [
    'turns-of-clients',
    'A client with many requests does not delay another one.',
    'webhook/admission/fair-turns.ts',
    'else if (next === undefined || isBefore(account, next)) next = account',
    'else next ??= account',
    ['webhook/admission/fair-turns', 'webhook/request-turns']
  ],
  [
    'idle-time-is-no-credit',
    'A client that was idle does not get all turns afterwards.',
    'webhook/admission/fair-turns.ts',
    'network.used = Math.max(network.used, this.#clock)',
    'network.used = Math.min(network.used, this.#clock)',
    'webhook/admission/fair-turns'
  ],
  [
    'bodies-that-do-not-come',
    'A large body that does not come gives its room to another client.',
    'webhook/admission/body-budget.ts',
    'const isSlow = now.bytesRead - before.bytesRead < bytes / intervals',
    'const isSlow = now.bytesRead - before.bytesRead < 0',
    'webhook/request-turns'
  ],
  [
    'bodies-without-a-turn',
    'A large body is not cut because its own turn is late.',
    'webhook/admission/body-budget.ts',
    'if (before === undefined || request.complete || ',
    'if (request.complete || before === undefined) request.destroy()\n      if (before === undefined || ',
    'webhook/admission/body-budget'
  ],
  [
    'requests-of-those-who-left',
    'A client does not pay for requests whose connection is closed.',
    'webhook/admission/fair-turns.ts',
    'while (waiting[0]?.isGone() === true) waiting.shift()',
    '',
    'webhook/admission/fair-turns'
  ],
  [
    'requests-without-a-socket',
    'A request whose response never gets the connection holds nothing.',
    'webhook/request-turns.ts',
    'else if (response.socket !== null) begin(request, response)',
    'else if (latest.has(socket)) begin(request, response)',
    'webhook/request-turns'
  ],
  [
    'proven-connections-are-not-limited',
    'A stranger at the address of an API server takes none of its connections.',
    'webhook/open-connections.ts',
    'if (isProven) this.#remove(socket)',
    'if (isProven) this.#below.set(tls, socket)',
    'webhook/request-turns'
  ],
  [
    'bodies-for-no-route',
    'Nothing but reviews has a body that is read.',
    'webhook/server.ts',
    'this.#app.removeAllContentTypeParsers()',
    'this.#app.hasContentTypeParser(String())',
    'webhook/request-turns'
  ],
  [
    'pipelined-requests',
    'A client that does not wait for answers is cut off.',
    'webhook/request-turns.ts',
    'if (isWaiting) socket.destroy()',
    'if (socket.destroyed) socket.destroy()',
    'webhook/request-turns'
  ],
  [
    'failure-policy',
    'A missing webhook never stops pods unless the installation asks for it.',
    'webhook/admission/webhook-configuration.ts',
    "failurePolicy: options.failurePolicy ?? 'Ignore'",
    "failurePolicy: options.failurePolicy ?? 'Fail'",
    'webhook/admission/webhook-configuration'
  ],
  [
    'webhook-time-limit',
    'The API server waits at most two seconds for the webhook.',
    'webhook/admission/webhook-configuration.ts',
    "options.failurePolicy ?? 'Ignore',\n    timeoutSeconds: 2",
    "options.failurePolicy ?? 'Ignore',\n    timeoutSeconds: 30",
    ['webhook/admission/webhook-configuration', 'cli/install/install']
  ],
  [
    'own-service-accounts',
    'Pods that Secco itself creates do not wait for its webhook.',
    'webhook/admission/webhook-configuration.ts',
    "`!request.userInfo.username.startsWith('system:serviceaccount:${own}:')`",
    "'true'",
    'webhook/admission/webhook-configuration'
  ],
  [
    'final-state-unconfined',
    'The final-state policy reports a pod that has no filter.',
    'webhook/admission/final-state-policy.ts',
    "expression: 'variables.optedOut || variables.unconfined.size() == 0'",
    "expression: 'true'",
    policy
  ],
  [
    'final-state-undecided',
    'The final-state policy reports a pod that Secco did not decide about.',
    'webhook/admission/final-state-policy.ts',
    "expression: 'variables.optedOut || variables.undecided.size() == 0'",
    "expression: 'true'",
    policy
  ],
  [
    'path-policy-unassigned',
    'Nobody but Secco gives a container a path below secco/.',
    'webhook/admission/final-state-policy.ts',
    "expression: 'variables.unassigned.size() == 0'",
    "expression: 'true'",
    policy
  ],
  [
    'final-state-mirror',
    'The annotation of a mirror pod exempts only pods that a node creates.',
    'webhook/admission/policy-parts.ts',
    "'system:nodes' in request.userInfo.groups",
    "'system:masters' in request.userInfo.groups",
    policy
  ],
  [
    'path-policy-long-paths',
    'No path is too long for the policy on paths.',
    'webhook/admission/final-state-policy.ts',
    '`(${value}.size() > ${maxPathLength} || ${value}.matches(${text(pathIntoTree)}))`',
    '`${value}.matches(${text(pathIntoTree)})`',
    'e2e/policy-cost'
  ],
  [
    'rule-policy-many-patterns',
    'No rule has so many patterns that the policy on rules exceeds its cost limit.',
    'webhook/admission/rule-policy.ts',
    '${isSmall} && ${areImagesShort} && variables.comparable`',
    '${isSmall} && ${areImagesShort}`',
    'e2e/policy-cost'
  ],
  [
    'extends-of-other-namespaces',
    'Only users who may read a profile of another namespace build one on it.',
    'webhook/admission/approval-policy.ts',
    'p[0] != request.namespace &&',
    'p[0] == request.namespace &&',
    'webhook/cluster/access/borrowed-profiles'
  ],
  [
    'mirror-of-its-own-node',
    'The webhook believes the annotation of a mirror pod of the node that the pod names.',
    'webhook/admission/pod-facts.ts',
    "user === `system:node:${spec['nodeName']}`",
    "user.startsWith('system:node:')",
    'webhook/admission/admit'
  ],
  [
    'approval-verb',
    'Only users with the verb approve change what a profile allows.',
    'webhook/admission/approval-policy.ts',
    "expression: `!variables.guarded || ${allowed('approve')} || (variables.byPolicy && ${allowed('promote')})`",
    "expression: 'true'",
    'e2e/identity'
  ],
  [
    'ladder-verb',
    'Only users with the verb approve write the ladder and mutes.',
    'webhook/admission/approval-policy.ts',
    '!(variables.ladder || variables.mute) || ',
    'true || ',
    'webhook/cluster/access/ladder-rights'
  ],
  [
    'approval-by-own-name',
    'An approval has the name of its writer.',
    'webhook/admission/approval-policy.ts',
    "'!variables.approval || !has(object.spec.approval) || object.spec.approval.by == request.userInfo.username'",
    "'true'",
    'e2e/identity'
  ],
  [
    'networks-share-turns',
    'The addresses of an IPv6 network have together what one client is given.',
    'webhook/admission/fair-turns.ts',
    'const ofNetwork = isFirst ? name : networkOf(client)',
    'const ofNetwork = name',
    'webhook/admission/fair-turns'
  ],
  [
    'idle-address-of-a-network',
    'An address of a network that was idle does not get all of its turns afterwards.',
    'webhook/admission/fair-turns.ts',
    'account.used = Math.max(account.used, network.clock)',
    'account.used = Math.min(account.used, network.clock)',
    'webhook/admission/fair-turns'
  ],
  [
    'api-server-is-first',
    'Who proved to be an API server is served before all others.',
    'webhook/admission/fair-turns.ts',
    'if (one.isFirst !== other.isFirst) return one.isFirst',
    '',
    'webhook/admission/fair-turns'
  ],
  [
    'api-server-is-first-with-a-guard',
    'With a client authority the reviews of the API server are first.',
    'webhook/admission/plugin.ts',
    'turns.take(client, cost, isGone, isProven)',
    'turns.take(client, cost, isGone)',
    'webhook/admission/plugin'
  ],
  [
    'handshakes-take-turns',
    'Handshakes of one client do not delay those of another one.',
    'webhook/request-turns.ts',
    "const turn = turns.take(socket.remoteAddress ?? '', handshakeCost, () => socket.destroyed)",
    'const turn = undefined as Promise<void> | undefined',
    'webhook/request-turns'
  ],
  [
    'other-requests-take-turns',
    'Requests for metrics do not delay reviews of another client.',
    'webhook/request-turns.ts',
    ": turns.take(socket.remoteAddress ?? '', otherCost, goneCheck(request))",
    ': undefined',
    'webhook/request-turns'
  ],
  [
    'connections-of-one-address',
    'One address does not take all connections.',
    'webhook/open-connections.ts',
    'own !== undefined && own.count >= mostOfOneAddress',
    'own !== undefined && own.count < 0',
    'webhook/open-connections'
  ],
  [
    'requests-that-hold-all-connections',
    'Addresses whose connections all have requests keep no other address out.',
    'webhook/open-connections.ts',
    'if (count > mostOfOneServer) return this.#oldestOf(most)',
    '',
    'webhook/open-connections'
  ],
  [
    'requests-of-an-api-server',
    'Requests of an API server are not cut, however many connections there are.',
    'webhook/open-connections.ts',
    'if (count > mostOfOneServer) return this.#oldestOf(most)',
    'return this.#oldestOf(most)',
    'webhook/open-connections'
  ],
  [
    'connections-in-use',
    'A connection with a request gives its place to no other one of its address.',
    'webhook/open-connections.ts',
    'if (isUsed) own.idle.delete(socket)',
    'if (isUsed) own.idle.add(socket)',
    'webhook/open-connections'
  ],
  [
    'bodies-of-a-network',
    'Large bodies from all addresses of an IPv6 network wait for one share.',
    'webhook/admission/body-budget.ts',
    'const ofNetwork = networkOf(name)',
    'const ofNetwork = name',
    'webhook/admission/body-budget'
  ],
  [
    'bodies-of-one-client',
    'Two large bodies of one client are in memory at a time.',
    'webhook/admission/body-budget.ts',
    'if (client.running >= mostOfOneClient || !isNext) continue',
    'if (!isNext) continue',
    ['webhook/admission/body-budget', 'webhook/request-turns']
  ]
])
