import type { VNode } from 'preact'
import { states, stateWords } from '../../../src/confinement/state.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import { runtimeDefaultScore } from '../model/fleet.js'
import { detailOf, type WorkloadLine } from '../model/workloads.js'
import { counted, hrefWith, listPage, numberText } from '../parts/format.js'
import { Choice, Filters } from '../parts/forms.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { Pager } from '../parts/table.js'
import { WorkloadTable } from '../parts/workload-table.js'

const perPage = 50

function matches(line: WorkloadLine, words: string, state: string, namespace: string): boolean {
  const text = `${line.namespace}/${line.name} ${line.container} ${line.kind}`.toLowerCase()
  return (
    text.includes(words.toLowerCase()) &&
    (state === '' || line.states.some((one) => one.state === state)) &&
    (namespace === '' || line.namespace === namespace)
  )
}

function NoWorkloads({ total }: { total: number }): VNode {
  if (total > 0) {
    const next = <a href="/workloads">Show all {numberText(total)}</a>
    return <EmptyBody what="No workload matches the filter." next={next} />
  }
  const next = (
    <>
      Label pods <code>secco.dev/learn: "true"</code>, or record a running container in the{' '}
      <a href="/profiler">profiler</a>.
    </>
  )
  return <EmptyBody what="Nothing is learned yet." next={next} />
}

const all = ['', 'all'] as const
const stateChoices = [all, ...states.map((state) => [state, stateWords[state]] as const)]

function render({ ui, query }: Call): View {
  const { q = '', state = '', namespace = '' } = query
  const lines = ui.lines()
  const found = lines.filter((line) => matches(line, q, state, namespace))
  const { items, ...place } = listPage(found, query['page'], perPage)
  const derived = derivedOf(ui.sources, ui.now())
  const namespaces = [...new Set(lines.map((line) => line.namespace))].sort()
  const namespaceChoices = [all, ...namespaces.map((each) => [each, each] as const)]
  return {
    title: 'Workloads',
    facts: [counted(lines.length, 'workload'), counted(namespaces.length, 'namespace')],
    body: (
      <>
        <section class="panel">
          <Filters label="Filter workloads" value={q} placeholder="workload, container, kind">
            <Choice
              label="Namespace"
              name="namespace"
              chosen={namespace}
              options={namespaceChoices}
            />
            <Choice label="State" name="state" chosen={state} options={stateChoices} />
          </Filters>
        </section>
        <section class="panel">
          {items.length === 0 ? (
            <NoWorkloads total={lines.length} />
          ) : (
            <>
              <WorkloadTable
                lines={items.map((line) => detailOf(line, derived))}
                note="what needs you and what changed first"
                runtimeDefault={runtimeDefaultScore}
                discovery={ui.sources.discovery}
                live="workloads"
              />
              <Pager
                {...place}
                what="workloads"
                href={(to) => hrefWith('/workloads', { q, state, namespace, page: String(to) })}
              />
            </>
          )}
        </section>
        <CommandPanel
          texts={[
            namespace === ''
              ? 'secco get workloads -A'
              : `secco get workloads -n ${quoted(namespace)}`
          ]}
        />
      </>
    )
  }
}

export const workloadsPage: Page = {
  path: '/workloads',
  live: true,
  nav: 'Workloads',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
