import type { ContainerView } from './container-view.js'

/** Returns the command that restarts a container, so that it gets what a new one would get. Secco never runs it. */
export function restartCommand(view: ContainerView): string {
  const { namespace, pod, workload, runtime, id } = view
  const [kind = '', name = ''] = workload.split('/')
  if (pod === '') {
    return runtime === 'docker'
      ? `docker restart ${id.slice(0, 12)}`
      : `start ${id} again with the file of the revision`
  }
  if (kind === 'Pod' || kind === 'Job' || kind === 'CronJob') {
    return `kubectl delete pod -n ${namespace} ${pod}`
  }
  return `kubectl rollout restart -n ${namespace} ${kind.toLowerCase()}/${name}`
}

/** Returns what identifies a container in a list, with the command that restarts it. */
export const containerRef = (view: ContainerView) => ({
  ...{ key: view.key, node: view.node, namespace: view.namespace, workload: view.workload },
  ...{ name: view.name, pod: view.pod, command: restartCommand(view) }
})
