import { type AddonStateWatch, loadAddon, NativeUnavailable } from './addon.js'

/** One state.json of runc as it was read, and what its bundle says; JSON as it stands in the files. */
export interface RuncStateText {
  /** Of one content of the file from the next: runc replaces it as a whole. */
  stamp: string
  /** Of the container's first process, and field 22 of its /proc/PID/stat. */
  pid: number
  startTime: number
  /** Folder of its cgroup in the unified hierarchy; empty where there is none. */
  cgroup: string
  /** 0n: not known. */
  cgroupId: bigint
  /** An array of `KEY=VALUE`; empty when there is none. */
  labels: string
  /** An object; empty when there is none. */
  annotations: string
  /** Arrays: `process.capabilities.bounding` and `linux.maskedPaths`; empty when there are none. */
  bounding: string
  masked: string
  /** The same number, the same text of `linux.seccomp`; 0: none. */
  seccompNumber: number
  /** With a number's first appearance. */
  seccomp?: string
}

export interface StateNews {
  root: string
  folder: string
  /** The folder is no longer there; `state` is what it last was, where that was not told yet. */
  gone: boolean
  state?: RuncStateText
}

/** runc's state folders, followed by a native thread (native/addon/state/state-watch.h). */
export interface StateWatch {
  /** Begins to follow. `appeared`: a folder was made, some milliseconds before its first instruction. */
  start(appeared: () => void): boolean
  /** Whether `appeared` is wanted: each is a wake-up. */
  notify(wanted: boolean): void
  /** What came since the last call. `missed`: and more than that. */
  take(): { missed: boolean; news: StateNews[] }
  /** One folder, now; `true`: its state is that of the stamp still; undefined when it holds no container. */
  read(folder: string, stamp?: string): RuncStateText | true | undefined
  close(): void
}

function open(roots: readonly string[]): AddonStateWatch | undefined {
  try {
    return new (loadAddon().StateWatch)([...roots])
  } catch (error) {
    if (error instanceof NativeUnavailable) return undefined
    throw error
  }
}

/** @param roots what `runc --root` was given. Without the addon nothing is followed and nothing read. */
export function openStateWatch(roots: readonly string[]): StateWatch {
  const native = open(roots)
  return {
    start: (appeared) => native?.start(appeared) ?? false,
    notify: (wanted) => native?.notify(wanted),
    take: () => {
      const [missed, ...news] = native?.take() ?? [false]
      return { missed: missed ?? false, news }
    },
    read: (folder, stamp) => native?.read(folder, stamp),
    close: () => native?.close()
  }
}
