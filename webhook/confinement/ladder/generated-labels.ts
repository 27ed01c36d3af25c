/**
 * Labels that the controllers of Kubernetes write on each of their pods: no rule is about them.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/
 */
const generated = new Set([
  'pod-template-hash',
  'pod-template-generation',
  'controller-revision-hash',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
  'batch.kubernetes.io/job-completion-index',
  'controller-uid',
  'job-name'
])

/** Returns the labels of a pod that its author wrote. */
export function authoredLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !generated.has(key)))
}
