/** The parts of a made-up confinement without profiles: nothing allows a denied call. */
export const noProfiles = {
  hub: {
    profiles: () => new Map<string, never>(),
    node: () => undefined,
    nodes: () => [],
    inventory: { isComplete: () => false }
  },
  sources: { isElsewhere: () => true },
  revisions: {
    isKnownOf: () => false,
    ...{ byDigest: () => [], named: () => undefined, seccompOf: () => undefined },
    ...{ filtersRead: () => 0, settled: () => Promise.resolve(false) }
  }
}
