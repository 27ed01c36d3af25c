import type { Json } from '../../helpers/kube.js'
import { testContainer } from '../../helpers/kubernetes/pods.js'

/** A workload as its author wrote it, and what is true of it. */
export interface Workload {
  kind: 'Deployment' | 'StatefulSet' | 'CronJob' | 'DaemonSet'
  name: string
  /** How many pods it has at a time. */
  pods: number
  /** Its containers, each with calls that only it makes, or that its first start alone does not show. */
  calls: Readonly<Record<string, readonly string[]>>
  /** The container that serves HTTP on port 8080; a job has none. */
  server?: string
  object: Json
}

/** All that level `restricted` of Pod Security asks of a container, but its seccomp profile, which is Secco's. */
const careful = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
const container = (name: string, args: readonly string[], more: Json = {}): Json =>
  testContainer(name, args, { securityContext: careful, ...more })
const shell = (name: string, script: string): Json => ({
  ...container(name, []),
  command: ['/bin/sh', '-c', script]
})
const run = (...command: string[]): Json => ({ exec: { command } })

const podSpec = (containers: readonly Json[], more: Json = {}): Json => ({
  terminationGracePeriodSeconds: 2,
  securityContext: { runAsNonRoot: true, runAsUser: 65534 },
  containers,
  ...more
})

/** Returns the template of the pods of a workload, which are learned. */
const template = (name: string, spec: Json): Json => ({
  metadata: { labels: { app: name, 'secco.dev/learn': 'true' } },
  spec
})

const controlled = (kind: string, name: string, spec: Json, more: Json = {}): Json => ({
  ...{ apiVersion: 'apps/v1', kind, metadata: { name } },
  spec: { selector: { matchLabels: { app: name } }, template: template(name, spec), ...more }
})

/** The workloads of the namespace: nothing in them is for Secco but the label that lets it learn. */
export const workloads: readonly Workload[] = [
  {
    ...{ kind: 'Deployment', name: 'web', pods: 3, server: 'app' },
    // The hook before the stop makes a folder.
    calls: { setup: ['getpgid'], mesh: ['getpriority'], app: ['getsid', 'mkdir'] },
    object: controlled(
      'Deployment',
      'web',
      podSpec(
        [
          container('app', ['8080', 'getsid'], {
            lifecycle: {
              postStart: run('/bin/sh', '-c', 'echo started > /tmp/started'),
              preStop: run('/bin/sh', '-c', 'mkdir -p /tmp/stopped')
            }
          })
        ],
        {
          initContainers: [
            container('setup', ['once', 'getpgid']),
            container('mesh', ['8081', 'getpriority'], { restartPolicy: 'Always' })
          ]
        }
      ),
      { replicas: 3 }
    )
  },
  {
    ...{ kind: 'StatefulSet', name: 'db', pods: 1, server: 'db' },
    calls: { db: ['memfd_create', 'connect'] },
    object: controlled(
      'StatefulSet',
      'db',
      podSpec([
        container('db', ['8080', 'memfd_create'], {
          readinessProbe: {
            periodSeconds: 1,
            timeoutSeconds: 20,
            ...run('/bin/server', 'get', '127.0.0.1', '8080', '/')
          },
          livenessProbe: {
            periodSeconds: 1,
            timeoutSeconds: 20,
            ...run('/bin/sh', '-c', 'test -d /proc/1')
          }
        })
      ]),
      { serviceName: 'db', replicas: 1 }
    )
  },
  {
    ...{ kind: 'CronJob', name: 'tick', pods: 1 },
    calls: { tick: ['getpgid'] },
    object: {
      ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick' } },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: {
          spec: {
            backoffLimit: 0,
            template: template(
              'tick',
              podSpec([container('tick', ['once', 'getpgid'])], { restartPolicy: 'Never' })
            )
          }
        }
      }
    }
  },
  {
    ...{ kind: 'DaemonSet', name: 'agent', pods: 1, server: 'agent' },
    calls: { agent: ['sched_getaffinity'], look: ['getdents64'] },
    object: controlled(
      'DaemonSet',
      'agent',
      podSpec(
        [
          container('agent', ['8080', 'sched_getaffinity']),
          shell('look', 'while :; do ls /proc > /dev/null; sleep 1; done')
        ],
        { shareProcessNamespace: true }
      )
    )
  }
]
