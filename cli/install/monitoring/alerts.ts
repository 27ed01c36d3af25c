/** One alert of the PrometheusRule. */
export interface Alert {
  alert: string
  expr: string
  for: string
  severity: 'critical' | 'warning' | 'info'
  summary: string
  description: string
}

/** Jobs are named after the Services that are scraped. */
export const jobs = { central: 'secco-metrics', satellite: 'secco-satellite-metrics' } as const

/** What a person should be told of; each says what to do next. */
export const alerts: readonly Alert[] = [
  {
    alert: 'SeccoAway',
    expr: `absent(up{job="${jobs.central}"} == 1)`,
    for: '5m',
    severity: 'critical',
    summary: 'No replica of the webhook or hub answers',
    description:
      'New pods start without what Secco would give them (failurePolicy Ignore); the policy on the final state warns. Look at the pods in secco-system.'
  },
  {
    alert: 'SeccoAdmissionSlow',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(secco_admission_duration_seconds_bucket[5m]))) > 0.5',
    for: '10m',
    severity: 'warning',
    summary: 'One review in a hundred takes more than half a second',
    description:
      'The API server gives up after 2 s and lets the pod through. Give the webhook CPU, or add replicas.'
  },
  {
    alert: 'SeccoAdmissionRefusing',
    expr: 'sum by (code) (increase(secco_admission_refused_total[10m])) > 0',
    for: '10m',
    severity: 'warning',
    summary: 'Requests to the webhook are refused: {{ $labels.code }}',
    description:
      'docs/reference has the code. Somebody else asks, or the API server sends what Secco cannot read.'
  },
  {
    alert: 'SeccoNotReadyPods',
    expr: 'sum by (reason, instead) (increase(secco_admission_fallbacks_total[15m])) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'Containers get {{ $labels.instead }} instead of their profile: {{ $labels.reason }}',
    description:
      'secco doctor shows which link of the chain is open; kubectl describe pod says why for each.'
  },
  {
    alert: 'SeccoProfilesWaiting',
    expr: 'max(secco_profiles{state="waiting"}) > 0',
    for: '30m',
    severity: 'warning',
    summary: '{{ $value }} profiles are not on every node',
    description:
      'kubectl get seccompprofiles -A -o wide shows ready/total; the nodes that lack a file are on the page Nodes.'
  },
  {
    alert: 'SeccoUnprotected',
    expr: 'max(secco_containers_unprotected) > 0',
    for: '15m',
    severity: 'warning',
    summary: '{{ $value }} containers run without the protection that a rule would give',
    description: 'They were admitted without the webhook. Restart them: secco ps says which.'
  },
  {
    alert: 'SeccoDrift',
    expr: 'max by (kind) (secco_containers_drifted) > 0',
    for: '15m',
    severity: 'critical',
    summary: 'Declared, on disk and in the kernel disagree: {{ $labels.kind }}',
    description: 'secco doctor --node on the node; a file below secco/ never changes by our hand.'
  },
  {
    alert: 'SeccoFilterMismatch',
    expr: 'max by (instance) (secco_satellite_complaints{type="FiltersMatch"}) > 0',
    for: '0m',
    severity: 'critical',
    summary: 'On {{ $labels.instance }} calls succeed that a profile refuses',
    description:
      'Another filter is in force than the profile of a container: the page of the node names it, secco ps --wrong shows what can be read of it. Start the container again, then the satellite.'
  },
  {
    alert: 'SeccoRecorderInexact',
    expr: 'max by (instance) (secco_satellite_complaints{type="RecorderExact"}) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'The recorder of {{ $labels.instance }} does not count all calls',
    description:
      'What is learned there is marked as incomplete. Look for other tracers on the node; secco doctor --node there.'
  },
  {
    alert: 'SeccoDenials',
    expr: 'sum by (node, answer) (increase(secco_denials_total{answer!="expected"}[10m])) > 0',
    for: '0m',
    severity: 'info',
    summary: 'Calls are refused on {{ $labels.node }} ({{ $labels.answer }})',
    description:
      'secco denials tells the pod, the call and the way to allow it, or to keep it refused.'
  },
  {
    alert: 'SeccoNodeDisconnected',
    expr: 'max by (node) (secco_node_connected) == 0',
    for: '10m',
    severity: 'warning',
    summary: 'Node {{ $labels.node }} speaks to no hub',
    description:
      'It keeps its files and what it records, and gets no new revision: pods that could run there wait for it.'
  },
  {
    alert: 'SeccoObservationsWaiting',
    expr: 'min_over_time(secco_satellite_observations_waiting[30m]) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'Observations of {{ $labels.instance }} have waited for half an hour',
    description:
      'secco_satellite_hub_connected says whether it is connected; secco_hub_refused_total why they are not taken.'
  },
  {
    alert: 'SeccoLosses',
    expr: 'sum by (instance, kind) (increase(secco_satellite_losses_total[15m])) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $labels.instance }} could not keep all that it recorded: {{ $labels.kind }}',
    description:
      "What is learned there is marked as incomplete. secco doctor --node in that satellite's pod says what to do about it."
  },
  {
    alert: 'SeccoHubRefuses',
    expr: 'sum by (reason) (increase(secco_hub_refused_total[15m])) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'The hub refuses satellites or what they say: {{ $labels.reason }}',
    description:
      'docs/security.md has the reasons. A node that is refused again and again may not be what it says.'
  },
  {
    alert: 'SeccoWatchRestarts',
    expr: 'sum by (resource) (increase(secco_watch_restarts_total{reason="failed"}[15m])) > 10',
    for: '15m',
    severity: 'warning',
    summary: 'The watch of {{ $labels.resource }} does not hold',
    description:
      'Decisions rest on what was seen last. Look at the API server, and at what is between.'
  },
  {
    alert: 'SeccoCertificateEnding',
    expr: 'min(secco_tls_cert_not_after_timestamp_seconds) - time() < 7 * 86400',
    for: '1h',
    severity: 'critical',
    summary: "The webhook's certificate ends within a week",
    description:
      'It is renewed with a third of its life left: the log of the replica that holds the lease secco-certificates says why it was not.'
  }
]
