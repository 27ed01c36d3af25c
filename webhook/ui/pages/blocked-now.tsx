import type { VNode } from 'preact'
import type { SeccompArg, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import type { UnblockedEquivalents } from '../../../src/seccomp/render/unblocked-equivalents.js'
import { blockText, decisionToBlock } from '../../../src/seccomp/render/block.js'
import { blockedText } from '../parts/format.js'
import { ActionForm, FormError, Hidden, Of, TryButton } from '../parts/forms.js'
import { Empty, InlineCommand } from '../parts/panels.js'

export const blockUrl = '/api/v1/block'

function conditionText({ index, op, value, valueTwo }: SeccompArg): string {
  return op === 'SCMP_CMP_MASKED_EQ'
    ? `argument ${index} & 0x${value.toString(16)} = 0x${(valueTwo ?? 0).toString(16)}`
    : `argument ${index} ${op.replace('SCMP_CMP_', '').toLowerCase()} ${value}`
}

/** A short field for the reason, in a row of a table or list. */
export function ReasonField(props: { id: string; label: string }): VNode {
  return (
    <>
      <label class="vh" for={props.id}>
        {props.label}
      </label>
      <input type="text" class="short" id={props.id} name="reason" required placeholder="reason" />
    </>
  )
}

/** Blocks one word: it shows whom that hits first, with the button that does it. */
export function BlockForm(props: { class: string; id: string; what: string }): VNode {
  const { what } = props
  return (
    <ActionForm class={props.class} url={blockUrl} then="reload" isTried>
      <Hidden name="what" value={what} />
      <ReasonField id={props.id} label={`Reason for ${what}`} />
      <TryButton class="btn s danger">
        Impact, then block
        <Of what={what} />
      </TryButton>
      <FormError />
    </ActionForm>
  )
}

/** Returns the word that unblocks exactly this; undefined for conditions that only a template names. */
function wordOf(name: string, args: readonly SeccompArg[]): string | undefined {
  const conditions = args.map(({ index, op, value, valueTwo }) =>
    op === 'SCMP_CMP_EQ'
      ? `${index}=${value}`
      : op === 'SCMP_CMP_MASKED_EQ' && valueTwo === value
        ? `${index}&${value}`
        : undefined
  )
  if (conditions.includes(undefined)) return undefined
  return conditions.length === 0 ? name : `${name}:${conditions.join(',')}`
}

function Unblock({ name, args }: { name: string; args: readonly SeccompArg[] }): VNode {
  const word = wordOf(name, args)
  if (word === undefined) return <span class="muted">unblock its template</span>
  return (
    <ActionForm class="inline" url={blockUrl} then="reload">
      <Hidden name="what" value={word} />
      <Hidden name="remove" kind="boolean" value="true" />
      <ReasonField id={`back-${word}`} label={`Reason to unblock ${word}`} />
      <button class="btn s" type="submit">
        Unblock
        <Of what={word} />
      </button>
    </ActionForm>
  )
}

/** What a program can make instead of a blocked call, with the form or the command that blocks it, too. */
function Instead({ one, may }: { one: UnblockedEquivalents; may: boolean }): VNode {
  const { name, others, block } = one
  return (
    <li>
      <span>
        <span class="mono">{others.join(' ')}</span>{' '}
        <span class="muted">not blocked, and in place of {name}</span>
      </span>
      {block.map((what) =>
        may ? (
          <BlockForm class="inline" id={`also-${what}`} what={what} />
        ) : (
          <InlineCommand text={`secco block ${what}`} />
        )
      )}
    </li>
  )
}

type BlockedRule = ReturnType<typeof rulesOf>[number]

interface BlockedNowProps {
  overlay: SeccompProfile
  rules: readonly BlockedRule[]
  equivalents: readonly UnblockedEquivalents[]
  may: boolean
}

export function BlockedNow({ overlay, rules, equivalents, may }: BlockedNowProps): VNode {
  if (rules.length === 0) {
    const next =
      'A block reaches new containers within seconds; running ones stay as they are until they restart.'
    return <Empty what="Nothing is blocked." next={next} />
  }
  return (
    <ul class="list tight">
      {rules.map(({ name, args = [] }) => (
        <li>
          <span>
            <span class="mono">{name}</span>
            {args.length > 0 && (
              <>
                {' '}
                <span class="muted">when {args.map(conditionText).join(' and ')}</span>
              </>
            )}{' '}
            <span class="sub">
              <bdi>
                {blockedText(decisionToBlock(overlay, blockText({ name, args }) ?? name, name))}
              </bdi>
            </span>
          </span>
          {may && <Unblock name={name} args={args} />}
        </li>
      ))}
      {equivalents.map((one) => (
        <Instead one={one} may={may} />
      ))}
    </ul>
  )
}
