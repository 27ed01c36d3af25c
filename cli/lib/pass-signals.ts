const passed = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
/** Keys of a terminal signal the whole foreground group, so the command gets them by itself. */
const keys = ['SIGINT', 'SIGQUIT'] as const

interface SignalPass {
  /** Sends signals to this process from now on, including signals that came before. */
  to: (pid: number) => void
  stop: () => void
}

/**
 * Passes signals to the command that this process runs, while this process stays to report. Without a terminal,
 * SIGINT and SIGQUIT were sent to this process alone, and are passed on too.
 */
export function passSignals(): SignalPass {
  const onTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  const early: NodeJS.Signals[] = []
  let pid: number | undefined
  const send = (signal: NodeJS.Signals): void => {
    if (pid === undefined) early.push(signal)
    else {
      try {
        process.kill(pid, signal)
      } catch {
        // It has just ended.
      }
    }
  }
  const stay = (): void => undefined
  const handlers = [
    ...passed.map((signal) => [signal, send] as const),
    ...keys.map((signal) => [signal, onTerminal ? stay : send] as const)
  ]
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return {
    to: (started) => {
      pid = started
      for (const signal of early.splice(0)) send(signal)
    },
    stop: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    }
  }
}
