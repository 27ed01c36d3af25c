import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { admit, admitNode, type Webhook } from '../../helpers/admit.js'
import { type Place, route, verb } from './read.js'

/** Actor does what people do in an installation, by the API and by verbs. */
export class Actor {
  readonly #place: () => Place
  readonly #folder: string

  /** @param place where the installation is now; @param folder for files that verbs read */
  constructor(place: () => Place, folder: string) {
    this.#place = place
    this.#folder = folder
  }

  get place(): Place {
    return this.#place()
  }

  get token(): string {
    return (this.place.headers['authorization'] ?? '').replace('Bearer ', '')
  }

  /** Runs a verb, which must succeed. */
  async secco(words: string, files: Place['files'] = {}): Promise<unknown> {
    const place = { ...this.place, files: { ...this.place.files, ...files } }
    const answer = (await verb(place, words)) as { code: number; stderr: string[] }
    if (answer.code !== 0) throw new Error(`secco ${words}: ${answer.stderr.join(' ')}`)
    return answer
  }

  /** Imports a trace as the observations of a profile. */
  async importTrace(name: string): Promise<void> {
    const trace = join(this.#folder, `${name}.log`)
    await writeFile(trace, 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3\nread(3, "", 1) = 1\n')
    await this.secco(`import -f ${trace} --name ${name} --apply`)
  }

  async apply(document: object): Promise<void> {
    const kind = (document as { kind: string }).kind === 'SeccompRule' ? 'rule' : 'profile'
    await this.secco(`${kind} apply -f FILE`, { FILE: stringify(document) })
  }

  /** Sends a change to the API, which must accept it. */
  async send(method: string, path: string, body?: object): Promise<unknown> {
    const { ui, headers } = this.place
    const response = await fetch(`${ui}${path}`, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as unknown
  }

  async items<T>(path: string): Promise<T[]> {
    const { body } = (await route(this.place, path)) as { body: { items: T[] } }
    return body.items
  }

  /** Asks the webhook about a new pod that the rule of the scene selects. */
  admit(podName: string): Promise<string> {
    return admit(this.#webhook(), podName, { team: 'shop' })
  }

  admitNode(): Promise<boolean> {
    return admitNode(this.#webhook())
  }

  #webhook(): Webhook {
    const { ca, webhook, serverName } = this.place
    return { webhook, caBundle: Buffer.from(ca).toString('base64'), serverName }
  }
}
