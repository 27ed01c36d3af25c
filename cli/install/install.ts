import { stringify } from 'yaml'
import { type Io, paint } from '../lib/io.js'
import { startupTaint } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { peopleRoles } from '../../src/api/people-roles.js'
import { plural } from '../../src/lib/plural.js'
import { quoted } from '../../src/lib/shell-word.js'
import { installObjects } from './objects.js'
import { objectsOfPrograms } from './installed-objects.js'
import { names, namespace } from './names.js'
import type { InstallOptions, Manifest } from './options.js'
import { ownProfilesPath } from './own-profile.js'
import { hostPathsOf, satelliteCapabilities } from './satellite.js'

const clusterWide = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'MutatingWebhookConfiguration',
  'APIService',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding'
])

/** Returns `kind name` of an object, with its namespace if it has one. */
export function nameOf(object: Manifest): string {
  const metadata = object['metadata'] as { name: string; namespace?: string }
  const where = metadata.namespace === undefined ? '' : `${metadata.namespace}/`
  return `${String(object['kind'])} ${where}${metadata.name}`
}

/** Formats objects as one stream of YAML 1.1 documents, because kubectl reads an unquoted `on` as true. Without anchors. */
export function toYaml(objects: readonly Manifest[]): string {
  return objects
    .map((one) => stringify(one, { aliasDuplicateObjects: false, lineWidth: 0, version: '1.1' }))
    .join('---\n')
}

/** Summarises what an installation will touch, for a person who decides whether to apply it. */
export function summary(options: InstallOptions, objects: readonly Manifest[]): string[] {
  const wide = objects.filter((one) => clusterWide.has(String(one['kind'])))
  const away =
    options.finalState === 'deny'
      ? 'denies those that an enforcing rule or a label selects, or that point below secco/'
      : 'warns'
  const filters = options.readFilters ? ', SYS_ADMIN and no filter of its own' : ''
  const capabilities = `${satelliteCapabilities.join(', ')}${filters}`
  const btf =
    options.btf === undefined ? '' : `, types from ${options.btf} where the kernel has none`
  const lines = [
    `${plural(objects.length, 'object')}: ${objects.length - wide.length} in namespace ${namespace}, ${wide.length} cluster-wide`,
    ...[...wide, ...objects.filter((one) => !wide.includes(one))].map((one) => `  ${nameOf(one)}`),
    'made by the programs once they run, with a history for each profile that changes:',
    ...objectsOfPrograms(options.tls).map((one) => `  ${nameOf(one)}`),
    options.mode === 'observe'
      ? `pods: not changed, only warned about${options.finalState === 'deny' ? ' (denied with a label of Secco)' : ''}, ` +
        'until their namespace is enabled: ' +
        'kubectl label --overwrite namespace NAME secco.dev/mode=enabled'
      : 'pods: new ones that a rule or label selects get their profile, ' +
        `except in kube-system, kube-node-lease and ${namespace}`,
    options.failurePolicy === 'Fail'
      ? `when Secco is away: no pod is created outside kube-system, kube-node-lease and ${namespace} (failurePolicy Fail)`
      : `when Secco is away: pods are created as they are (failurePolicy Ignore), and a policy ${away}`,
    ...(options.clientCa === undefined
      ? []
      : ['reviews: only from callers with a certificate of the authority of --client-ca']),
    options.aggregateRoles
      ? 'people: whoever has view, edit or admin in a namespace sees its profiles; edit and admin change them'
      : `people: bind ${peopleRoles.map(({ name }) => name).join(', ')} to them (docs/how-to/roles.md)`,
    ...(options.hubApi
      ? [
          'people reach the hub through the API server; while no hub runs, no namespace is deleted completely:',
          `  kubectl delete apiservice ${names.apiService} ends that`
        ]
      : []),
    ...(options.floor === undefined ? [] : [`nodes hold every revision to ${options.floor}`]),
    ...(options.allowIgnore
      ? [
          'opting out: pods with secco.dev/ignore=true, unless their namespace has secco.dev/allow-ignore=false'
        ]
      : []),
    `nodes: a DaemonSet as root with ${capabilities}, hostPID, not privileged; it mounts from the host`,
    ...hostPathsOf(options).map(
      ({ hostPath, readOnly }) => `  ${hostPath}${readOnly ? ' (read only)' : ''}`
    ),
    options.ownProfiles
      ? `own pods: under profiles that ship with Secco${options.readFilters ? ' (the satellite under none)' : ''}; ` +
        `an init container writes them to ${ownProfilesPath}, as root without capabilities`
      : `own pods: under RuntimeDefault${options.readFilters ? ' (the satellite under no filter)' : ''}`,
    `recording: ${options.record}, ${plural(options.slots, 'slot')} on each node${btf}`
  ]
  lines.push(
    `over another installation: secco uninstall --leftovers ${options.layout} --dry-run names what it left`,
    ...(options.hubApi
      ? []
      : [
          `  with --hub-api that is APIService ${names.apiService} too: it would keep namespaces from being deleted`
        ])
  )
  if (options.startupTaint) {
    lines.push(
      `new nodes: get the taint ${startupTaint}:NoSchedule until every file is there, at most five minutes`
    )
  }
  if (options.tls === 'cert-manager') {
    lines.push('certificates: by cert-manager, which must be installed already')
  } else {
    lines.push(
      `certificates: an authority of its own in Secret ${namespace}/${names.certificates}, renewed by itself`
    )
  }
  return lines
}

/** Checks that satellites can read a file on their nodes. @throws SeccoError INVALID_ARGUMENT */
function ensureSeen(file: string, options: InstallOptions): void {
  if (hostPathsOf(options).some(({ hostPath }) => file.startsWith(`${hostPath}/`))) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `--btf ${file}: satellites do not see it on their nodes`,
    {
      hint: 'put the file below /var/lib/secco of each node that needs one, and give that path'
    }
  )
}

/**
 * `secco install`: prints the objects on stdout and what they will touch on stderr. Calls no cluster.
 * @param argv the words after `secco`, which a terminal gets as the next command
 */
export function runInstall(
  io: Io,
  options: InstallOptions,
  dryRun: boolean,
  argv: readonly string[]
): number {
  if (options.btf !== undefined) ensureSeen(options.btf, options)
  const objects = installObjects(options)
  io.stderr(`${summary(options, objects).join('\n')}\n`)
  if (dryRun) {
    io.stderr(`${paint(io, 'dim', 'dry run: no objects are printed')}\n`)
    return 0
  }
  if (io.isTerminal) io.stderr(`next: secco ${argv.map(quoted).join(' ')} | kubectl apply -f -\n\n`)
  io.stdout(toYaml(objects))
  return 0
}
