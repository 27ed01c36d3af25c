import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What the API server keeps by itself: it comes and goes while nobody does anything. */
const ofApiServer =
  /^(?:Event |APIService v\d\w*\.|Lease kube-system\/|IPAddress |ComponentStatus |Namespace kube-)/
const ofHubApi = 'APIService v1alpha1.hub.secco.dev'

/**
 * Lists every object of a cluster as `Kind NAMESPACE/NAME`, with its resource version; what the API server keeps by itself is
 * left out.
 */
export async function allObjects(
  kubectl: string,
  kubeconfig: string
): Promise<Map<string, string>> {
  const ask = async (...args: string[]): Promise<string[]> => {
    const options = { maxBuffer: 2 ** 26 }
    const { stdout } = await run(kubectl, ['--kubeconfig', kubeconfig, ...args], options).catch(
      // An aggregated API that does not answer fails the discovery, and the others are printed.
      (error: unknown) => error as { stdout: string }
    )
    return stdout.split('\n').filter((line) => line !== '')
  }
  const kinds = await ask('api-resources', '--verbs=list', '-o', 'name', '--cached=false')
  const listed = kinds.filter((kind) => !/^(?:events|componentstatuses)(?:\.|$)/.test(kind))
  const columns = 'K:.kind,S:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion'
  const rows = await ask(
    ...['get', listed.join(), '-A', '--no-headers', '--ignore-not-found'],
    ...['-o', `custom-columns=${columns}`]
  )
  return new Map(
    rows
      .map((row): [string, string] => {
        const [kind = '', namespace = '', name = '', version = ''] = row.trim().split(/\s+/)
        return [`${kind} ${namespace === '<none>' ? '' : `${namespace}/`}${name}`, version]
      })
      .filter(([name]) => name === ofHubApi || !ofApiServer.test(name))
  )
}

/** Returns the names in `after` that `before` lacks, or has with another version if `isChange`. */
export function newIn(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  isChange = false
): string[] {
  return [...after]
    .filter(([name, version]) =>
      isChange ? before.has(name) && before.get(name) !== version : !before.has(name)
    )
    .map(([name]) => name)
    .sort()
}
