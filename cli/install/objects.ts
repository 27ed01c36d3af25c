import { approvalPolicy } from '../../webhook/admission/approval-policy.js'
import {
  containerLabelPolicy,
  finalStatePolicy,
  pathPolicy
} from '../../webhook/admission/final-state-policy.js'
import { nodePolicy } from '../../webhook/admission/node-policy.js'
import { rulePolicy } from '../../webhook/admission/rule-policy.js'
import { mutatingWebhookConfiguration } from '../../webhook/admission/webhook-configuration.js'
import { customResourceDefinitions } from '../../src/api/crd.js'
import { clusterNamed, commonLabels, names, namespace, serverNames } from './names.js'
import {
  certManagerObjects,
  hubApiObjects,
  injectAnnotation,
  networkPolicies,
  services
} from './network.js'
import type { InstallOptions, Manifest } from './options.js'
import { programs } from './programs.js'
import { peopleRights, programRights } from './rights.js'
import { satellite } from './satellite.js'

function ownNamespace(): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespace,
      labels: {
        ...commonLabels,
        // The satellite reads the node's processes and writes its seccomp folder.
        'pod-security.kubernetes.io/enforce': 'privileged',
        'pod-security.kubernetes.io/warn': 'privileged',
        'pod-security.kubernetes.io/audit': 'privileged'
      }
    }
  }
}

function webhookConfiguration(options: InstallOptions): Manifest {
  const configuration = mutatingWebhookConfiguration({
    target: { service: { name: names.webhook, namespace } },
    caBundle: '',
    name: names.configuration,
    nodes: options.startupTaint,
    ...(options.failurePolicy && { failurePolicy: options.failurePolicy })
  })
  const { metadata } = configuration
  return {
    ...configuration,
    metadata: {
      ...metadata,
      labels: clusterNamed(names.configuration, 'admission').labels,
      ...(options.tls === 'cert-manager' ? { annotations: injectAnnotation } : {})
    }
  }
}

/** Names of the accounts that hubs have, in each layout. */
const hubUsers = [names.both, names.hub].map((name) => `system:serviceaccount:${namespace}:${name}`)

function policies(options: InstallOptions): Manifest[] {
  const { allowIgnore, mode } = options
  const choice = {
    ...{ allowIgnore, mode },
    ...(options.finalState === 'deny' ? { validationActions: ['Deny', 'Audit'] as const } : {})
  }
  return [
    ...approvalPolicy().map((one) => one as Manifest),
    ...(options.startupTaint ? nodePolicy(hubUsers).map((one) => one as Manifest) : []),
    ...[finalStatePolicy, containerLabelPolicy, pathPolicy, rulePolicy].flatMap((make) => {
      const { policy, bindings } = make(choice)
      return [policy, ...bindings]
    })
  ]
}

/** The parts of an installation, in the order in which they are applied. */
export interface InstallParts {
  crds: Manifest[]
  namespace: Manifest[]
  rights: Manifest[]
  network: Manifest[]
  certificates: Manifest[]
  programs: Manifest[]
  satellite: Manifest[]
  admission: Manifest[]
  /** The API server asks for it as soon as it is there. */
  hubApi: Manifest[]
}

/**
 * Returns all objects that are applied. The webhook configuration comes last, and without a caBundle: the API server
 * must not call the webhook before it can answer. Pure: the same options give the same objects.
 */
export function installParts(options: InstallOptions): InstallParts {
  return {
    crds: Object.values(customResourceDefinitions()),
    namespace: [ownNamespace()],
    rights: [...programRights(options), ...peopleRights(options.aggregateRoles)],
    network: [...services(options), ...networkPolicies(options)],
    certificates: options.tls === 'cert-manager' ? certManagerObjects(serverNames) : [],
    programs: programs(options),
    satellite: [satellite(options)],
    admission: [...policies(options), webhookConfiguration(options)],
    hubApi: hubApiObjects(options)
  }
}

export function installObjects(options: InstallOptions): Manifest[] {
  const parts = installParts(options)
  return [
    ...parts.namespace,
    ...parts.crds,
    ...parts.rights,
    ...parts.network,
    ...parts.certificates,
    ...parts.programs,
    ...parts.satellite,
    ...parts.admission,
    ...parts.hubApi
  ]
}
