import { type Agent, request } from 'node:https'

/** A JSON document whose shape is the API's business. */
export type Json = Record<string, unknown>

export interface KubeResponse {
  status: number
  body: Json
  /** `Warning` headers' texts (RFC 7234 section 5.5), as admission webhooks give them. */
  warnings: string[]
}

/** A minimal client of one API server: paths as in the API reference, JSON in and out. */
export interface Kube {
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<KubeResponse>
  /** As `call`, but throws with the server's message on any status of 400 and above. */
  do(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Json>
}

export interface CallOptions {
  contentType?: string
  /** Accept; default application/json. */
  accept?: string
  /** Sent as Impersonate-User: what a controller's service account would be. */
  asUser?: string
  /** Groups of the impersonated user. */
  asGroups?: string[]
}

function warningTexts(header: string | undefined): string[] {
  return [...(header ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) =>
    (match[1] ?? '').replaceAll(/\\(.)/g, '$1')
  )
}

/** A client for `url` that trusts `caPem` only and authenticates with a bearer token. `agent`: its connections. */
export function kubeClient(url: string, caPem: string, token: string, agent?: Agent): Kube {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {}
  ): Promise<KubeResponse> {
    const payload = body === undefined ? undefined : JSON.stringify(body)
    return await new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(path, url),
        {
          method,
          ca: caPem,
          ...(agent === undefined ? {} : { agent }),
          timeout: 30_000,
          headers: {
            authorization: `Bearer ${token}`,
            accept: options.accept ?? 'application/json',
            ...(payload === undefined
              ? {}
              : { 'content-type': options.contentType ?? 'application/json' }),
            ...(options.asUser === undefined ? {} : { 'impersonate-user': options.asUser }),
            ...(options.asGroups === undefined ? {} : { 'impersonate-group': options.asGroups })
          }
        },
        (incoming) => {
          let text = ''
          incoming.setEncoding('utf8')
          incoming.on('data', (chunk: string) => (text += chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            const isJson = (incoming.headers['content-type'] ?? '').includes('json')
            resolve({
              status: incoming.statusCode ?? 0,
              body: isJson ? (JSON.parse(text) as Json) : { text },
              warnings: warningTexts(incoming.headers.warning)
            })
          })
        }
      )
      outgoing.on('error', reject)
      outgoing.on('timeout', () =>
        outgoing.destroy(new Error(`${method} ${path}: no answer in 30 s`))
      )
      outgoing.end(payload)
    })
  }
  return {
    call,
    async do(method, path, body, options) {
      const answer = await call(method, path, body, options)
      if (answer.status >= 400) {
        const message = answer.body['message'] ?? answer.body['text']
        throw new Error(`${method} ${path}: ${answer.status} ${String(message)}`)
      }
      return answer.body
    }
  }
}
