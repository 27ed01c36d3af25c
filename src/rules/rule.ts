import type { Mode, SeccompRule, WhenNotReady } from '../api/seccomp-rule.js'
import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../lib/errors.js'
import { quoted } from '../lib/shell-word.js'
import { compileContainers } from './glob.js'
import { compileImages, type ImageMatcher, type ImageRef } from './image.js'
import { type CompiledSelector, compileSelector, type Labels, selectorMatches } from './selector.js'

/** Returns CONFLICT for a rule that should be new and is there: nobody meant to change it. */
export function ruleExists({ namespace, name }: { namespace: string; name: string }): SeccoError {
  const see = `secco get rules ${quoted(name)} -n ${quoted(namespace)} -o yaml`
  return new SeccoError('CONFLICT', `rule ${namespace}/${name} exists already`, {
    hint: `choose another name, or see what it does: ${see}`
  })
}

/** A compiled SeccompRule, ready for matching. */
export interface CompiledRule {
  /** `<namespace>/<name>`. */
  key: string
  namespace: string
  /** In the root namespace: applies cluster-wide. Others apply to their own namespace and only tighten. */
  root: boolean
  mode: Mode
  /** RFC 3339; undefined outside a cluster. */
  createdAt: string | undefined
  whenNotReady: WhenNotReady
  profile: { name: string; namespace?: string } | undefined
  pod: CompiledSelector
  namespaceSelector: CompiledSelector
  matchesContainer: (name: string) => boolean
  /** Whether it has `containers` or `images`; otherwise it is about the containers that its profile was learned from. */
  namesContainers: boolean
  /** Absent: every image. */
  images: ImageMatcher | undefined
  /** Position among all rules; the smaller wins. */
  order: number
}

/** Specificity of a rule: the more specific of two rules with equal priority wins. */
function specificity(rule: SeccompRule): number {
  const count = (selector: SeccompRule['spec']['podSelector']) =>
    Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length
  const { podSelector, namespaceSelector, containers, images } = rule.spec
  const given = (list: readonly string[] | undefined) => (list === undefined ? 0 : 1)
  return count(podSelector) + count(namespaceSelector) + given(containers) + given(images)
}

function compare(a: SeccompRule, b: SeccompRule): number {
  const byPriority = (b.spec.priority ?? 0) - (a.spec.priority ?? 0)
  if (byPriority !== 0) return byPriority
  const bySpecificity = specificity(b) - specificity(a)
  if (bySpecificity !== 0) return bySpecificity
  const [keyA, keyB] = [ruleKey(a), ruleKey(b)]
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0
}

function ruleKey(rule: SeccompRule): string {
  return `${rule.metadata.namespace ?? rootNamespace}/${rule.metadata.name}`
}

export interface RuleProblem {
  rule: string
  message: string
}

/**
 * Compiles rules into their order of precedence: priority (higher first), then specificity (the number
 * of selector requirements, and one each for `containers` and `images`), then `<namespace>/<name>` in byte order.
 * An invalid rule selects nothing and is reported; the other rules work.
 */
export function compileRules(documents: readonly SeccompRule[]): {
  rules: CompiledRule[]
  problems: RuleProblem[]
} {
  const problems: RuleProblem[] = []
  const rules = [...documents].sort(compare).map((document, order): CompiledRule => {
    const key = ruleKey(document)
    const namespace = document.metadata.namespace ?? rootNamespace
    const root = namespace === rootNamespace
    const pod = compileSelector(document.spec.podSelector, 'spec.podSelector')
    const selected = root ? document.spec.namespaceSelector : undefined
    const selector = compileSelector(selected, 'spec.namespaceSelector')
    for (const message of [...pod.problems, ...selector.problems]) {
      problems.push({ rule: key, message })
    }
    if (!root && document.spec.namespaceSelector !== undefined) {
      problems.push({
        rule: key,
        message: `spec.namespaceSelector: ignored outside ${rootNamespace}; the rule applies to ${namespace}`
      })
    }
    if (document.spec.profile === undefined && document.spec.mode !== 'learn') {
      problems.push({
        rule: key,
        message: `spec.profile: mode ${document.spec.mode} needs a profile; RuntimeDefault is used`
      })
    }
    const profile = document.spec.profile
    return {
      key,
      namespace,
      root,
      mode: document.spec.mode,
      createdAt: document.metadata.creationTimestamp,
      whenNotReady: document.spec.whenNotReady ?? 'RuntimeDefault',
      profile:
        profile === undefined
          ? undefined
          : profile.namespace === undefined
            ? { name: profile.name }
            : { name: profile.name, namespace: profile.namespace },
      pod: pod.selector,
      namespaceSelector: selector.selector,
      matchesContainer: compileContainers(document.spec.containers),
      namesContainers: document.spec.containers !== undefined || document.spec.images !== undefined,
      images: compileImages(document.spec.images),
      order
    }
  })
  return { rules, problems }
}

/** Whether the rule applies to a pod with these labels and images in this namespace. The index must give the same result. */
export function ruleMatches(
  rule: CompiledRule,
  labels: Labels,
  namespace: string,
  namespaceLabels: Labels,
  images: readonly ImageRef[] | undefined
): boolean {
  if (!rule.root && rule.namespace !== namespace) return false
  const { images: wanted } = rule
  if (
    wanted !== undefined &&
    images !== undefined &&
    !images.some((image) => wanted.matches(image))
  )
    return false
  return (
    selectorMatches(rule.pod, labels) && selectorMatches(rule.namespaceSelector, namespaceLabels)
  )
}
