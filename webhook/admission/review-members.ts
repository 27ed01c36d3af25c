import { annotations as names, mirrorAnnotation } from '../../src/api/names.js'
import { maxContainers, maxLabels, maxPathLength } from '../../src/rules/limits.js'

/** Wanted is the part of a value that is kept: members of an object, a part of each item of a list, or the whole value. */
export type Wanted =
  | { readonly members: ReadonlyMap<string, Wanted> }
  | { readonly items: Wanted; readonly most?: number }
  /** A map of any keys. After more than `most` members or items, nothing of the review is read any more: it is denied. */
  | { readonly most: number }
  /** A map: members with these names, and at most `most` whose names begin with the prefix. */
  | { readonly names: ReadonlySet<string>; readonly prefix: string; readonly most: number }
  /** `instead` replaces a value of more than `upTo` characters. */
  | { readonly upTo: number; readonly instead: string }

export const whole: Wanted = { upTo: Infinity, instead: '' }
const members = (wanted: Readonly<Record<string, Wanted>>): Wanted => ({
  members: new Map(Object.entries(wanted))
})
const items = (wanted: Readonly<Record<string, Wanted>>) => ({ items: members(wanted) })

/**
 * Terms and tolerations are compared with every node, so their number is limited. A placement that is too long counts as
 * one that fits every node: as in `couldRun`, one node too many only means that the pod gets what `whenNotReady` sets.
 */
const longestPlacement = 16 * 1024

/**
 * Longer values are never valid: the API server rejects them after the webhook, or no node can use them. What stands for
 * them leads to the same end. All limits are those of Kubernetes times the escaping of Go, and some more.
 */
const word: Wanted = { upTo: 512, instead: '"-"' }
const objectName: Wanted = { upTo: 2048, instead: '"-"' }
/** `secco/` is no path that Secco writes. */
const file: Wanted = { upTo: maxPathLength, instead: '"secco/"' }
const image: Wanted = { upTo: 2048, instead: '""' }
/** The annotations that a patch may change, and that of mirror pods: one for each container that is read, in each list. */
const annotations: Wanted = {
  names: new Set([names.assigned, names.legacyPod, mirrorAnnotation]),
  prefix: names.legacyContainerPrefix,
  most: 3 * (maxContainers + 1)
}
/** A node has few groups; a sender of more is none. */
const groups: Wanted = { upTo: 16 * 1024, instead: '[]' }
const owners: Wanted = { upTo: 64 * 1024, instead: '[]' }

const seccompProfile = members({ type: word, localhostProfile: file })
const containers: Wanted = {
  ...items({
    name: word,
    image,
    securityContext: members({ privileged: whole, seccompProfile })
  }),
  most: maxContainers
}

/** The stored pod decides about an update of `pods/ephemeralcontainers`. */
const pod = members({
  metadata: members({
    name: objectName,
    generateName: objectName,
    labels: { most: maxLabels },
    annotations,
    ownerReferences: owners
  }),
  spec: members({
    initContainers: containers,
    containers,
    ephemeralContainers: containers,
    securityContext: members({ seccompProfile }),
    nodeName: objectName,
    nodeSelector: { upTo: longestPlacement, instead: '{}' },
    affinity: members({
      nodeAffinity: members({
        requiredDuringSchedulingIgnoredDuringExecution: {
          upTo: longestPlacement,
          instead: 'null'
        }
      })
    }),
    tolerations: { upTo: longestPlacement, instead: '[{"operator":"Exists"}]' },
    os: members({ name: whole })
  })
})

/** The members that `readReview` and `podFacts` read. A test compares the answers with those to whole reviews. */
export const wantedOfReview = members({
  apiVersion: whole,
  kind: whole,
  request: members({
    uid: whole,
    operation: whole,
    resource: members({ group: whole, resource: whole }),
    subResource: whole,
    namespace: whole,
    dryRun: whole,
    userInfo: members({ username: whole, groups }),
    object: pod,
    oldObject: pod
  })
})
