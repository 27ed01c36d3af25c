import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import { findNodePrograms, type NodePrograms } from '../api-server-programs.js'
import { repositoryRoot } from '../repository.js'
import {
  type CommandToTry,
  commandsToTry,
  printCommands,
  sampleManifest,
  tryCommands
} from './commands-to-try.js'
import { type RealCluster, startRealCluster, whyNoNode } from './real-cluster.js'
import { runSeccoInCluster, seccoImageName } from './secco-in-cluster.js'
import type { SeccoAtWork } from './secco-on-host.js'
import { createSteps, Interrupted, type RunStep } from './steps.js'
import { seccoImageArchive } from './test-images.js'

const usage = `usage: npm run cluster -- [--nodes N] [--without-secco] [--once] [--keep]
Starts a Kubernetes cluster of N nodes (default: 1) with Secco on this machine. Ctrl-C stops and removes it.
  --nodes N        1 to 9
  --without-secco  only the cluster
  --once           runs the commands that are printed, then stops; exits with 1 when one of them fails
  --keep           a cluster in which Secco does not become ready stays, to look at, until Ctrl-C
`

interface Options {
  nodes: number
  withSecco: boolean
  once: boolean
  keep: boolean
}

interface Command extends Options {
  step: RunStep
  interrupt: AbortSignal
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const minutes = (count: number): number => count * 60_000

/** How long each step may take on two cores; what is built once per machine has no other bound. */
const limits = {
  programs: minutes(40),
  image: minutes(2),
  cluster: minutes(3),
  secco: minutes(4),
  commands: minutes(5)
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '1' },
      'without-secco': { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) return undefined
  const nodes = Number(values.nodes)
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9) {
    throw new SeccoError('INVALID_ARGUMENT', `--nodes ${values.nodes}: not a number from 1 to 9`, {
      hint: 'npm run cluster -- --nodes 1'
    })
  }
  const { once, keep } = values
  return { nodes, withSecco: !values['without-secco'], once, keep }
}

/** Aborts at the first Ctrl-C, SIGTERM or hang-up; later ones change nothing. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!controller.signal.aborted) say('\nstopping the cluster')
      controller.abort(new Interrupted(name))
    })
  }
  return controller.signal
}

/** Rethrows what a step failed with, with the next step for a person; interruptions pass. */
async function advising<T>(hint: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Interrupted || error instanceof SeccoError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new SeccoError('UNAVAILABLE', message, { hint, cause: error })
  }
}

async function findPrograms({ step }: Command): Promise<NodePrograms> {
  const unable = whyNoNode()
  if (unable !== undefined) {
    const hint = unable.startsWith('not root')
      ? 'run it as root: sudo npm run cluster'
      : 'install what is missing: bin/setup bench'
    throw new SeccoError('UNAVAILABLE', unable, { hint })
  }
  const found = await step('finding or building the control plane', limits.programs, ({ signal }) =>
    findNodePrograms((line) => say(`  ${line}`), process.env, signal)
  )
  if (found.programs !== undefined) return found.programs
  throw new SeccoError('UNAVAILABLE', found.skip, {
    hint: 'see that `go version` is 1.24 or later and reaches its module proxy, then run this again'
  })
}

/** Secco's image as a file in `folder`, for the nodes to import. */
async function buildImages({ step, withSecco }: Command, folder: string): Promise<string[]> {
  if (!withSecco) return []
  const image = step('building the image of Secco', limits.image, () =>
    seccoImageArchive(folder, seccoImageName)
  )
  return [await advising('see what fails: npm run image', image)]
}

