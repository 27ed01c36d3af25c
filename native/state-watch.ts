import {
  type AddonStateWatch,
  loadAddon,
  NativeUnavailable,
  type RuncStateText,
  type StateNews
} from './addon.js'

export type { RuncStateText, StateNews } from './addon.js'

/** Follows runc's state folders by a native thread (native/addon/state/state-watch.h). */
interface StateWatch {
  /**
   * Starts to follow, and returns whether that works. `appeared` is called when a container's folder was made, some
   * milliseconds before its first instruction.
   */
  start(appeared: () => void): boolean
  /** Sets whether `appeared` is called: each call is a wake-up. */
  notify(wanted: boolean): void
  /** Returns what came since the last call. `missed`: there was more. */
  take(): { missed: boolean; news: StateNews[] }
  /** Reads one folder now. Returns true if its state still has the stamp, undefined if it holds no container. */
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

/**
 * Opens a watch of the folders that `runc --root` was given. Without the addon it follows and reads nothing.
 */
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
