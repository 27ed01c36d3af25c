/** unidentifiedNext is the next step where a node counted sets of containers that no runtime reported. */
export const unidentifiedNext =
  'on a node with unidentified containers: secco doctor --node has a row `container names`, ' +
  'which says which runtimes answered, and what to do'

/**
 * Returns which runtimes can name containers on a node, and what to do about containers that none of them named.
 * @param answered names of the runtimes that answered
 * @param silent names of the runtimes that are installed and did not answer
 */
export function containerNamesText(answered: readonly string[], silent: readonly string[]): string {
  if (answered.length === 0) return 'nobody can name containers: see `runtimes`'
  const from = `${answered.join(', ')} answered`
  const other =
    'name another socket of containerd with --containerd-socket, another --root of runc with --runc-root'
  if (silent.length > 0) {
    return (
      `${from}, ${silent.join(', ')} did not: if your containers run under one of these, start it; ${other}; ` +
      'then restart the satellite or secco up'
    )
  }
  return (
    `${from}, and no other is installed: unidentified containers ended before they could be named, so let them run again, ` +
    `or another runtime has them: ${other}; the count begins again with the satellite`
  )
}
