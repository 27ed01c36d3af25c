/** Namespaces that Secco never touches, whatever a selector or an object says. */
export const alwaysExcludedNamespaces: readonly string[] = ['kube-node-lease', 'kube-system']
