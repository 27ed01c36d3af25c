/** Words for what somebody did, by the operationId that `-o json` and the API show. */
const words: Readonly<Record<string, string>> = {
  approved: 'approved, kept in the profile',
  applyProfile: 'wrote the profile',
  applyRule: 'wrote the rule',
  approveProfile: 'approved',
  closeSessions: 'logged everybody out',
  completeCanary: 'completed a canary',
  decideCalls: 'decided on calls',
  deleteProfile: 'deleted the profile',
  deleteRule: 'deleted the rule',
  extendProfile: 'changed what it is built on',
  importProfiles: 'imported',
  observation: 'uploaded an observation',
  makeLink: 'made a log-in link',
  openSession: 'logged in',
  keepTrace: 'made a profile of a trace',
  postAllow: 'allowed a denied call',
  postBlock: 'blocked in an emergency',
  postMute: 'muted a denial',
  postUnblock: 'unblocked',
  postUnmute: 'unmuted a denial',
  postPromote: 'promoted',
  postRollback: 'rolled back',
  returnCanary: 'took a canary back',
  startTrace: 'started a trace',
  stopTrace: 'stopped a trace'
}

/** Returns the words for an operation, or its operationId without any. */
export function actionWords(operation: string): string {
  return words[operation] ?? operation
}

const opposites: Readonly<Record<string, string>> = {
  postBlock: 'postUnblock',
  postMute: 'postUnmute'
}

/** Returns the action of a request: its operationId, or that of the opposite where the body takes something back. */
export function actionOf(operation: string, body: unknown): string {
  const { remove } = (typeof body === 'object' && body !== null ? body : {}) as { remove?: unknown }
  return remove === true ? (opposites[operation] ?? operation) : operation
}

/** Returns what an action was about: the object of its path, else what its body names, else ''. */
export function objectOf(params: Readonly<Record<string, string>>, body: unknown): string {
  const { namespace = '', name = '', id = '' } = params
  if (name !== '') return `${namespace}/${name}`
  const given = typeof body === 'object' && body !== null ? body : {}
  for (const member of ['profile', 'what', 'container'] as const) {
    const value = (given as Record<string, unknown>)[member]
    if (typeof value === 'string' && value !== '') return value.slice(0, 320)
  }
  return id === '' ? '' : `trace ${id}`
}

/** Returns a member of a body in words: of files their names, because their text has no place in a trail. */
function memberText(value: unknown): string {
  if (typeof value === 'string') return value
  const nameOf = (one: unknown): unknown =>
    typeof one === 'object' && one !== null && 'text' in one && 'name' in one ? one.name : one
  if (!Array.isArray(value)) return JSON.stringify(value)
  const names = value.map(nameOf)
  return names.every((name) => typeof name === 'string') ? names.join(', ') : JSON.stringify(value)
}

/** Lists the members of a body, without the object that the action is about. */
function membersOf(body: object): string {
  const about = ['profile', 'what', 'container', 'remove', 'dryRun', 'force', 'yes']
  return Object.entries(body)
    .filter(([member]) => !about.includes(member))
    .map(([member, value]) => `${member}: ${memberText(value)}`)
    .join(', ')
    .slice(0, 200)
}

/** The operations that take `dryRun`: of another one it is no member, and what was done is done. */
const trials = new Set(['importProfiles', 'postBlock', 'postPromote'])

/** Returns whether a request only asks what would happen. `denials allow` changes something with `yes` alone. */
export function isDryRun(operation: string, body: unknown): boolean {
  const { dryRun, yes } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  return (dryRun === true && trials.has(operation)) || (operation === 'postAllow' && yes !== true)
}

/** Returns the words for how an action ended, as the page and the command line show them. */
export function resultWords({ status, dryRun }: { status: number; dryRun?: boolean }): string {
  if (status >= 400) return `rejected, ${status}`
  return dryRun === true ? 'dry run, nothing changed' : 'done'
}

/** Returns the step of a promotion: the mode, and the share of new pods that gets it first. */
function stepText({ mode, canary }: Record<string, unknown>): string {
  if (typeof mode !== 'string' || mode === '') return ''
  const share =
    typeof canary === 'number' && canary < 100 ? ` for ${canary}% of new pods first` : ''
  return `to ${mode}${share}: `
}

/** Returns what the trail keeps of a body: its reason, with the call or the mode that it is about, else its beginning. Never a token. */
export function detailOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return ''
  const { reason, syscall } = body as Record<string, unknown>
  const call = typeof syscall === 'string' && syscall !== '' ? `${syscall}: ` : ''
  return typeof reason === 'string'
    ? `${stepText(body as Record<string, unknown>)}${call}${reason}`
    : membersOf(body)
}
