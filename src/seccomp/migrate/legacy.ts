import { annotations } from '../../api/names.js'

/** `securityContext.seccompProfile`. */
export interface SeccompField {
  type: 'RuntimeDefault' | 'Unconfined' | 'Localhost'
  localhostProfile?: string
}

/**
 * What a retired annotation meant (Kubernetes 1.19 to 1.26 did the same): `runtime/default`,
 * `docker/default`, `unconfined`, `localhost/PATH`. undefined for any other value.
 */
export function legacyField(value: unknown): SeccompField | undefined {
  if (value === 'runtime/default' || value === 'docker/default') return { type: 'RuntimeDefault' }
  if (value === 'unconfined') return { type: 'Unconfined' }
  if (typeof value !== 'string' || !value.startsWith('localhost/')) return undefined
  const path = value.slice('localhost/'.length)
  // The API server wants a descending path; anything else would be rejected there.
  const descends = path !== '' && !path.startsWith('/') && !path.split('/').includes('..')
  return descends ? { type: 'Localhost', localhostProfile: path } : undefined
}

/** The container that an annotation is of; '' for the pod's; undefined for another annotation. */
export function legacySubject(key: string): string | undefined {
  if (key === annotations.legacyPod) return ''
  if (!key.startsWith(annotations.legacyContainerPrefix)) return undefined
  return key.slice(annotations.legacyContainerPrefix.length)
}

/** Where kinds keep their pod: path from the object to what has `metadata` and `spec` of a pod. */
export const podPaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template']
}
