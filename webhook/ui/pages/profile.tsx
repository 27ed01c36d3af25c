import type { VNode } from 'preact'
import { serializeDocument } from '../../../src/api/parse.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { pinOf, pinWords } from '../../../src/confinement/pin.js'
import { obstacleToExport } from '../../../src/confinement/export-gate.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { builtinProfile, builtinProfiles } from '../../../src/seccomp/render/builtin.js'
import { emergencyLabel } from '../../../src/seccomp/render/emergency.js'
import {
  type ProfileSize,
  sizeOfProfile,
  sizeText
} from '../../../src/seccomp/review/profile-size.js'
import { startRiskOf } from '../../../src/seccomp/review/start-risk.js'
import { hasContent } from '../../../src/seccomp/policy/approval.js'
import { trailOf } from '../../../src/seccomp/review/trail.js'
import type { Call } from '../model/context.js'
import { plainTimes } from '../model/plain-times.js'
import {
  type ApprovedRevision,
  derivedOf,
  keyOf,
  profileHref,
  workloadHref
} from '../model/derived.js'
import { ActionForm, ForceIfAsked, FormError, Hidden, Of } from '../parts/forms.js'
import { ApprovedMark, LiveFact, Moment } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyPanel, Panel, Sentence } from '../parts/panels.js'
import { DeletePanel, ExportPanel, LintPanel, Provenance } from '../parts/profile-panels.js'
import { HistoryPanel, NoApproval } from '../parts/history-view.js'
import { RiskPanel } from '../parts/workload-parts.js'

const mostParents = 200

/** Returns what people wrote, without what the store and the hub added. */
function ownDocument({ apiVersion, kind, metadata, spec }: SeccompProfile): SeccompProfile {
  const { name, namespace, labels, annotations } = metadata
  const kept = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations })
  }
  return { apiVersion, kind, metadata: kept, spec }
}

interface Shown {
  key: string
  profile: SeccompProfile
  /** Names of profiles that it could be built on. */
  possible: readonly string[]
  mayUpdate: boolean
}

function Parents({ profile, key, mayUpdate }: Shown): VNode {
  const parents = profile.spec.extends ?? []
  if (parents.length === 0) return <p class="muted">Nothing: only base and what was approved.</p>
  const [namespace = ''] = key.split('/')
  return (
    <ul class="list tight">
      {parents.map((parent) => (
        <li>
          <a href={profileHref(parent.includes('/') ? parent : `${namespace}/${parent}`)}>
            <bdi>{parent}</bdi>
          </a>
          {mayUpdate && (
            <ActionForm class="inline" url={`/api/v1/profiles/${key}/extends`} then="reload">
              <Hidden name="remove" kind="list" value={parent} />
              <button class="btn s" type="submit">
                Remove
                <Of what={parent} />
              </button>
            </ActionForm>
          )}
        </li>
      ))}
    </ul>
  )
}

function extendPanel(shown: Shown): VNode {
  const { key, possible, mayUpdate } = shown
  return (
    <Panel id="h-ext" title="Built on" note="their calls are added when it renders" body="stack">
      {Parents(shown)}
      {mayUpdate && (
        <ActionForm class="stack tight" url={`/api/v1/profiles/${key}/extends`} then="reload">
          <div class="field">
            <label for="parent">Add a base</label>
            <select id="parent" name="add" data-kind="list">
              {possible.map((each) => (
                <option>{each}</option>
              ))}
            </select>
          </div>
          <ForceIfAsked />
          <FormError />
          <button class="btn" type="submit">
            Add
          </button>
        </ActionForm>
      )}
    </Panel>
  )
}

function documentPanel({ key, profile, mayUpdate }: Shown): VNode {
  const document = serializeDocument(ownDocument(profile))
  return (
    <Panel
      id="h-doc"
      title="The document"
      note="what people approved; status is left out"
      body="stack"
    >
      <pre class="doc tall" tabindex={0}>
        {document}
      </pre>
      {mayUpdate && (
        <details>
          <summary>Edit</summary>
          <ActionForm class="stack" method="PUT" url={`/api/v1/profiles/${key}`} then="reload">
            <div class="field">
              <label for="doc">YAML</label>
              <textarea id="doc" name="document" rows={18} spellcheck={false}>
                {document}
              </textarea>
            </div>
            <ForceIfAsked />
            <FormError />
            <button class="btn primary" type="submit">
              Apply
            </button>
          </ActionForm>
        </details>
      )}
    </Panel>
  )
}

function deliveredText(profile: SeccompProfile, now: number): VNode | string {
  const ready = profile.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined) return 'not delivered yet'
  return (
    <>
      {ready.status === 'True' ? 'ready' : <Sentence text={ready.message} />},{' '}
      <Moment at={ready.lastTransitionTime} now={now} />
    </>
  )
}

