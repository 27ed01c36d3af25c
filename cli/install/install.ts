import { stringify } from 'yaml'
import { type Io, paint } from '../lib/io.js'
import { SeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import { installObjects } from './objects.js'
import { names, namespace } from './names.js'
import type { InstallOptions, Manifest } from './options.js'
import { ownProfilesPath } from './own-profile.js'
import { hostPaths, satelliteCapabilities, startupTaintArgument } from './satellite.js'

const clusterWide = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding'
])

/** `kind name` of an object, with its namespace where it has one. */
export function nameOf(object: Manifest): string {
  const metadata = object['metadata'] as { name: string; namespace?: string }
  const where = metadata.namespace === undefined ? '' : `${metadata.namespace}/`
  return `${String(object['kind'])} ${where}${metadata.name}`
}

/** Objects as one stream of YAML 1.1 documents (`on` is quoted: kubectl reads it as true). No anchors: people do not read them. */
export function toYaml(objects: readonly Manifest[]): string {
  return objects
    .map((one) => stringify(one, { aliasDuplicateObjects: false, lineWidth: 0, version: '1.1' }))
    .join('---\n')
}

/** What an installation will touch, for a person who decides whether to apply it. */
export function summary(options: InstallOptions, objects: readonly Manifest[]): string[] {
  const wide = objects.filter((one) => clusterWide.has(String(one['kind'])))
  const lines = [
    `${plural(objects.length, 'object')}: ${objects.length - wide.length} in namespace ${namespace}, ${wide.length} of the whole cluster`,
    ...wide.map((one) => `  ${nameOf(one)}`),
    options.mode === 'observe'
      ? 'pods: none is changed; people are told what would happen, until a namespace is enabled: kubectl label namespace NAME secco.dev/mode=enabled'
      : 'pods: new ones that a rule or label selects get their profile, outside kube-system, kube-node-lease and the own namespace',
    `when Secco is away: pods are created as they are (failurePolicy Ignore), and a policy ${options.finalState === 'deny' ? 'refuses those that carry a label of Secco, or point below secco/' : 'warns'}`,
    ...(options.allowIgnore
      ? [
          'opting out: pods with secco.dev/ignore=true, but where their namespace says secco.dev/allow-ignore=false'
        ]
      : []),
    `nodes: a DaemonSet as root with ${satelliteCapabilities.join(', ')}${options.readFilters ? ', SYS_ADMIN and no filter of its own' : ''}, hostPID, not privileged; of the host it sees`,
    ...hostPaths.map(({ hostPath, readOnly }) => `  ${hostPath}${readOnly ? ' (read only)' : ''}`),
    options.ownProfiles
      ? `own pods: under profiles that come with Secco${options.readFilters ? ' (the satellite under none)' : ''}; before each starts, an init container writes its profile to ${ownProfilesPath}, as root without capabilities`
      : `own pods: under RuntimeDefault${options.readFilters ? ' (the satellite under no filter)' : ''}`,
    `recording: ${options.record}, ${plural(options.slots, 'slot')} on each node${options.btf === undefined ? '' : `, types from ${options.btf} where the kernel has none`}`
  ]
  if (options.startupTaint) {
    lines.push(
      `new nodes: start their kubelets with ${startupTaintArgument}; the taint goes when every file is there`
    )
  }
  if (options.tls === 'cert-manager') {
    lines.push('certificates: by cert-manager, which has to be there already')
  } else {
    lines.push(
      `certificates: an authority of its own in Secret ${namespace}/${names.certificates}, renewed by itself`
    )
  }
  return lines
}

/** @throws SeccoError INVALID_ARGUMENT for a file that no satellite could read on its node */
function ensureSeen(file: string): void {
  if (hostPaths.some(({ hostPath }) => file.startsWith(`${hostPath}/`))) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `--btf ${file}: satellites do not see it on their nodes`,
    {
      hint: 'put the file below /var/lib/secco of each node that needs one, and give that path'
    }
  )
}

/** `secco install`: the objects on stdout, what they will touch on stderr. Asks no cluster. */
export function runInstall(io: Io, options: InstallOptions, dryRun: boolean): number {
  if (options.btf !== undefined) ensureSeen(options.btf)
  const objects = installObjects(options)
  io.stderr(`${summary(options, objects).join('\n')}\n`)
  if (dryRun) {
    io.stderr(`${paint(io, 'dim', 'dry run: nothing is printed to apply')}\n`)
    return 0
  }
  if (io.isTerminal) io.stderr('next: secco install … | kubectl apply -f -\n\n')
  io.stdout(toYaml(objects))
  return 0
}
