/** Words for what somebody did, by the operationId that `-o json` and the API show. */
const words: Readonly<Record<string, string>> = {
  applyProfile: 'wrote the profile',
  applyRule: 'wrote the rule',
  approveProfile: 'approved',
  decideCalls: 'decided on calls',
  deleteProfile: 'deleted the profile',
  deleteRule: 'deleted the rule',
  extendProfile: 'changed what it is built on',
  importProfiles: 'imported',
  makeLink: 'made a log-in link',
  openSession: 'logged in',
  keepTrace: 'made a profile of a trace',
  postAllow: 'allowed a denied call',
  postBlock: 'blocked in an emergency',
  postMute: 'kept a call denied',
  postPromote: 'promoted',
  postRollback: 'rolled back',
  startTrace: 'started a trace',
  stopTrace: 'stopped a trace'
}

/** Returns the words for an operation, or its operationId without any. */
export function actionWords(operation: string): string {
  return words[operation] ?? operation
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

/** Lists the members of a body, without the object that the action is about. */
function membersOf(body: object): string {
  const about = ['profile', 'what', 'container', 'remove', 'dryRun', 'force', 'yes']
  return Object.entries(body)
    .filter(([member]) => !about.includes(member))
    .map(
      ([member, value]) => `${member}: ${typeof value === 'string' ? value : JSON.stringify(value)}`
    )
    .join(', ')
    .slice(0, 200)
}

/** Returns whether a request only asks what would happen. `denials allow` changes something with `yes` alone. */
export function isDryRun(operation: string, body: unknown): boolean {
  const { dryRun, yes } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  return dryRun === true || (operation === 'postAllow' && yes !== true)
}

/** Returns the words for how an action ended, as the page and the command line show them. */
export function resultWords({ status, dryRun }: { status: number; dryRun?: boolean }): string {
  if (status >= 400) return `rejected, ${status}`
  return dryRun === true ? 'dry run, nothing changed' : 'done'
}

/** Returns what the trail keeps of a body: its reason, with the call that it is about, else its beginning. Never a token. */
export function detailOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return ''
  const { reason, remove, syscall } = body as Record<string, unknown>
  const call = typeof syscall === 'string' && syscall !== '' ? `${syscall}: ` : ''
  const text = typeof reason === 'string' ? `${call}${reason}` : membersOf(body)
  const taken = remove === true ? 'taken back: ' : ''
  return `${taken}${text}`
}
