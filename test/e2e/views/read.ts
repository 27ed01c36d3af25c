import { get } from 'node:https'
import { text as textOf } from 'node:stream/consumers'
import { run } from '../../../cli/main.js'
import { captureIo } from '../../helpers/captured-io.js'
import { type Facts, factsOf } from './facts.js'
import { type Reading, routes, verbs } from './table.js'

/** How verbs are called. */
export interface Typing {
  /** Options that say where the installation is: `--state FOLDER`, or `--kubeconfig FILE`. */
  options: readonly string[]
  env: Readonly<Record<string, string>>
  /** Files that verbs read, by the word that stands for them in the table. */
  files: Readonly<Record<string, string>>
}

/** Where an installation is read. */
export interface Place extends Typing {
  /** Base addresses of pages and API, and of the webhook's own server. */
  ui: string
  webhook: string
  /** PEM of the authority of the webhook's own server, and a name in its certificate. */
  ca: string
  serverName: string
  headers: Record<string, string>
}

/** Runs a verb in this process, by the code of the command, and returns what it prints. */
export async function verb({ options, env, files }: Typing, words: string): Promise<unknown> {
  const { io, printed } = captureIo()
  const readFile = (path: string): Promise<string> => {
    const content = files[path]
    return content === undefined ? Promise.reject(new Error(path)) : Promise.resolve(content)
  }
  const code = await run([...words.split(' '), ...options], { ...io, env, readFile })
  return { code, stdout: valueOf(printed.stdout), stderr: linesOf(printed.stderr) }
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** Returns JSON as it is, and other text as lines. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return linesOf(text)
  }
}

const characters: Readonly<Record<string, string>> = {
  ...{ '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&nbsp;': ' ' },
  '&amp;': '&'
}

/** Returns what a person reads on a page, in lines. */
function textOfPage(html: string): string[] {
  const [, main = html] = /<main[^>]*>([^]*)<\/main>/.exec(html) ?? []
  return linesOf(
    main
      .replace(/<(script|style|svg)[^]*?<\/\1>/g, '')
      .replace(/<\/?(td|th|span|a|b|code|small|strong|em|i|time|abbr|button|mark)\b[^>]*>/g, ' ')
      .replace(/<[^>]+>/g, '\n')
      .replace(/&\w+;|&#39;/g, (word) => characters[word] ?? word)
      .replace(/[ \t]+/g, ' ')
      .replace(/^ | $/gm, '')
  )
}

/** Returns the gauges of Secco: counters start again with their process, as every scraper expects. */
function gaugesOf(text: string): Record<string, string> {
  const gauges = new Set([...text.matchAll(/^# TYPE (secco_\w+) gauge$/gm)].map(([, name]) => name))
  return Object.fromEntries(
    linesOf(text).flatMap((line) => {
      const [, name, labels = '', value = ''] = /^(\w+)(\{.*\})? (\S+)$/.exec(line) ?? []
      return gauges.has(name) ? [[`${name ?? ''}${labels}`, value]] : []
    })
  )
}

interface Answer {
  status: number
  type: string
  text: string
}

async function askPages({ ui, headers }: Place, path: string): Promise<Answer> {
  const response = await fetch(`${ui}${path}`, { headers })
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, type, text: await response.text() }
}

function askWebhook({ webhook, ca, serverName: servername }: Place, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(`${webhook}${path}`, { ca, servername, agent: false, timeout: 10_000 }, (response) => {
      const { statusCode: status = 0, headers } = response
      const type = headers['content-type'] ?? ''
      textOf(response).then((text) => resolve({ status, type, text }), reject)
    }).once('error', reject)
  })
}

/** Reads one address, as somebody who may see everything. */
export async function route(place: Place, path: string): Promise<unknown> {
  const isOwn = /^\/(livez|readyz|metrics)/.test(path)
  const { status, type, text } = await (isOwn ? askWebhook : askPages)(place, path)
  if (type.includes('html')) return { status, page: textOfPage(text) }
  return { status, body: path === '/metrics' ? gaugesOf(text) : valueOf(text) }
}

/** Which views are read: `verbs` and `api` leave out pages, which show the same data, and what no data changes. */
export type Which = 'all' | 'verbs' | 'api'

const isOfProgram = (words: string): boolean =>
  /^(version|completion|own-profile|base) /.test(words)
const isApi = (path: string): boolean => /^\/(api\/|metrics)/.test(path)
const rowsOf = (rows: Reading): readonly string[] => (typeof rows === 'string' ? [] : rows)

/** Reads the views of the table. */
export async function readViews(place: Place, which: Which): Promise<Facts> {
  const views = new Map<string, unknown>()
  const isAll = which === 'all'
  if (isAll || which === 'verbs')
    for (const words of Object.values(verbs).flatMap(rowsOf))
      if (isAll || !isOfProgram(words)) views.set(`secco ${words}`, await verb(place, words))
  if (isAll || which === 'api')
    for (const path of Object.values(routes).flatMap(rowsOf))
      if (isAll || isApi(path)) views.set(`GET ${path}`, await route(place, path))
  return factsOf(views)
}
