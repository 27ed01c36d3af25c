import type { VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { builtinProfiles } from '../../../src/seccomp/render/builtin.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import { isNameless, namelessText } from '../../../src/seccomp/review/start-risk.js'
import { sizeOfProfile } from '../../../src/seccomp/review/profile-size.js'
import { isDelivered } from '../../views/view.js'
import type { Call } from '../model/context.js'
import { type Derived, derivedOf, keyOf, profileHref } from '../model/derived.js'
import { counted, hrefWith, listPage, numberText } from '../parts/format.js'
import { Filters, ForceIfAsked, FormError, TextField } from '../parts/forms.js'
import { Moment, NewestMark, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'

const perPage = 50

function deliveryText({ ready, total }: { ready: number; total: number }, isDone: boolean): string {
  return `${ready} of ${total}${ready === total && !isDone ? ', webhook replicas wait' : ''}`
}

function rowOf(profile: SeccompProfile, derived: Derived, now: number): Row {
  const { rendering, problem } = derived.rendering(profile)
  const size = sizeOfProfile(profile, rendering?.seccomp)
  const key = keyOf(profile)
  const { status, spec } = profile
  const last = status?.approvals?.at(-1)
  return {
    key,
    cells: [
      <>
        <a href={profileHref(key)}>
          <bdi>{key}</bdi>
        </a>
        {spec.workload !== undefined && (
          <span class="sub">
            <bdi>
              {spec.workload.kind} {spec.workload.name}
            </bdi>
          </span>
        )}
      </>,
      <NewestMark profile={profile} />,
      size.allows === undefined ? (
        <span class="muted">{problem === undefined ? 'nothing' : 'not known'}</span>
      ) : (
        numberText(size.allows)
      ),
      numberText(size.approved),
      numberText(size.observed),
      <bdi>{spec.extends?.join(', ') ?? 'nothing'}</bdi>,
      status?.nodes === undefined ? (
        <span class="muted">not delivered</span>
      ) : (
        <Tag
          text={deliveryText(status.nodes, isDelivered(status))}
          tone={isDelivered(status) ? 'ok' : 'warn'}
          shape={isDelivered(status) ? 'yes' : 'open'}
        />
      ),
      last === undefined ? (
        <span class="muted">{spec.seccomp === undefined ? 'nobody yet' : 'not recorded'}</span>
      ) : (
        <>
          <bdi>{last.by}</bdi>
          <span class="sub">
            <Moment at={last.at} now={now} />
          </span>
        </>
      )
    ]
  }
}

function ImportPanel(): VNode {
  return (
    <section class="panel" id="import" aria-labelledby="h-import">
      <header>
        <h2 id="h-import">Import</h2>
        <p>OCI, docker, operator, strace, gadget: the format is recognized</p>
      </header>
      <form class="body stack" method="post" data-import data-url="/api/v1/import">
        <label class="drop" data-drop>
          <span class="strong">Drop files here, or choose them</span>
          <span class="muted">JSON, YAML or a trace; up to 4 MB</span>
          <input type="file" name="files" multiple />
        </label>
        <div class="row">
          <TextField name="namespace" label="Namespace" value="default" maxlength={63} />
          <TextField
            name="name"
            label="Name, for one file"
            maxlength={253}
            placeholder="from the file"
          />
        </div>
        <ForceIfAsked />
        <FormError />
        <div data-import-result aria-live="polite" />
        <div class="row">
          <button class="btn" type="submit" value="try">
            Preview
          </button>
          <button class="btn primary" type="submit" value="keep">
            Import
          </button>
        </div>
      </form>
    </section>
  )
}

const columns = [
  ...['Profile', 'Revision'],
  { title: 'Allows', num: true },
  { title: 'Approved', num: true },
  { title: 'Observed', num: true },
  ...['Built on', 'Nodes', 'Approved by']
]

/** Whom the list leaves out, and where they are listed. */
function LeftOut({ count }: { count: number }): VNode | null {
  if (count === 0) return null
  return (
    <footer>
      {namelessText(count)}. <a href="/profiles?all=yes">Show all</a>
    </footer>
  )
}

function NoProfiles({ any }: { any: boolean }): VNode {
  if (any)
    return <EmptyBody what="No profile has this name." next={<a href="/profiles">Show all</a>} />
  return (
    <EmptyBody
      what="There is no profile yet."
      next="The first observation of a workload makes one, or an import below, or secco profile apply -f FILE."
    />
  )
}

async function render({ ui, identity, query }: Call): Promise<View> {
  const { q = '', builtin = '', all: allOf = '' } = query
  const isBuiltin = builtin === 'yes'
  const all = isBuiltin
    ? builtinProfiles
    : ui.sources.profiles().filter((profile) => !isEmergency(profile))
  const derived = derivedOf(ui.sources, ui.now())
  const found = all.filter((profile) => keyOf(profile).includes(q.toLowerCase()))
  // A search finds them: whoever types an id wants that one.
  const shown = q === '' && allOf === '' ? found.filter((each) => !isNameless(each)) : found
  const { items, ...place } = listPage(shown, query['page'], perPage)
  const mayImport = await identity.can('create', 'seccompprofiles')
  return {
    title: 'Profiles',
    facts: [counted(all.length, 'profile')],
    actions: (
      <>
        <a class="btn" href="/compare">
          Compare two
        </a>
        <a class="btn" href={isBuiltin ? '/profiles' : '/profiles?builtin=yes'}>
          {isBuiltin ? 'Your own' : 'Built in'}
        </a>
      </>
    ),
    body: (
      <>
        <section class="panel">
          <Filters label="Filter profiles" value={q} placeholder="namespace/name" />
        </section>
        <section class="panel">
          {items.length === 0 ? (
            <NoProfiles any={found.length === 0 && all.length > 0} />
          ) : (
            <>
              <Table
                caption={isBuiltin ? 'Profiles that come with Secco' : 'Profiles'}
                columns={columns}
                rows={items.map((profile) => rowOf(profile, derived, ui.now()))}
                live="profiles"
              />
              <Pager
                {...place}
                what="profiles"
                href={(to) => hrefWith('/profiles', { q, builtin, all: allOf, page: String(to) })}
              />
            </>
          )}
          <LeftOut count={found.length - shown.length} />
        </section>
        {mayImport && <ImportPanel />}
        <CommandPanel
          texts={[
            isBuiltin ? 'secco get profiles --builtin' : 'secco get profiles -A',
            'secco import -f FILE | secco profile apply -f -'
          ]}
        />
      </>
    )
  }
}

export const profilesPage: Page = {
  path: '/profiles',
  nav: 'Profiles',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
