/** Invocations that read, or the reason why a verb or a route has no view. */
export type Reading = readonly string[] | string

export const writes = 'it changes something: test/e2e/views/changes.ts'

const program = 'a program that runs until it is stopped'
const install = 'it changes a cluster: test/e2e/install.test.ts'
const restarts =
  'each start of Secco is a line of it: test/webhook/hub/history/history-restart.test.ts'
const file = 'it reads only the file that it is given, no installation'

/** Every verb: what is typed after `secco` to read it, or why it has no view. */
export const verbs: Readonly<Record<string, Reading>> = {
  up: program,
  webhook: program,
  satellite: program,
  install,
  uninstall: install,
  trace:
    'it attaches a recorder of its own for as long as it runs: test/cli/programs/trace.test.ts',
  learn: 'it waits for what is not there yet: test/cli/profiles/learn.test.ts',
  'ui link': writes,
  'ui logout': writes,
  'ui audit': ['ui audit -o json'],
  ps: ['ps -A -o json', 'ps --wrong -o json', 'ps -n default -o json'],
  denials: ['denials -o json', 'denials --muted --expected --closed -o json'],
  'denials allow': writes,
  'denials mute': writes,
  explain: ['explain web -o json', 'explain job -o json', 'explain bare -o json'],
  'why-eperm': ['why-eperm web -o json', 'why-eperm job -o json', 'why-eperm over -o json'],
  history: restarts,
  simulate: ['simulate default/web -o json', 'simulate --deny getpgid -o json'],
  promote: writes,
  rollback: writes,
  'get profiles': ['get profiles -A -o json', 'get profiles --builtin -o json'],
  'get rules': ['get rules -A -o json'],
  'get workloads': ['get workloads -A -o json'],
  'get nodes': ['get nodes -o json'],
  'profile show': ['profile show web -o json', 'profile show job -o json'],
  'profile approve': ['profile approve learned --reason none --dry-run'],
  'profile export': ['profile export web', 'profile export job'],
  'profile diff': ['profile diff web job -o json'],
  'profile apply': writes,
  'profile call': writes,
  'profile extend': writes,
  'profile delete': writes,
  'rule apply': writes,
  'rule create': writes,
  'rule delete': writes,
  'rule export': ['rule export teams -n default'],
  'rule test': file,
  check: ['check -f POD -o json'],
  render: file,
  import: writes,
  migrate: file,
  diff: ['diff web job -o json'],
  lint: ['lint web -o json'],
  doctor:
    'it makes a canary and removes it: test/e2e/truth-verbs.test.ts; GET /api/v1/doctor is a view',
  'base show': ['base show --runtime runc -o json'],
  'base measure': 'it traces the runtime again and again: test/cli/profiles/block.test.ts',
  block: ['block -o json'],
  'own-profile show': ['own-profile show webhook'],
  'own-profile write':
    'it writes a file of the shipped profile: test/cli/profiles/own-profile.test.ts',
  version: ['version -o json'],
  completion: ['completion bash']
}

const stream = 'an event stream; its first event has what the list of the same address has'
const asset = 'a file of the build'
const login = 'it opens a session: test/webhook/ui/sessions'

/** Every GET route of the hub and the webhook: addresses to read, or why it has no view. */
export const routes: Readonly<Record<string, Reading>> = {
  '/livez': ['/livez'],
  '/readyz': ['/readyz?verbose'],
  '/metrics': ['/metrics'],
  '/openapi.json': ['/openapi.json'],
  '/login': login,
  '/login/:code': login,
  '/api/v1/changes': stream,
  '/api/v1/denials/stream': stream,
  '/api/v1/containers/stream': stream,
  '/api/v1/traces/:id/stream': stream,
  '/api/v1/containers': ['/api/v1/containers', '/api/v1/containers?drift=true'],
  '/api/v1/summary': ['/api/v1/summary'],
  '/api/v1/denials': ['/api/v1/denials', '/api/v1/denials?muted=true&expected=true&closed=true'],
  '/api/v1/history': restarts,
  '/api/v1/simulate': ['/api/v1/simulate?profile=default/web', '/api/v1/simulate?deny=getpgid'],
  '/api/v1/block': ['/api/v1/block'],
  '/api/v1/ladder': ['/api/v1/ladder'],
  '/api/v1/explain': ['/api/v1/explain?name=web', '/api/v1/explain?name=job'],
  '/api/v1/why-eperm': ['/api/v1/why-eperm?name=web', '/api/v1/why-eperm?name=over'],
  '/api/v1/profiles': ['/api/v1/profiles'],
  '/api/v1/rules': ['/api/v1/rules'],
  '/api/v1/workloads': ['/api/v1/workloads'],
  '/api/v1/nodes': ['/api/v1/nodes'],
  '/api/v1/states': ['/api/v1/states'],
  '/api/v1/problems': ['/api/v1/problems'],
  '/api/v1/audit': ['/api/v1/audit'],
  '/api/v1/profiles/:namespace/:name': [
    '/api/v1/profiles/default/web',
    '/api/v1/profiles/default/job',
    '/api/v1/profiles/default/learned'
  ],
  '/api/v1/profiles/:namespace/:name/export': [
    '/api/v1/profiles/default/web/export',
    '/api/v1/profiles/default/web/export?format=yaml',
    '/api/v1/profiles/default/web/export?format=spo'
  ],
  '/api/v1/diff': ['/api/v1/diff?left=default/web&right=default/job'],
  '/api/v1/rules/:namespace/:name': ['/api/v1/rules/default/teams'],
  '/api/v1/traces': ['/api/v1/traces'],
  '/api/v1/traces/:id':
    'traces end with the hub that runs them, and GET /api/v1/traces lists all of them whole',
  '/api/v1/doctor': ['/api/v1/doctor'],
  '/': ['/'],
  '/workloads': ['/workloads'],
  '/workloads/:namespace/:name': ['/workloads/default/web', '/workloads/default/job'],
  '/review': ['/review'],
  '/review/:namespace/:name': ['/review/default/learned'],
  '/denials': ['/denials'],
  '/profiles': ['/profiles'],
  '/profiles/:namespace/:name': ['/profiles/default/web'],
  '/compare': ['/compare?left=default/web&right=default/job'],
  '/rules': ['/rules'],
  '/nodes': ['/nodes'],
  '/profiler': ['/profiler'],
  '/profiler/:id': 'a trace ends with the hub that runs it',
  '/emergency': ['/emergency'],
  '/audit': ['/audit'],
  '/doctor': ['/doctor'],
  '/assets/:file': asset
}

/** Returns the row's name of a route: files of the build share one. */
export function rowOfRoute(url: string): string {
  return url.startsWith('/assets/') ? '/assets/:file' : url
}
