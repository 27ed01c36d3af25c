import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { approvedStartRisk } from '../../../src/seccomp/review/start-risk.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import {
  approvedNames,
  observedNames,
  sizeOfProfile,
  sizeText,
  whollyAllowed
} from '../../../src/seccomp/review/profile-size.js'
import { seenOf } from '../../../src/seccomp/review/seen.js'
import type { Call } from '../model/context.js'
import { derivedOf, workloadHref } from '../model/derived.js'
import { approvalFacts, approvalValues, changesOf, proposalOf } from '../model/proposal.js'
import { obstacleToProposal } from '../model/start-check.js'
import { reachOf } from '../model/instances.js'
import { titleOf, type WorkloadLine } from '../model/workloads.js'
import { ChangeDocument, ChangeTable } from '../parts/change-table.js'
import { ApprovedMark, CheckLine, DigestMark, LiveFact, Moment, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { Command, Facts, FormCommand, Panel } from '../parts/panels.js'
import { Ladder, PromotePanel } from '../parts/promote-view.js'
import { BadEvidence } from '../parts/evidence-view.js'
import { RiskPanel } from '../parts/workload-parts.js'
import { ApproveForm, metOf, type Shown } from './approve-form.js'
import { mustFindLine } from './workload.js'

const instancesOf = ({ profile }: WorkloadLine) => profile.status?.instances ?? []

function gatesPanel({ line, review, proposal }: Shown): VNode {
  const { nodes } = line.profile.status ?? {}
  const { risk, evidence } = review
  const met = metOf(review)
  const gates = [
    [
      'On all nodes',
      nodes === undefined ? 'nothing is delivered yet' : `${nodes.ready} of ${nodes.total}`,
      nodes !== undefined && nodes.ready === nodes.total
    ],
    ['Evidence', `${met} of ${evidence.length}`, met === evidence.length],
    [
      'Nothing beyond RuntimeDefault',
      risk === undefined
        ? 'unknown'
        : `${plural(risk.beyondRuntimeDefault.length, 'call')} beyond it`,
      risk !== undefined && risk.beyondRuntimeDefault.length === 0
    ],
    ['Renders', proposal.problem === '' ? 'yes' : proposal.problem, proposal.problem === '']
  ] as const
  return (
    <Panel id="h-gates" title="Gates" body="">
      <ul class="checks" data-live="gates">
        {gates.map(([word, value, ok]) => (
          <CheckLine word={word} value={value} ok={ok} open="open" />
        ))}
      </ul>
    </Panel>
  )
}

function originPanel({ ui, line }: Shown): VNode {
  const now = ui.now()
  const instances = instancesOf(line)
  const { firstUsed = [] } = line.profile.status ?? {}
  const began = instances.map((one) => one.firstSeen ?? one.lastSeen)
  // Only the newest instances are kept: an earlier one may have used the first calls.
  const [firstSeen] = [...firstUsed.map(({ at }) => at), ...began].sort()
  const nodes = [...new Set(instances.map(({ node }) => node))]
  const images = [...new Set(instances.flatMap(({ image }) => image ?? []))]
  return (
    <Panel id="h-who" title="Where it comes from" body="">
      <Facts
        entries={[
          ['First seen', <Moment at={firstSeen} now={now} never="unknown" />],
          ['Last new call', <Moment at={line.profile.status?.lastNew} now={now} never="unknown" />],
          ['Nodes', <bdi>{nodes.join(', ') || 'unknown'}</bdi>],
          ['Images', <bdi>{images.slice(0, 3).join(', ') || 'unknown'}</bdi>]
        ]}
      />
    </Panel>
  )
}

function radiusView(shown: Shown): VNode {
  const { ui, line, proposal } = shown
  const { containers, nodes } = reachOf(line, ui.sources)
  const simulated = ui.offers('POST', '/api/v1/simulate') && proposal.problem === ''
  return (
    <div class="body">
      <div class="blast">
        <div>
          <b>{containers}</b>
          <span>{containers === 1 ? 'container' : 'containers'}</span>
        </div>
        <div>
          <b>{nodes}</b>
          <span>{nodes === 1 ? 'node' : 'nodes'}</span>
        </div>
        <div>
          <b
            data-simulate={simulated ? line.key : undefined}
            data-allow={simulated ? proposal.allow.join(' ') : undefined}
          >
            –
          </b>
          <span>would be denied</span>
        </div>
      </div>
      <p class="small muted" data-simulate-words>
        Nothing that runs changes before it restarts.
      </p>
    </div>
  )
}

function bodyOf(shown: Shown): VNode {
  const { ui, line, review, changes, approved, observed, may } = shown
  const risk = approvedStartRisk(line.profile, derivedOf(ui.sources, ui.now()).resolve)
  const unchanged = [...observed].filter((name) => approved.has(name)).length
  const instances = instancesOf(line).length
  return (
    <div class="cols">
      <div class="stack">
        <BadEvidence evidence={review.evidence} />
        <ChangeTable {...{ changes, unchanged, instances }} now={ui.now()} />
        <div class="three">
          {gatesPanel(shown)}
          <RiskPanel {...review} />
          {originPanel(shown)}
        </div>
        <ChangeDocument changes={changes} />
      </div>
      <div class="stack">
        <Panel id="h-blast" title="Blast radius" note="on your approval">
          {radiusView(shown)}
          <ApproveForm {...shown} />
          <div class="body stack">
            <h3>The same on the command line</h3>
            <Command text={`secco diff ${line.key}`} />
            <FormCommand
              kind="approve"
              of="approve"
              known={{
                ...approvalFacts(line.profile, changes),
                isRisky: shown.obstacle !== undefined
              }}
              values={approvalValues(changes)}
            />
          </div>
        </Panel>
        <section class="panel" aria-label="Promote and roll back">
          <PromotePanel
            line={line}
            may={may}
            offered={ui.offers('POST', '/api/v1/promote')}
            assignment={ui.sources.assignment?.(line.profile)}
            risk={risk}
            now={ui.now()}
          />
        </section>
      </div>
    </div>
  )
}

async function render(call: Call): Promise<View> {
  const { ui, identity, params } = call
  const line = mustFindLine(call)
  const { profile } = line
  const derived = derivedOf(ui.sources, ui.now())
  const { counts } = ui.sources.discovery.of(line.namespace, profile.metadata.name)
  const overlay = derived.byKey.get(emergencyLabel)
  const rendered = derived.rendering(profile).rendering?.seccomp
  const allowed = whollyAllowed(rendered)
  const changes = changesOf(profile, counts, derived.undecided(profile), overlay, allowed)
  const proposal = proposalOf(profile, changes, derived)
  const shown: Shown = {
    ...{ ui, line, changes, proposal },
    obstacle: obstacleToProposal(ui, profile, proposal),
    review: derived.review(profile),
    approved: approvedNames(profile),
    observed: observedNames(profile),
    seen: seenOf(profile, derived.completeness(profile).evidence),
    may: await identity.can('approve', 'seccompprofiles', params['namespace'], params['name'])
  }
  return {
    title: `Review: ${titleOf(line)}`,
    still: true,
    crumbs: [
      { text: 'Fleet', href: '/' },
      { text: 'Review', href: '/review' },
      { text: `${line.namespace}/${line.name}`, href: workloadHref(line.key) }
    ],
    facts: [
      <LiveFact name="approved">
        approved <ApprovedMark {...derived.approved(profile)} />,{' '}
        {sizeText(sizeOfProfile(profile, rendered))}
      </LiveFact>,
      <>
        proposed <DigestMark digest={shown.proposal.digest} none="nothing" />
      </>,
      <LiveFact name="observed">
        <Tag text={`${shown.observed.size} observed`} />
      </LiveFact>
    ],
    actions: <Ladder line={line} assignment={ui.sources.assignment?.(profile)} live />,
    body: bodyOf(shown)
  }
}

export const reviewPage: Page = {
  path: '/review/:namespace/:name',
  live: true,
  under: '/review',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
