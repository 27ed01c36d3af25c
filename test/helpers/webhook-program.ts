import { once } from 'node:events'
import { captureIo } from './captured-io.js'
import { run } from '../../cli/main.js'
import { readAddresses, statePaths } from '../../cli/lib/state.js'
import { type Outcome, spawnSecco } from './secco-command.js'

/** Starts `secco webhook` on a state folder, and waits until it serves. */
export async function startWebhookProgram(
  state: string,
  ...args: string[]
): Promise<{ ui: string; token: string; stop: () => Promise<void> }> {
  const free = '127.0.0.1:0'
  const child = spawnSecco([
    ...['webhook', '--state', state, '--listen', free, '--hub-listen', free, '--ui-listen', free],
    ...args
  ])
  const ended = once(child, 'exit')
  let output = ''
  const serves = new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      output = `${output}${chunk.toString()}`.slice(-20_000)
      if (/pages http:/.test(output)) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    void ended.then(() => reject(new Error(`secco webhook ended: ${output}`)))
  })
  await serves
  const { ui, token } = await readAddresses(statePaths({ env: {} }, state, 0))
  return {
    ui,
    token,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await ended
    }
  }
}

/** Runs a verb in this process: a process for each takes seconds. */
export async function runHere(args: readonly string[]): Promise<Outcome> {
  const { io, printed } = captureIo()
  const code = await run(args, io)
  return { code, ...printed }
}

/** A request to pages and API by a token. */
export function apiOf(ui: string, token: string) {
  return (
    method: 'POST' | 'PUT',
    path: string,
    body: object,
    more: Record<string, string> = {}
  ): Promise<Response> =>
    fetch(`${ui}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more },
      body: JSON.stringify(body)
    })
}
