import { request } from 'node:https'

/** A webhook that runs on this machine, and who signs for it. */
export interface Webhook {
  webhook: string
  /** PEM, base64. */
  caBundle: string
  /** A name in its certificate; default: that of the address. */
  serverName?: string
}

interface Response {
  allowed: boolean
  patch?: string
}

/** Sends the review of a new object to a path of the webhook. */
function review(
  { webhook, caBundle, serverName: servername }: Webhook,
  path: string,
  object: object
): Promise<Response> {
  const resource = { group: '', version: 'v1', resource: path === '/mutate' ? 'pods' : 'nodes' }
  const body = {
    ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
    request: {
      uid: 'uid-1',
      operation: 'CREATE',
      namespace: 'default',
      dryRun: false,
      resource,
      object
    }
  }
  return new Promise((resolve, reject) => {
    const ca = Buffer.from(caBundle, 'base64').toString()
    const url = webhook.replace('127.0.0.1', 'localhost')
    const headers = { 'content-type': 'application/json' }
    const options = { method: 'POST', ca, headers, agent: false, servername }
    const call = request(`${url}${path}`, options, (got) => {
      let answer = ''
      got.on('data', (chunk: Buffer) => (answer += chunk.toString()))
      got.on('end', () => resolve((JSON.parse(answer) as { response: Response }).response))
    })
    call.once('error', reject)
    call.end(JSON.stringify(body))
  })
}

/** A pod whose name ends with an ordinal is one of a StatefulSet: the ordinal decides about its side of a canary. */
function ownersOf(pod: string): { ownerReferences?: object[] } {
  const name = /^(.+)-\d+$/.exec(pod)?.[1]
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', uid: 'uid-2', controller: true }
  return name === undefined ? {} : { ownerReferences: [{ ...owner, name }] }
}

/** The patch of a new pod; empty when it gets none. */
export async function admitted(
  webhook: Webhook,
  pod: string,
  labels: Record<string, string>,
  annotations: Record<string, string> = {}
): Promise<string> {
  const response = await review(webhook, '/mutate', {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name: pod, labels, annotations, ...ownersOf(pod) },
    spec: { containers: [{ name: 'app', image: 'app' }] }
  })
  return Buffer.from(response.patch ?? '', 'base64').toString()
}

/** The path of the file that a new pod of this name and these labels gets; empty when it gets none. */
export async function admit(
  webhook: Webhook,
  pod: string,
  labels: Record<string, string>
): Promise<string> {
  const patch = await admitted(webhook, pod, labels)
  return /"localhostProfile":"([^"]+)"/.exec(patch)?.[1] ?? ''
}

/** Whether a new node is allowed. */
export async function admitNode(webhook: Webhook): Promise<boolean> {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: {} }
  return (await review(webhook, '/mutate-node', node)).allowed
}
