import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from '../../src/lib/errors.js'
import { type Finished, mustRun, run } from './run.js'

/** A runc container of our own, under its own --root so that nothing else on the machine is touched. */
export interface RuncContainer {
  id: string
  root: string
}

/** Creates and starts a container (`runc run -d`). Its output is dropped, because it outlives the call. */
export async function startContainer(container: RuncContainer, bundle: string): Promise<void> {
  const finished = await run(
    'runc',
    [
      '--root',
      container.root,
      '--log',
      `${bundle}/runc.log`,
      'run',
      '-d',
      '-b',
      bundle,
      container.id
    ],
    {
      detachStdio: true
    }
  )
  if (finished.code !== 0) {
    const log = await run('tail', ['-n', '3', `${bundle}/runc.log`])
    throw new SeccoError('INTERNAL', `runc could not start ${container.id}: ${log.stdout.trim()}`, {
      hint: `look at ${bundle}/runc.log`
    })
  }
}

/** Runs a program inside, under the container's own filter. */
export function execInContainer(
  container: RuncContainer,
  args: readonly string[]
): Promise<Finished> {
  return run('runc', ['--root', container.root, 'exec', container.id, ...args])
}

interface State {
  status: string
  pid: number
}

/** The container's state, or undefined when there is none of that id. */
export async function containerState(container: RuncContainer): Promise<State | undefined> {
  const finished = await run('runc', ['--root', container.root, 'state', container.id])
  return finished.code === 0 ? (JSON.parse(finished.stdout) as State) : undefined
}

/** Sends a signal to the entry point. */
export async function signalContainer(container: RuncContainer, signal: string): Promise<void> {
  await mustRun('runc', ['--root', container.root, 'kill', container.id, signal])
}

/**
 * Ends a container by the signal that its entry point handles, kills it after `graceMs`, and deletes it. Returns false if
 * it does not exist or cannot be deleted.
 */
export async function removeContainer(
  container: RuncContainer,
  signal = 'QUIT',
  graceMs = 5000
): Promise<boolean> {
  const state = await containerState(container)
  if (state === undefined) return false
  if (state.status === 'running') {
    await run('runc', ['--root', container.root, 'kill', container.id, signal])
    const deadline = Date.now() + graceMs
    while (Date.now() < deadline && (await containerState(container))?.status === 'running')
      await delay(50)
  }
  const deleted = await run('runc', ['--root', container.root, 'delete', '--force', container.id])
  return deleted.code === 0
}
