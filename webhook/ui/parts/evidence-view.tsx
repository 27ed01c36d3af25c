import type { VNode } from 'preact'
import { startRiskText } from '../../../src/seccomp/review/start-risk.js'
import type { StartObstacle } from '../../../src/confinement/start-gate.js'
import type { EvidenceItem } from '../../../src/seccomp/review/evidence-item.js'
import type { Estimate } from '../../../src/seccomp/review/unseen.js'
import { ForceIfAsked } from './forms.js'
import { Icon } from './icons.js'
import { Facts, Sentence } from './panels.js'

const words: Readonly<Record<string, string>> = {
  instances: 'Instances',
  whole: 'Seen from the start',
  nodes: 'Nodes',
  kernels: 'Kernels',
  image: 'One image',
  abis: 'ABIs',
  start: 'Start',
  serve: 'Serving',
  stop: 'Stop',
  probe: 'Probe',
  denied: 'Nothing denied',
  lost: 'Nothing lost',
  quiet: 'Quiet'
}

/** What is missing of the evidence and can break the workload: a banner with the next step, above what it is about. */
export function BadEvidence({ evidence }: { evidence: readonly EvidenceItem[] }): VNode {
  return (
    <div data-live="bad-evidence">
      {evidence
        .filter(({ bad }) => bad === true)
        .map(({ item, detail, next = '' }) => (
          <p class="banner bad" data-key={item}>
            <Icon name="tri" tone="bad" />{' '}
            <bdi>
              <Sentence text={detail} />
            </bdi>
            . Next: <Sentence text={next} />
          </p>
        ))}
    </div>
  )
}

/** The box by which a person approves what is enforced at once although a start under it can fail. */
export function ForceRiskyStart(props: { obstacle: StartObstacle | undefined }): VNode {
  const { obstacle } = props
  // Another proposal than the one that is shown can need it.
  if (obstacle === undefined) return <ForceIfAsked />
  const { profile, risk, by } = obstacle
  return (
    <label>
      <input type="checkbox" name="force" data-kind="boolean" value="true" /> Approve nevertheless:{' '}
      <bdi>
        {startRiskText(profile, risk)}; {by} enforces it at once
      </bdi>
    </label>
  )
}

/** The evidence of completeness, and for each missing item what to do. */
export function EvidenceList({ evidence }: { evidence: readonly EvidenceItem[] }): VNode {
  const met = evidence.filter(({ ok }) => ok).length
  return (
    <section class="panel" aria-labelledby="h-ev">
      <header>
        <h2 id="h-ev">Evidence</h2>
        <p class="strong">
          {met} of {evidence.length}
        </p>
      </header>
      <div class="body">
        <ul class="checks">
          {evidence.map(({ item, ok, bad, detail, next }) => (
            <li>
              {ok ? (
                <Icon name="yes" tone="ok" />
              ) : (
                <Icon name={bad === true ? 'tri' : 'open'} tone={bad === true ? 'bad' : 'warn'} />
              )}
              <span>
                {words[item] ?? item}
                <span class="vh">{ok ? ': met' : ': missing'}</span>
              </span>
              <span class={bad === true ? 'v bad' : 'v'}>
                <bdi>
                  <Sentence text={detail} />
                </bdi>
              </span>
              {next !== undefined && (
                <span class="hint">
                  <Sentence text={next} />
                </span>
              )}
            </li>
          ))}
        </ul>
      </div>
    </section>
  )
}

function rangeView(estimate: Exclude<Estimate, { tooFew: true }>): VNode {
  const { seen, expected, upper } = estimate
  const most = seen + upper || 1
  const x = (value: number) => Math.round((value / most) * 320)
  return (
    <svg
      class="range"
      viewBox="0 0 328 44"
      role="img"
      aria-label={`${seen} seen, ${Math.round(seen + expected)} expected, at most ${Math.ceil(seen + upper)}`}
    >
      <rect class="tr" x="0" y="8" width="320" height="12" />
      <rect class="ob" x="0" y="8" width={x(seen)} height="12" />
      <rect class="un" x={x(seen)} y="8" width={Math.max(0, 320 - x(seen))} height="12" />
      <rect class="pt" x={x(seen + expected)} y="4" width="2" height="20" />
      <text x="0" y="38">
        {seen} seen
      </text>
      <text x="320" y="38" text-anchor="end">
        {Math.ceil(seen + upper)}
      </text>
    </svg>
  )
}

/** The estimate of calls that were not seen yet: the range, then its inputs. */
export function UnseenPanel({ estimate, text }: { estimate: Estimate; text: string }): VNode {
  const head = (
    <header>
      <h2 id="h-un">Still unseen</h2>
      <p>an estimate, never a gate of its own</p>
    </header>
  )
  if ('tooFew' in estimate) {
    return (
      <section class="panel" aria-labelledby="h-un">
        {head}
        <div class="body stack">
          <p class="strong">No estimate yet</p>
          <p class="muted">
            <Sentence text={text} />. At least 5 instances, each seen from its first instruction,
            are needed: scale it up or restart it.
          </p>
        </div>
      </section>
    )
  }
  const { lower, upper, once, twice, next, coverage } = estimate
  return (
    <section class="panel" aria-labelledby="h-un">
      {head}
      <div class="body stack">
        <p class="estimate">
          {Math.floor(lower)} to {Math.ceil(upper)} <small>calls nobody saw yet (95 %)</small>
        </p>
        {rangeView(estimate)}
        <Facts
          entries={[
            ['Seen in one instance only', String(once)],
            ['Seen in exactly two', String(twice)],
            ['Known share of an instance’s calls', `${(coverage * 100).toFixed(1)} %`],
            ['New ones in the next instance', `at most ${next.atMost.toFixed(2)}`]
          ]}
        />
        <details>
          <summary>How this is computed</summary>
          <p class="small">
            Chao2 for incidence data: the number of calls that were seen in none is estimated from
            those seen in one and in two instances. It is a lower bound, and traffic is not random:
            take it as one piece of evidence.
          </p>
        </details>
      </div>
    </section>
  )
}