async function startCluster(command: Command, programs: NodePrograms): Promise<RealCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-image-'))
  try {
    const images = await buildImages(command, folder)
    const nodes = Array.from({ length: command.nodes }, (_, at) => ({ name: `node-${at + 1}` }))
    const into = images.length === 0 ? '' : ', and importing the image into containerd'
    const cluster = command.step(`starting the cluster${into}`, limits.cluster, ({ signal }) =>
      startRealCluster({ programs, nodes, images, signal, say: (line) => say(`  ${line}`) })
    )
    return await advising('see that 2 GB of memory are free, then run this again', cluster)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function installSecco(
  command: Command,
  cluster: RealCluster,
  programs: NodePrograms
): Promise<SeccoAtWork | undefined> {
  const { step, withSecco, keep } = command
  if (!withSecco) return undefined
  const secco = step('installing Secco in the cluster', limits.secco, (options) =>
    runSeccoInCluster(cluster, programs, options)
  )
  const hint = 'read the pods, logs and events above; to look around: npm run cluster -- --keep'
  try {
    return await advising(hint, secco)
  } catch (error) {
    if (!keep || !(error instanceof SeccoError)) throw error
    say(
      `\n${error.message}\n\nSecco is not ready. To look around, paste into another shell of root:`
    )
    for (const line of printCommands(environment(cluster, programs, undefined))) say(line)
    await untilInterrupted(command)
    throw error
  }
}

/** What another shell needs before it can use the cluster. */
function environment(
  cluster: RealCluster,
  programs: NodePrograms,
  secco: SeccoAtWork | undefined
): CommandToTry[] {
  const { kubeconfig } = cluster
  const lines = [`export KUBECONFIG=${kubeconfig} SECCO_KUBECONFIG=${kubeconfig}`]
  lines.push(`export PATH=${dirname(programs.kubectl)}:${join(repositoryRoot, 'bin')}:$PATH`)
  if (secco !== undefined) {
    lines.push(`export SECCO_STATE=${secco.state}`)
    lines.push('export SECCO_TOKEN=$(kubectl create token administrator)')
  }
  return lines.map((line) => ({ line }))
}

async function showCluster(
  command: Command,
  cluster: RealCluster,
  programs: NodePrograms,
  secco: SeccoAtWork | undefined
): Promise<void> {
  const file = join(cluster.ground.folder, 'web.yaml')
  await writeFile(file, sampleManifest())
  const all = [...environment(cluster, programs, secco), ...commandsToTry({ file, ui: secco?.ui })]
  say(`\n${(await cluster.kubectl('get', 'pods', '-A', '-o', 'wide')).trimEnd()}\n`)
  say('Ready. To try it, paste into another shell of root:')
  for (const line of printCommands(all)) say(line)
  if (secco !== undefined) {
    say(`\nThe pages are at ${secco.ui}/; log in with: kubectl create token administrator`)
  }
  if (command.once) {
    say('')
    const tried = command.step('trying these commands', limits.commands, (step) =>
      tryCommands(all, say, step)
    )
    await advising('paste the commands yourself and look: npm run cluster', tried)
    return
  }
  await untilInterrupted(command)
}

async function untilInterrupted({ interrupt }: Command): Promise<void> {
  say('\nCtrl-C here stops the cluster and removes it.')
  if (interrupt.aborted) return
  // A listener alone would not keep this process alive.
  const alive = setInterval(() => undefined, 1 << 30)
  await new Promise<void>((done) => interrupt.addEventListener('abort', () => done()))
  clearInterval(alive)
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) {
    process.stdout.write(usage)
    return 0
  }
  const interrupt = interruption()
  const command = { ...options, interrupt, step: createSteps({ say, interrupt }) }
  const programs = await findPrograms(command)
  const cluster = await startCluster(command, programs)
  let secco: SeccoAtWork | undefined
  try {
    secco = await installSecco(command, cluster, programs)
    await showCluster(command, cluster, programs, secco)
  } finally {
    await secco?.stop()
    await cluster.stop()
  }
  say('stopped; nothing of the cluster is left')
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof Interrupted) {
    say('interrupted; nothing of the cluster is left')
    process.exitCode = 128 + constants.signals[error.signalName]
  } else {
    const { message, code, hint } = toSeccoError(error)
    process.stderr.write(`error: ${message} (${code})\nnext: ${hint}\n`)
    process.exitCode = 1
  }
}
