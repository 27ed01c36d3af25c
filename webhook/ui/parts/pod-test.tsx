import type { VNode } from 'preact'
import type { Coverage } from '../../../src/confinement/coverage.js'
import type { CheckResult } from '../../admission/check-pod.js'
import type { InventoryItem } from '../model/inventory.js'
import { Icon, type Shape } from './icons.js'
import { Tag } from './marks.js'
import { Command, EmptyBody, Panel, Sentence } from './panels.js'

const example = `apiVersion: v1
kind: Pod
metadata:
  name: test
  namespace: shop
  labels: {app: checkout}
spec:
  containers:
    - {name: app, image: shop/checkout:2.4}
`

const shapes: Readonly<Record<CheckResult['containers'][number]['outcome'], Shape>> = {
  assigned: 'enforce',
  learn: 'learn',
  'runtime-default': 'default',
  kept: 'none',
  skipped: 'none'
}

const coverageWords: Readonly<Record<Coverage, string>> = {
  covered: 'covered',
  partly: 'partly covered',
  'not-covered': 'not covered',
  rejected: 'rejected',
  unknown: 'not certain'
}

/** A tick stands only where every container is covered. */
const coverageMarks: Readonly<Record<Coverage, Pick<Parameters<typeof Tag>[0], 'tone' | 'shape'>>> =
  {
    covered: { tone: 'ok', shape: 'yes' },
    partly: { tone: 'warn', shape: 'tri' },
    'not-covered': { shape: 'none' },
    rejected: { tone: 'bad', shape: 'x' },
    unknown: { tone: 'warn', shape: 'tri' }
  }

function ContainerLine(one: CheckResult['containers'][number]): VNode {
  const { container, outcome, mode, profile, rule, reason, revision, loosening = [] } = one
  return (
    <li>
      <Icon name={mode === 'audit' ? 'audit' : shapes[outcome]} tone="acc" />
      <span>
        <bdi class="mono">{container}</bdi>: {outcome}
        {profile !== undefined && (
          <>
            , <bdi>{profile}</bdi>
          </>
        )}
      </span>
      <span class="v">
        <bdi>{rule ?? 'no rule'}</bdi>
      </span>
      <span class="hint">
        {reason}
        {revision !== undefined && (
          <>
            ,{' '}
            <span title={revision} data-copy-text={revision}>
              {revision.slice(0, 19)}
            </span>
          </>
        )}
        {loosening.length > 0 && (
          <>
            ; asked for less than is given already, and does not count:{' '}
            <bdi>{loosening.join(', ')}</bdi>
          </>
        )}
      </span>
    </li>
  )
}

function PatchView({ patch }: Pick<CheckResult, 'patch'>): VNode {
  return (
    <pre class="doc" tabindex={0}>
      {patch.length === 0 && 'none'}
      {patch.map((one) => (
        <>
          <ins>
            {`${one.op} ${one.path}${'value' in one ? ` ${JSON.stringify(one.value)}` : ''}`}
          </ins>
          {'\n'}
        </>
      ))}
    </pre>
  )
}

function ResultView(result: CheckResult): VNode {
  const { object, namespace, decision, reason, coverage, summary, matchedRules } = result
  return (
    <div class="body stack">
      <p class="row">
        <Tag text={coverageWords[coverage]} {...coverageMarks[coverage]} />
        <span class="strong">
          <bdi>{`${namespace}/${object}`}</bdi>
        </span>
        <span class="muted">{`${decision}, ${reason}`}</span>
      </p>
      <p>
        <bdi>
          <Sentence text={`${summary}.`} />
        </bdi>
      </p>
      <ul class="checks">
        {result.containers.map((one) => (
          <ContainerLine {...one} />
        ))}
      </ul>
      <p class="small muted">
        Rules that match: <bdi>{matchedRules.length === 0 ? 'none' : matchedRules.join(', ')}</bdi>
      </p>
      {result.warnings.map((warning) => (
        <p class="small warn">
          <Icon name="tri" />{' '}
          <bdi>
            <Sentence text={warning} />
          </bdi>
        </p>
      ))}
      <h3>Patch</h3>
      <PatchView patch={result.patch} />
    </div>
  )
}

function Answer({ results, problem }: { results: readonly CheckResult[]; problem: string }): VNode {
  if (problem !== '') {
    return (
      <div class="body" role="alert">
        <p class="bad">
          <Sentence text={problem} />
        </p>
      </div>
    )
  }
  if (results.length === 0) {
    const next =
      'The rule that decides, the patch and the warnings appear here; nothing is created.'
    return <EmptyBody what="Paste a pod and test it." next={next} />
  }
  return (
    <>
      {results.map((result) => (
        <ResultView {...result} />
      ))}
    </>
  )
}

function Picker({ pods, picked }: { pods: readonly InventoryItem[]; picked: string | undefined }) {
  if (pods.length === 0) return null
  return (
    <form method="get" class="row end" action="#test">
      <label class="field grow">
        Pod that runs
        <select name="pod">
          {pods.map(({ key, namespace, pod, name }) => (
            <option value={key} selected={key === picked}>
              {`${namespace}/${pod === '' ? name : pod}`}
            </option>
          ))}
        </select>
      </label>
      <button class="btn" type="submit">
        Use this pod
      </button>
    </form>
  )
}

/** A pod to paste or pick, and what the webhook would do with it. */
export function PodTest(props: {
  pods: readonly InventoryItem[]
  /** A container of the pod that was picked. */
  picked: InventoryItem | undefined
  document: string | undefined
  results: readonly CheckResult[]
  problem: string
}): VNode {
  const { pods, picked, document, results, problem } = props
  return (
    <div class="cols even" id="test">
      <Panel id="h-test" title="Test a pod" note="nothing is created" body="stack">
        <Picker pods={pods} picked={picked?.key} />
        <form class="stack" method="get" action="#test" data-test>
          {picked !== undefined && <input type="hidden" name="pod" value={picked.key} />}
          <label class="field">
            Pod YAML, or anything with a pod template
            <textarea name="document" rows={12} spellcheck={false}>
              {document ?? example}
            </textarea>
          </label>
          <div class="row">
            <button class="btn primary" type="submit">
              Test
            </button>
          </div>
        </form>
      </Panel>
      <Panel id="h-ans" title="Answer">
        <div data-live="answer" aria-live="polite">
          <div data-key="answer">
            <Answer results={results} problem={problem} />
          </div>
        </div>
        <div class="body stack">
          <h3>The same on the command line</h3>
          <Command
            text={
              picked === undefined
                ? 'secco check -f pod.yaml'
                : `secco check --pod ${picked.namespace}/${picked.pod}`
            }
          />
        </div>
      </Panel>
    </div>
  )
}
