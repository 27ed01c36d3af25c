import type { VNode } from 'preact'
import { quoted } from '../../../src/lib/shell-word.js'
import { builtinProfiles } from '../../../src/seccomp/render/builtin.js'
import { compareSides, sideNames } from '../model/compare.js'
import type { Call, Ui } from '../model/context.js'
import { derivedOf, keyOf } from '../model/derived.js'
import { DiffView } from '../parts/diff-view.js'
import { hrefWith } from '../parts/format.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyPanel } from '../parts/panels.js'

const perPage = 50
const mostSides = 60

/** Names to choose from that contain these words, as many as a person reads. */
function Sides({ ui, words }: { ui: Ui; words: string }): VNode {
  const all = [...sideNames(ui.sources), ...builtinProfiles.map(keyOf)]
  const found = all.filter((name) => name.toLowerCase().includes(words.toLowerCase()))
  return (
    <datalist id="sides" data-live="sides">
      {found.slice(0, mostSides).map((name) => (
        <option value={name} />
      ))}
    </datalist>
  )
}

function SideField(props: { name: string; label: string; value: string }): VNode {
  return (
    <label class="field">
      {props.label}
      <input
        type="text"
        name={props.name}
        value={props.value}
        list="sides"
        required
        data-sides
        placeholder="namespace/name, …@observed, RuntimeDefault"
        autocomplete="off"
      />
    </label>
  )
}

async function answerOf({ ui, query }: Call, left: string, right: string): Promise<VNode> {
  const derived = derivedOf(ui.sources, ui.now())
  const report = await compareSides(ui.sources, derived, left, right)
  const href = (page: number) => hrefWith('/compare', { left, right, page: String(page) })
  return (
    <>
      {derived.unknown !== '' && <p class="small muted">{derived.unknown}.</p>}
      <DiffView report={report} window={{ page: query['page'], perPage, href }} />
    </>
  )
}

async function render(call: Call): Promise<View> {
  const { left = '', right = '', q = '' } = call.query
  const chosen = left !== '' && right !== ''
  return {
    title: 'Compare',
    crumbs: [{ text: 'Profiles', href: '/profiles' }, { text: 'Compare' }],
    body: (
      <>
        <section class="panel">
          <form class="filters" method="get" aria-label="What to compare">
            <SideField name="left" label="From" value={left} />
            <SideField name="right" label="To" value={right} />
            <Sides ui={call.ui} words={q} />
            <button class="btn primary" type="submit">
              Compare
            </button>
            {chosen && (
              <a class="btn" href={hrefWith('/compare', { left: right, right: left })}>
                Swap
              </a>
            )}
          </form>
        </section>
        {chosen ? (
          await answerOf(call, left, right)
        ) : (
          <EmptyPanel
            what="Choose two."
            next="Profiles as they render, what was observed, the revision before, RuntimeDefault, and what comes with Secco."
          />
        )}
        <CommandPanel
          texts={[chosen ? `secco diff ${quoted(left)} ${quoted(right)}` : 'secco diff A B']}
        />
      </>
    )
  }
}

export const comparePage: Page = {
  path: '/compare',
  under: '/profiles',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
