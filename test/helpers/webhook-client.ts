import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { allShellBlocks, readDocument } from './documents.js'

const page = 'docs/how-to/strict.md'

interface WebhookClient {
  /** File with the authority of the API server's client certificate. */
  authority: string
  /** What the API server is started with, so that it shows the certificate. */
  apiServerFlags: string[]
}

/**
 * Gives an API server its client certificate as docs/how-to/strict.md does: runs its commands and writes its files.
 * @param webhook where the API server asks: the name of a Service, or HOST:PORT of a URL
 */
export function makeWebhookClient(
  folder: string,
  webhook = 'secco-webhook.secco-system.svc'
): WebhookClient {
  for (const { text } of allShellBlocks().filter(({ runner }) => runner === 'strict')) {
    execFileSync('sh', ['-ec', text], { cwd: folder, stdio: 'pipe' })
  }
  const files = [...readDocument(page).matchAll(/^```yaml\n# (\S+)\n([^]*?)^```/gm)]
  if (files.length !== 2) throw new Error(`${page}: ${files.length} files`)
  for (const [, name = '', text = ''] of files) {
    const placed = text
      .replaceAll('/etc/kubernetes/webhooks', folder)
      .replaceAll('secco-webhook.secco-system.svc', webhook)
    writeFileSync(join(folder, name), placed)
  }
  return {
    authority: join(folder, 'webhook-clients.crt'),
    apiServerFlags: [`--admission-control-config-file=${join(folder, 'admission.yaml')}`]
  }
}

interface Webhook {
  host: string
  port: number
  /** PEM; undefined: its certificate is not checked. */
  ca?: string
}

/** The status of the answer to somebody without a client certificate. */
export function askWithoutCertificate({ host, port, ca }: Webhook, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const method = path === '/mutate' ? 'POST' : 'GET'
    const trust = ca === undefined ? { rejectUnauthorized: false } : { ca }
    const headers = { 'content-type': 'application/json' }
    const outgoing = request({ host, port, path, method, headers, ...trust }, (response) => {
      resolve(response.statusCode ?? 0)
      response.resume()
    })
    outgoing.on('error', reject)
    outgoing.end(method === 'POST' ? '{}' : undefined)
  })
}
