import type { VNode } from 'preact'
import type { Call } from '../model/context.js'
import { type Check, checksOf, verdictOf } from '../model/doctor.js'
import { clockText } from '../parts/format.js'
import { Icon } from '../parts/icons.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, Panel, Sentence } from '../parts/panels.js'

const shapes = {
  good: ['yes', 'ok', 'works'],
  bad: ['x', 'bad', 'does not work'],
  warn: ['tri', 'warn', 'works now, and something is missing'],
  unknown: ['open', 'warn', 'not known']
} as const

function CheckView({ what, verdict, found, next }: Check): VNode {
  const [shape, tone, word] = shapes[verdict]
  return (
    <li data-key={what}>
      <Icon name={shape} tone={tone} />
      <span class="strong">
        {what}
        <span class="vh">: {word}</span>
      </span>
      <span class="v">
        <bdi>
          <Sentence text={found} />
        </bdi>
      </span>
      {next !== '' && (
        <span class="hint">
          <Sentence text={next} />
        </span>
      )}
    </li>
  )
}

function render({ ui }: Call): View {
  const checks = checksOf(ui.sources, ui.now())
  const isGood = checks.every(({ verdict }) => verdict === 'good' || verdict === 'unknown')
  return {
    title: 'Doctor',
    facts: [
      isGood ? 'every check that can be made is good' : verdictOf(checks),
      `as of ${clockText(ui.now())}`
    ],
    actions: (
      <a class="btn" href="/doctor">
        Check again
      </a>
    ),
    body: (
      <>
        <Panel id="h-checks" title="The loop, link by link" body="">
          <ul class="checks wide" data-live="checks">
            {checks.map((check) => (
              <CheckView {...check} />
            ))}
          </ul>
        </Panel>
        <CommandPanel texts={['secco doctor', 'secco doctor --node']} />
      </>
    )
  }
}

export const doctorPage: Page = {
  path: '/doctor',
  live: true,
  nav: 'Doctor',
  needs: { verb: 'list', resource: 'nodes' },
  render
}
