/** Where a workload runs: the host's network, a read-only root, /tmp and /run of its own. */
export interface Place {
  /** Nobody listens on it yet. */
  port: number
  /** A server of the bench on loopback that answers every GET with a page. */
  page: string
}

export interface Running extends Place {
  /** Sends a signal to the container's first process. */
  signal: (name: string) => Promise<void>
  /** `runc exec`, also under strace; gives what was printed. Rejects when it fails. */
  exec: (args: readonly string[]) => Promise<string>
  /** Waits until a task of the container is blocked in this call. */
  blocked: (call: string) => Promise<void>
  /** Waits until the container has printed these words. */
  prints: (words: string) => Promise<void>
}

/** A program as people run it, with a traffic of its own. */
export interface Workload {
  name: string
  args: (place: Place) => readonly string[]
  env?: readonly string[]
  uid?: number
  /** Read-only mounts beside the root. */
  files?: readonly { source: string; target: string }[]
  /** What is done to it while it runs; it has to end by itself or by what is done here. */
  drive?: (running: Running) => Promise<void>
  /** As a shell says it; default 0. */
  exits?: number
  /** What has to be in its output: the proof that it did its work. */
  output?: RegExp
}
