import { labels } from './names.js'

/** On a namespace: "true" or "false" says whether its pods may opt out with `secco.dev/ignore`. */
export const allowIgnoreLabel = 'secco.dev/allow-ignore'

/**
 * Returns the variable `optedOut` of an admission policy, that does what decide() does: the label counts where the namespace allows
 * it, else where the installation does. A matchCondition cannot do this: it does not get the namespace.
 */
export const optedOut = (allowIgnore: boolean) => ({
  name: 'optedOut',
  expression: isOptedOut('object', allowIgnore)
})

/** Returns CEL for whether a pod opts out, with the same rights. @param pod `object` or `oldObject` */
export const isOptedOut = (pod: string, allowIgnore: boolean): string =>
  [
    `has(${pod}.metadata.labels) && '${labels.ignore}' in ${pod}.metadata.labels && ${pod}.metadata.labels['${labels.ignore}'] == 'true'`,
    [
      `(namespaceObject != null && has(namespaceObject.metadata.labels)`,
      `'${allowIgnoreLabel}' in namespaceObject.metadata.labels`
    ].join(' && ') +
      ` ? namespaceObject.metadata.labels['${allowIgnoreLabel}'] == 'true' : ${allowIgnore})`
  ].join(' && ')
