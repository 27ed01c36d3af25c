import type { ContainerStatus, Pod } from './pods.js'

/** Reasons of a waiting container that only another image cures: tests have no registry to wait for. */
const imageReasons = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']

function statusesOf({ status }: Pod): ContainerStatus[] {
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
}

/** Returns why one of these pods can never become ready, or undefined while all of them may. */
export function whyNeverReady(pods: readonly Pod[]): string | undefined {
  for (const pod of pods) {
    for (const { name, state } of statusesOf(pod)) {
      const { reason = '', message = '' } = state.waiting ?? {}
      if (!imageReasons.includes(reason)) continue
      return `pod ${pod.metadata.name}, container ${name}: ${reason} ${message}`.trim()
    }
  }
  return undefined
}
