import type { BaseEntry } from './entry.js'

/**
 * Engines and shims that start an OCI runtime, and what they add to the container's own calls. The
 * filter is loaded by the OCI runtime inside the container; none of these runs a call behind it.
 */
export const shims: Readonly<Record<string, readonly BaseEntry[]>> = {
  containerd: [],
  'containerd-shim-runc-v2': [],
  'cri-o': [],
  crio: [],
  conmon: [],
  docker: [],
  moby: [],
  podman: []
}
