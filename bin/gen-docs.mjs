// docs/reference/*.md from the verbs, the endpoints, the pages, the error codes and the schemas, as they are compiled in build/.
// `--check` writes nothing and ends with 1 when a file is old or the table of verbs has a hole.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

process.chdir(join(import.meta.dirname, '..'))
const from = (path) => import(new URL(`../build/${path}.js`, import.meta.url).href)
const { buildProgram } = await from('cli/main')
const { routes: own } = await from('webhook/ui/api/registry')
const { routeOf } = await from('webhook/ui/api/foreign')
const { allRoutes } = await from('webhook/ui/api/truth-routes')
const { pages } = await from('webhook/ui/pages/registry')
const { SeccompProfile } = await from('src/api/seccomp-profile')
const { SeccompRule } = await from('src/api/seccomp-rule')
const { errorKinds } = await from('src/lib/errors')

// Only what routes say of themselves is read: nothing behind them is called.
const nothing = new Proxy(() => nothing, { get: () => nothing })
const others = allRoutes(nothing).map(routeOf)
const addressOf = ({ method, url }) => `${method} ${url}`
const taken = new Set(others.map(addressOf))
const routes = [...own.filter((route) => !taken.has(addressOf(route))), ...others]

const head = (title, source) =>
  `# ${title}\n\nMade by \`npm run gen\` from ${source}: do not edit.\n`
const cell = (text) =>
  String(text ?? '')
    .replace(/\|/g, '\\|')
    .replace(/\n+/g, ' ')

/** A table whose columns line up, as the formatter of the other pages has them. */
function table(titles, rows) {
  const all = [titles, ...rows].map((row) => row.map(cell))
  const widths = titles.map((_, at) => Math.max(3, ...all.map((row) => row[at].length)))
  const line = (row) => `| ${row.map((text, at) => text.padEnd(widths[at])).join(' | ')} |`
  return [
    line(all[0]),
    line(widths.map((width) => '-'.repeat(width))),
    ...all.slice(1).map(line)
  ].join('\n')
}

const nobody = {
  io: { env: {}, stdout: () => undefined, stderr: () => undefined },
  argv: [],
  uid: 0,
  user: '',
  streams: {}
}
const program = await buildProgram(nobody)
const verbs = []
const walk = (command, path) => {
  const own = command.commands.filter((each) => each.name() !== 'help')
  if (path !== '' && command._actionHandler) verbs.push({ path, command })
  for (const each of own) walk(each, path === '' ? each.name() : `${path} ${each.name()}`)
}
walk(program, '')

