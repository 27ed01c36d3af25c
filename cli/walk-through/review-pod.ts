import { randomUUID } from 'node:crypto'
import { request } from 'node:https'
import { labels } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { ObjectRef } from '../../src/store/store.js'

interface Review {
  response: {
    uid: string
    allowed: boolean
    patch?: string
    patchType?: string
    warnings?: string[]
  }
}

function post(webhook: { url: string; ca: string }, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${webhook.url}/mutate`,
      {
        method: 'POST',
        ca: webhook.ca,
        headers: { 'content-type': 'application/json' },
        agent: false,
        timeout: 5000
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          resolve(Buffer.concat(chunks).toString())
        })
      }
    )
    call.once('timeout', () => call.destroy(new Error('no answer within 5 s')))
    call.once('error', reject)
    call.end(body)
  })
}

/** Returns the review of a pod that asks for a profile by label, as an API server sends it (admission.k8s.io/v1). */
function labelledPodReview(profile: ObjectRef): Record<string, unknown> {
  const uid = randomUUID()
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace: profile.namespace,
      name: 'web',
      userInfo: { username: 'walk-through' },
      dryRun: false,
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'web',
          namespace: profile.namespace,
          labels: { [labels.profile]: profile.name }
        },
        spec: { containers: [{ name: 'nginx', image: 'nginx' }] }
      }
    }
  }
}

/** Posts the review and returns the patch as lines. Throws when the pod does not get the profile's path. */
export async function reviewPod(
  webhook: { url: string; ca: string },
  profile: ObjectRef
): Promise<string[]> {
  const answer = JSON.parse(
    await post(webhook, JSON.stringify(labelledPodReview(profile)))
  ) as Review
  const { response } = answer
  if (response.patch === undefined) {
    throw new SeccoError('INTERNAL', `the webhook gave no patch: ${JSON.stringify(response)}`)
  }
  const operations = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as {
    op: string
    path: string
    value: unknown
  }[]
  const text = JSON.stringify(operations)
  if (!text.includes(`secco/${profile.namespace}/${profile.name}/`)) {
    throw new SeccoError('INTERNAL', `the patch does not name the profile's file: ${text}`)
  }
  const warnings = (response.warnings ?? []).map((warning) => `warning: ${warning}`)
  return [
    ...operations.map(({ op, path, value }) => `${op} ${path} ${JSON.stringify(value)}`),
    ...warnings
  ]
}
