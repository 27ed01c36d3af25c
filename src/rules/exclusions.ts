/** Namespaces that Secco never touches, whatever a selector or an object says. */
export const alwaysExcludedNamespaces: readonly string[] = ['kube-node-lease', 'kube-system']
/** On a namespace: "true" or "false" says whether its pods may opt out with `secco.dev/ignore`. */
export const allowIgnoreLabel = 'secco.dev/allow-ignore'
