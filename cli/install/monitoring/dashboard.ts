import { jobs } from './alerts.js'

interface Panel {
  title: string
  kind: 'timeseries' | 'stat'
  unit: string
  targets: readonly (readonly [expr: string, legend: string])[]
}

/** Panels in order: availability, protection, losses. */
export const panels: readonly Panel[] = [
  {
    title: 'Replicas that answer',
    kind: 'stat',
    unit: 'short',
    targets: [[`sum(up{job="${jobs.central}"})`, 'webhook and hub']]
  },
  {
    title: 'Nodes connected',
    kind: 'stat',
    unit: 'short',
    targets: [['sum(max by (node) (secco_node_connected))', 'connected']]
  },
  {
    title: 'Rules',
    kind: 'stat',
    unit: 'short',
    targets: [['max(secco_rules)', 'rules']]
  },
  {
    title: "Until the certificate's end",
    kind: 'stat',
    unit: 's',
    targets: [['min(secco_tls_cert_not_after_timestamp_seconds) - time()', 'left']]
  },
  {
    title: 'Containers, by what the kernel enforces',
    kind: 'timeseries',
    unit: 'short',
    targets: [['max by (state) (secco_containers)', '{{state}}']]
  },
  {
    title: 'Profiles',
    kind: 'timeseries',
    unit: 'short',
    targets: [['max by (state) (secco_profiles)', '{{state}}']]
  },
  {
    title: 'Not as decided',
    kind: 'timeseries',
    unit: 'short',
    targets: [
      ['max(secco_containers_unprotected)', 'unprotected'],
      ['max(secco_containers_stale)', 'older revision'],
      ['max by (kind) (secco_containers_drifted)', 'drift: {{kind}}']
    ]
  },
  {
    title: 'Denials',
    kind: 'timeseries',
    unit: 'ops',
    targets: [['sum by (answer) (rate(secco_denials_total[5m]))', '{{answer}}']]
  },
  {
    title: 'Reviews, by decision',
    kind: 'timeseries',
    unit: 'reqps',
    targets: [
      ['sum by (decision) (rate(secco_admission_requests_total[5m]))', '{{decision}}'],
      ['sum(rate(secco_admission_repeated_total[5m]))', 'answered as before']
    ]
  },
  {
    title: 'Time of a review',
    kind: 'timeseries',
    unit: 's',
    targets: [
      [
        'histogram_quantile(0.5, sum by (le) (rate(secco_admission_duration_seconds_bucket[5m])))',
        'half'
      ],
      [
        'histogram_quantile(0.99, sum by (le) (rate(secco_admission_duration_seconds_bucket[5m])))',
        '99 in 100'
      ]
    ]
  },
  {
    title: 'Other than the newest revision, or rejected',
    kind: 'timeseries',
    unit: 'short',
    targets: [
      [
        'sum by (reason, instead) (increase(secco_admission_fallbacks_total[5m]))',
        '{{instead}}: {{reason}}'
      ],
      ['sum(increase(secco_admission_loosening_total[5m]))', 'would have been less strict'],
      ['sum by (code) (increase(secco_admission_rejected_total[5m]))', 'request: {{code}}']
    ]
  },
  {
    title: 'Recorders',
    kind: 'timeseries',
    unit: 'short',
    targets: [
      ['sum(secco_satellite_recording)', 'attached'],
      ['sum(secco_satellite_hub_connected)', 'connected'],
      ['sum(secco_satellite_observations_waiting)', 'observations waiting'],
      ['sum(secco_satellite_revisions_held)', 'revisions held']
    ]
  },
  {
    title: 'Lost while recording',
    kind: 'timeseries',
    unit: 'short',
    targets: [['sum by (kind) (increase(secco_satellite_losses_total[5m]))', '{{kind}}']]
  },
  {
    title: 'Rejected by the hub, and watches that failed',
    kind: 'timeseries',
    unit: 'short',
    targets: [
      ['sum by (reason) (increase(secco_hub_rejected_total[5m]))', '{{reason}}'],
      ['sum by (resource) (increase(secco_watch_restarts_total[5m]))', 'watch: {{resource}}']
    ]
  },
  {
    title: 'Observations that the hub has not written yet, and satellites that it slowed down',
    kind: 'timeseries',
    unit: 'short',
    targets: [
      ['sum(secco_hub_observations_waiting)', 'waiting'],
      ['sum(increase(secco_hub_slowed_total[5m]))', 'slowed down']
    ]
  }
]

/** Returns the dashboard as Grafana imports it (schema 39); the data source is chosen there. Pure. */
export function dashboard(): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' }
  let x = 0
  let y = 0
  const placed = panels.map(({ title, kind, unit, targets }, at) => {
    const [w, h] = kind === 'stat' ? [6, 4] : [12, 8]
    const gridPos = { x, y, w, h }
    x += w
    if (x >= 24) [x, y] = [0, y + h]
    return {
      id: at + 1,
      ...{ type: kind, title, datasource, gridPos },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      options: kind === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : {},
      targets: targets.map(([expr, legendFormat], index) => ({
        refId: String.fromCharCode(65 + index),
        ...{ datasource, expr, legendFormat }
      }))
    }
  })
  return {
    ...{ uid: 'secco', title: 'Secco', tags: ['secco', 'security'], schemaVersion: 39, version: 1 },
    ...{ editable: true, refresh: '30s', time: { from: 'now-6h', to: 'now' }, timezone: '' },
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' }]
    },
    panels: placed
  }
}
