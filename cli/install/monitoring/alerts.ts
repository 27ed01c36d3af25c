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

/** The alerts; each description names the next step. */
export const alerts: readonly Alert[] = [
  {
    alert: 'SeccoAway',
    expr: `absent(up{job="${jobs.central}"} == 1)`,
    for: '5m',
    severity: 'critical',
    summary: 'No replica of the webhook or hub answers',
    description:
      'New pods start without their profiles (failurePolicy Ignore); the policy on the final state warns. ' +
      'Look at the pods in secco-system.'
  },
  {
    alert: 'SeccoAdmissionSlow',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(secco_admission_duration_seconds_bucket[5m]))) > 0.5',
    for: '10m',
    severity: 'warning',
    summary: 'One review in a hundred takes more than half a second',
    description:
      'The API server stops waiting after 2 s and creates the pod unpatched. Give the webhook CPU, or add replicas.'
  },
  {
    alert: 'SeccoAdmissionRejecting',
    expr: 'sum by (code) (increase(secco_admission_rejected_total[10m])) > 0',
    for: '10m',
    severity: 'warning',
    summary: 'Requests to the webhook are rejected: {{ $labels.code }}',
    description:
      'docs/reference/errors.md explains the code. The client is not the API server, or Secco cannot read the request.'
  },
  {
    alert: 'SeccoNotReadyPods',
    expr: 'sum by (reason, instead) (increase(secco_admission_fallbacks_total[15m])) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'Containers get {{ $labels.instead }} instead of their profile: {{ $labels.reason }}',
    description:
      'secco doctor shows the broken link of the chain; kubectl describe pod shows the reason for each pod.'
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
    description:
      'They are older than the rule, run where Secco only observes, or were created while the webhook was not asked. ' +
      '`secco ps --wrong` lists them, and `secco explain NAMESPACE/POD` says which it is; recreate pods that are older or were missed.'
  },
  {
    alert: 'SeccoDrift',
    expr: 'max by (kind) (secco_containers_drifted) > 0',
    for: '15m',
    severity: 'critical',
    summary: 'Declared, on disk and in the kernel disagree: {{ $labels.kind }}',
    description: 'Run secco doctor --node on the node. Secco never changes a file below secco/.'
  },
  {
    alert: 'SeccoFilterMismatch',
    expr: 'max by (instance) (secco_satellite_complaints{type="FiltersMatch"}) > 0',
    for: '0m',
    severity: 'critical',
    summary: 'On {{ $labels.instance }} syscalls succeed that a profile denies',
    description:
      'The filter in force is not the profile of a container. The page of the node and secco ps --wrong name it. ' +
      'Restart the container, then the satellite.'
  },
  {
    alert: 'SeccoRecorderInexact',
    expr: 'max by (instance) (secco_satellite_complaints{type="RecorderExact"}) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'The recorder of {{ $labels.instance }} does not count all syscalls',
    description:
      'What is learned there is marked as incomplete. `secco doctor --node` on the node looks for other tracers.'
  },
  {
    alert: 'SeccoDenials',
    expr: 'sum by (node, answer) (increase(secco_denials_total{answer!="expected"}[10m])) > 0',
    for: '0m',
    severity: 'info',
    summary: 'Syscalls are denied on {{ $labels.node }} ({{ $labels.answer }})',
    description: 'secco denials shows the pod and the syscall, and how to allow or mute it.'
  },
  {
    alert: 'SeccoDenialsOpen',
    expr: 'max(secco_denials_open) > 0',
    for: '1h',
    severity: 'warning',
    summary: '{{ $value }} denied syscalls have waited for a decision for an hour',
    description:
      'A workload may fail on them, or an attacker made them. secco denials lists them, and how to allow or mute each.'
  },
  {
    alert: 'SeccoNodeDisconnected',
    expr: 'max by (node) (secco_node_connected) == 0',
    for: '10m',
    severity: 'warning',
    summary: 'Node {{ $labels.node }} is not connected to a hub',
    description:
      'It keeps its files and records, but gets no new revision, so new revisions do not become ready.'
  },
  {
    alert: 'SeccoNodesMissing',
    expr: 'max(secco_nodes_missing) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'Of {{ $value }} nodes it is not known what runs there',
    description:
      'No other metric of containers knows of them, so none of them is an all-clear. secco get nodes names them.'
  },
  {
    alert: 'SeccoNodeHoldsUpProfiles',
    expr: 'max by (node) (secco_node_holds_up_profiles) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'Profiles wait for node {{ $labels.node }}, which lacks their revisions',
    description:
      'New pods that could run there do not get these profiles, on any node. secco doctor names the profiles and the next step.'
  },
  {
    alert: 'SeccoObservationsWaiting',
    expr: 'min_over_time(secco_satellite_observations_waiting[30m]) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'Observations of {{ $labels.instance }} have waited for half an hour',
    description:
      'Look at secco_satellite_hub_connected (connection) and secco_hub_rejected_total (rejections by the hub).'
  },
  {
    alert: 'SeccoLosses',
    expr: 'sum by (instance, kind) (increase(secco_satellite_losses_total[15m])) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $labels.instance }} lost part of its records: {{ $labels.kind }}',
    description:
      "What is learned there is marked as incomplete. Run secco doctor --node in that satellite's pod."
  },
  {
    alert: 'SeccoHubRejects',
    expr: 'sum by (reason) (increase(secco_hub_rejected_total[15m])) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'The hub rejects satellites or their reports: {{ $labels.reason }}',
    description:
      'docs/security.md explains the reasons. A node that is rejected repeatedly may not be what it claims.'
  },
  {
    alert: 'SeccoWatchRestarts',
    expr: 'sum by (resource) (increase(secco_watch_restarts_total{reason="failed"}[15m])) > 10',
    for: '15m',
    severity: 'warning',
    summary: 'The watch of {{ $labels.resource }} fails repeatedly',
    description:
      'Decisions use the last known objects. Look at the API server and the network to it.'
  },
  {
    alert: 'SeccoCertificateEnding',
    expr: 'min(secco_tls_cert_not_after_timestamp_seconds) - time() < 7 * 86400',
    for: '1h',
    severity: 'critical',
    summary: "The webhook's certificate ends within a week",
    description:
      'It should be renewed with a third of its life left. Look at the log of the replica that holds the lease ' +
      'secco-certificates.'
  }
]
