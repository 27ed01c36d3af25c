/** Identity of Secco's objects in the Kubernetes API and in a store. */
export const apiGroup = 'secco.dev'
export const apiVersion = 'secco.dev/v1alpha1'
/** Rules and profiles in this namespace apply cluster-wide. */
export const rootNamespace = 'secco-system'

/**
 * Taint of a new node that does not have every file yet. The webhook adds it, or the kubelet
 * (`--register-with-taints`); the active hub removes it.
 */
export const startupTaint = 'secco.dev/not-ready'

/** Secret with the sessions of browsers; the installation makes it, so that the hub needs no right to create Secrets. */
export const sessionSecret = 'secco-sessions'

/** Label of the pods that answer reviews: the replicas of the webhook. */
export const admissionRole = 'secco.dev/role-admission'

/** Labels that work without a rule, chosen by a workload's author: they tighten, never weaken. */
export const labels = {
  profile: 'secco.dev/profile',
  /** Prefix of the label for one container: prefix + container name. */
  containerProfilePrefix: 'secco.dev/profile.',
  learn: 'secco.dev/learn',
  ignore: 'secco.dev/ignore'
} as const

export const annotations = {
  /** Audit: JSON of rule, profile and revision per container. */
  assigned: 'secco.dev/assigned',
  /** Seed's pod annotation; kubelets since 1.27 ignore it. */
  legacyPod: 'seccomp.security.alpha.kubernetes.io/pod',
  /** Seed's container annotation: prefix + container name. */
  legacyContainerPrefix: 'container.seccomp.security.alpha.kubernetes.io/',
  /** On an OCI container outside Kubernetes: the profile it is learned into. */
  profile: 'secco.dev/profile'
} as const

/** Annotation of the mirror pod that a kubelet creates for a static pod (k8s.io/api core/v1 MirrorPodAnnotationKey). */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** RFC 1123 subdomain without '/', also the only thing that may become a path segment. */
export const namePattern = '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$'
export const namespacePattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'

/** Path of a revision's file below the kubelet's seccomp root. */
export function revisionPath(namespace: string, name: string, digest: string): string {
  return `secco/${namespace}/${name}/${digest.replace(/^sha256:/, '')}.json`
}
