import { apiVersion, rootNamespace } from '../../src/api/names.js'
import type { Mode, SeccompRule, WhenNotReady } from '../../src/api/seccomp-rule.js'
import { validateObject } from '../../src/api/validate.js'
import { SeccoError } from '../../src/lib/errors.js'
import { ruleExists } from '../../src/rules/rule.js'
import { quoted } from '../../src/lib/shell-word.js'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import { checkRule } from './start-check.js'

interface RuleCreateArgs {
  name: string
  namespace: string
  /** NAME, or NAMESPACE/NAME for a rule of the root namespace; undefined: the profile that each container is learned into. */
  profile: string | undefined
  mode: Mode
  /** `app=web,tier=front`; undefined: every pod. */
  labels: string | undefined
  containers: string | undefined
  whenNotReady: WhenNotReady | undefined
  dryRun: boolean
  /** Enforce although no start of the profile was recorded. */
  force?: boolean
  output: 'table' | 'json' | 'yaml'
}

/** A label's value: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

/** Parses `key=value,…`. @throws SeccoError INVALID_ARGUMENT */
function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => {
    const at = pair.indexOf('=')
    const [key, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    if (at > 0 && key !== '' && labelValue.test(value)) return [key, value]
    throw new SeccoError('INVALID_ARGUMENT', `--labels ${text}: "${pair}" is no label KEY=VALUE`, {
      hint: 'write for example --labels app=web,tier=front'
    })
  })
  return Object.fromEntries(pairs) as Record<string, string>
}

function ruleOf(args: RuleCreateArgs): SeccompRule {
  const { name, namespace, profile, mode, labels, containers, whenNotReady } = args
  const [stated, own] =
    profile?.includes('/') === true ? profile.split('/', 2) : [undefined, profile]
  const rule = {
    ...{ apiVersion, kind: 'SeccompRule', metadata: { namespace, name } },
    spec: {
      ...(labels === undefined ? {} : { podSelector: { matchLabels: labelsOf(labels) } }),
      ...(containers === undefined ? {} : { containers: containers.split(',') }),
      ...(own === undefined
        ? {}
        : { profile: { name: own, ...(stated === undefined ? {} : { namespace: stated }) } }),
      mode,
      ...(whenNotReady === undefined ? {} : { whenNotReady })
    }
  }
  return validateObject(rule, `rule ${namespace}/${name}`) as SeccompRule
}

/** `secco rule create`: makes a rule from options, as `kubectl create` does. A rule of that name is not changed. */
export async function createRule(io: Io, store: Store, args: RuleCreateArgs): Promise<number> {
  const { name, namespace, dryRun, output } = args
  const rule = ruleOf(args)
  const ref = { namespace, name }
  if ((await store.get('SeccompRule', ref)) !== undefined) throw ruleExists(ref)
  await checkRule(store, rule, args.force)
  if (!dryRun) await store.apply('SeccompRule', rule)
  if (output === 'table') {
    io.stdout(
      `seccomprule.secco.dev/${name} ${dryRun ? 'would be ' : ''}created in ${namespace}${dryRun ? ' (dry run)' : ''}\n`
    )
  } else printObject(io, output, rule)
  if (!dryRun && output === 'table') {
    const which = namespace === rootNamespace ? '-A' : `-n ${quoted(namespace)}`
    io.stderr(`  next: running pods keep what they have; list them: secco ps ${which}\n`)
  }
  return 0
}