function factsOf(
  key: string,
  profile: SeccompProfile,
  {
    approved,
    size,
    now
  }: { approved: ApprovedRevision | undefined; size: ProfileSize; now: number }
) {
  const { workload } = profile.spec
  const pin = pinOf(profile)
  const revision = approved ?? { digest: profile.status?.revision, isPending: false }
  return [
    <LiveFact name="revision">
      {pin === undefined ? 'revision ' : `new pods ${plainTimes(pinWords(pin))}: `}
      <ApprovedMark {...revision} />
      {/* A state of delivery is about the revision of the status. */}
      {!revision.isPending && (
        <>; {approved === undefined ? 'comes with Secco' : deliveredText(profile, now)}</>
      )}
    </LiveFact>,
    workload === undefined ? (
      'learns from nothing'
    ) : (
      <a href={workloadHref(key)}>
        <bdi>{`${workload.kind} ${workload.name}`}</bdi>
      </a>
    ),
    sizeText(size),
    `${size.observed} observed`
  ]
}

function commandsOf(key: string, profile: SeccompProfile, isBuiltin: boolean): string[] {
  // The verbs of profiles read the store, which has none that ships with Secco.
  if (isBuiltin) return [`secco get profiles ${profile.metadata.name} --builtin -o yaml`]
  const pin = pinOf(profile)
  const exported = hasContent(profile.spec) ? [`secco profile export ${key}`] : []
  const own = [`secco profile show ${key}`, ...exported]
  return pin === undefined ? own : [...own, pin.leave]
}

const actionsOf = (key: string) => (
  <>
    <a class="btn" href={`/compare?left=RuntimeDefault&right=${encodeURIComponent(key)}`}>
      Compare
    </a>
    <button class="btn" type="button" data-print>
      Print
    </button>
  </>
)

async function render({ ui, identity, params }: Call): Promise<View> {
  const { namespace = '', name = '' } = params
  const key = `${namespace}/${name}`
  const now = ui.now()
  const derived = derivedOf(ui.sources, now)
  const own = derived.byKey.get(key)
  const profile = own ?? builtinProfile(namespace, name)
  if (profile === undefined) {
    throw new SeccoError('NOT_FOUND', `there is no profile ${key}`, {
      hint: 'choose one from the list of profiles'
    })
  }
  const { rendering, problem } = derived.rendering(profile)
  const may = async (verb: 'update' | 'delete') =>
    own !== undefined && (await identity.can(verb, 'seccompprofiles', namespace, name))
  const parents = profile.spec.extends ?? []
  const possible = [...builtinProfiles, ...ui.sources.profiles()]
    .map(keyOf)
    // What is blocked is in every profile by itself, and goes with its block.
    .filter((each) => each !== key && each !== emergencyLabel && !parents.includes(each))
    .slice(0, mostParents)
  const shown = { key, profile, possible, mayUpdate: await may('update') }
  const mayDelete = await may('delete')
  const risk = startRiskOf(profile, rendering?.seccomp, derived.resolve)
  const exportWhy = obstacleToExport(profile, risk, ui.sources.rules())
  return {
    title: key,
    still: true,
    crumbs: [{ text: 'Profiles', href: '/profiles' }, { text: key }],
    facts: factsOf(key, profile, {
      approved: own && derived.approved(own),
      size: sizeOfProfile(profile, rendering?.seccomp),
      now
    }),
    actions: actionsOf(key),
    body: (
      <>
        {problem !== undefined && (
          <p class="banner bad" role="alert">
            It cannot be rendered: {problem}
          </p>
        )}
        {derived.unknown !== '' && <p class="small muted">{derived.unknown}.</p>}
        <div class="three">
          {extendPanel(shown)}
          <RiskPanel {...derived.review(profile)} />
          <LintPanel profile={profile} />
        </div>
        <HistoryPanel
          trail={trailOf(profile, derived.byKey.get(emergencyLabel))}
          now={now}
          none={<NoApproval profile={profile} builtin={own === undefined} />}
        />
        {rendering === undefined ? (
          <EmptyPanel what="There is no provenance." next="It comes with a rendering." />
        ) : (
          <Provenance rendering={rendering} />
        )}
        {documentPanel(shown)}
        <ExportPanel profile={key} why={exportWhy} isApproved={hasContent(profile.spec)} />
        {mayDelete && <DeletePanel profile={key} name={profile.metadata.name} />}
        <CommandPanel texts={commandsOf(key, profile, own === undefined)} />
      </>
    )
  }
}

export const profilePage: Page = {
  path: '/profiles/:namespace/:name',
  live: true,
  under: '/profiles',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