function cliPage() {
  const sections = verbs.map(({ path, command }) => {
    const usage = `secco ${path} ${command.usage()}`.trim()
    const options = command.options.map((option) => [
      `\`${option.flags}\``,
      `${option.description}${option.defaultValue === undefined ? '' : ` (default \`${option.defaultValue}\`)`}`
    ])
    return `## secco ${path}\n\n${command.description()}.\n\n\`\`\`sh\n${usage}\n\`\`\`\n${options.length === 0 ? '' : `\n${table(['option', 'meaning'], options)}\n`}`
  })
  return `${head('Command line', 'the verbs')}\n\`--state DIR\` (or \`SECCO_STATE\`) names the embedded installation, \`--kubeconfig FILE\` (or \`SECCO_KUBECONFIG\`)\na cluster. Installed as \`kubectl-secco\`, every verb is \`kubectl secco …\`, and kubectl completes them with \`kubectl_complete-secco\` beside it. \`source <(secco completion bash)\`.\n[Conventions of kubectl](kubectl.md) compares options and outputs.\n\n${sections.join('\n')}`
}

/** Verbs that need no hub: they work on a file, this machine or the installation itself. */
const local =
  /^(up|webhook|satellite|completion|version|render|lint|migrate|base|doctor|trace|learn|own-profile|ui (link|logout)|check|rule create|rule test|rule export|simulate|ps|explain|profile diff|block|why-eperm|install|uninstall|status)( |$)/

function verbOf(cli) {
  const words = cli.replace(/^secco /, '').split(' ')
  return [2, 1]
    .map((count) => words.slice(0, count).join(' '))
    .find((path) => verbs.some((verb) => verb.path === path))
}

function apiPage() {
  const rows = routes.map(({ method, url, summary, cli, pages: on }) => [
    `\`${method} ${url}\``,
    summary,
    `\`${cli}\``,
    on.map((path) => `\`${path}\``).join(' ')
  ])
  return `${head('HTTP API', 'the routes; \`GET /openapi.json\` describes bodies and answers')}\nEvery page's data and action, its endpoint, and the verb that does the same. Send \`authorization: Bearer\` with the token of\nthe state folder (\`ui-token\`, mode 0600), or use a session. Changes are JSON of the same origin; errors are\n\`{code, message, hint}\`. In a cluster every replica of the hub answers for the active one.\n\n${table(['endpoint', 'what', 'verb', 'pages'], rows)}\n\n## Pages\n\n${table(
    ['page', 'in the navigation', 'right'],
    pages.map(({ path, nav, needs }) => [
      `\`${path}\``,
      nav ?? '',
      `${needs.verb} ${needs.resource}`
    ])
  )}\n`
}

function fields(schema, path, rows) {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`
    const inner = member.type === 'array' ? (member.items ?? {}) : member
    const kind = member.enum ?? inner.enum
    const type = kind
      ? kind.map((each) => `\`${each}\``).join(' ')
      : member.type === 'array'
        ? `list of ${inner.type ?? 'objects'}`
        : (member.type ?? (member.const === undefined ? '' : `\`${member.const}\``))
    const needed = (schema.required ?? []).includes(name) ? 'yes' : ''
    rows.push([`\`${at}\``, type, needed, member.description ?? inner.description ?? ''])
    if (inner.properties && at.split('.').length < 5)
      fields(inner, member.type === 'array' ? `${at}[]` : at, rows)
  }
  return rows
}

function objectsPage() {
  const section = (name, schema) =>
    `## ${name}\n\n${table(['field', 'type', 'required', 'meaning'], fields(schema, '', []))}\n`
  return `${head('Objects', 'the schemas; the CRDs come from the same')}\n${section('SeccompProfile', SeccompProfile)}\n${section('SeccompRule', SeccompRule)}`
}

function errorsPage() {
  const rows = Object.entries(errorKinds).map(([code, { http, grpc, hint }]) => [
    `\`${code}\``,
    http,
    grpc,
    hint
  ])
  return `${head('Errors', 'the table of error codes')}\nA command prints \`error: MESSAGE (CODE)\` and a next step; the API answers \`{code, message, hint}\` with the HTTP status. An error\nmay have a more precise next step than its code. A code never changes its meaning.\n\n${table(['code', 'HTTP', 'gRPC', 'next step'], rows)}\n`
}

const problems = []
for (const { operationId, cli } of routes)
  if (verbOf(cli) === undefined) problems.push(`${operationId}: there is no verb ${cli}`)
for (const { path } of verbs) {
  const served = routes.some(({ cli }) => verbOf(cli) === path)
  if (!served && !local.test(path))
    problems.push(
      `secco ${path}: no route of webhook/ui/api names it as its \`cli\`; if it needs none, add it to \`local\` in bin/gen-docs.mjs`
    )
}
for (const { path, command } of verbs)
  if (command.description() === '') problems.push(`secco ${path}: has no description`)

mkdirSync('docs/reference', { recursive: true })
const written = {
  ...{ 'cli.md': cliPage(), 'api.md': apiPage() },
  ...{ 'errors.md': errorsPage(), 'objects.md': objectsPage() }
}
for (const [name, text] of Object.entries(written)) {
  const file = join('docs/reference', name)
  let before = ''
  try {
    before = readFileSync(file, 'utf8')
  } catch {
    // The first time there is none.
  }
  if (before === text) continue
  if (process.argv.includes('--check')) problems.push(`${file} is old: npm run gen`)
  else writeFileSync(file, text)
}
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
