import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shellBlocks } from '../helpers/documents.js'
import { repositoryRoot } from '../helpers/repository.js'

/** A command of the README, and how it went. */
export interface Step {
  command: string
  seconds: number
  code: number
  said: string
}

/** The README's block of a newcomer's first five minutes, one command a line, without its comments. */
export async function readCommands(): Promise<string[]> {
  const readme = await readFile(join(repositoryRoot, 'README.md'), 'utf8')
  const blocks = shellBlocks('README.md', readme)
  const block = blocks.find(({ runner }) => runner === 'five-minutes')?.text
  if (block === undefined) throw new Error('the README has no block "five-minutes"')
  const commands = block.split('\n').map((line) => line.replace(/(^|\s)# .*$/, '').trim())
  return commands.filter((line) => line !== '')
}

export interface WalkOptions {
  /** In the place of `npm start`: what starts Secco, and where. */
  start: { command: string; args: readonly string[] }
  /** Words of the README and what stands for them here: the container's name, its port. */
  instead: Readonly<Record<string, string>>
  env: Readonly<Record<string, string | undefined>>
  /** Told as each command ends. */
  step: (step: Step) => void
}

const up = /Running\. Ctrl-C/
const mark = /@@(\d+)@@\n/

const environment = (more: WalkOptions['env']): NodeJS.ProcessEnv => ({
  ...process.env,
  NO_COLOR: '1',
  ...more
})

/** The test runner puts its loader into every program it sees being spawned; env(1) takes it out again. */
const plainly = (command: string, args: readonly string[]): [string, string[]] => [
  '/usr/bin/env',
  ['-u', 'NODE_OPTIONS', command, ...args]
]

const isAttack = (command: string) => / nc /.test(command)
const isDenials = (command: string) => / denials\b/.test(command)
/** What the attack asks for. */
const deniedCall = /connect/

/** Starts Secco; resolves when it says that it runs. */
async function startSecco(options: WalkOptions, begun: number) {
  const { command, args } = options.start
  const child = spawn(...plainly(command, args), {
    cwd: repositoryRoot,
    env: environment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  let said = ''
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    // As Ctrl-C on a terminal: to the whole group. npm alone keeps it to itself.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
    await ended
  }
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      if (up.test(said)) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${said}`)))
  })
  options.step({ command: 'npm start', seconds: (Date.now() - begun) / 1000, code: 0, said })
  return { stop, said }
}

const longestMs = 60_000

/** A person who is too quick, and sees an error or nothing yet, does it once more a moment later; so often. */
const tries = 20
const momentMs = 500
const isTooEarly = (command: string, code: string | undefined, said: string): boolean =>
  code !== '0' || (isDenials(command) && !deniedCall.test(said))

/** Runs every line in one shell, as a person types them. */
function runLines(lines: readonly string[], folder: string, options: WalkOptions): Promise<Step[]> {
  const steps: Step[] = []
  const shell = spawn(...plainly('bash', ['-s']), {
    cwd: folder,
    env: environment(options.env),
    stdio: ['pipe', 'pipe', 'pipe']
  })
  let said = ''
  let from = Date.now()
  let left = tries
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const next = () => {
      const line = lines[steps.length]
      clearTimeout(timer)
      if (line === undefined) shell.stdin.end()
      else {
        timer = setTimeout(() => shell.kill('SIGKILL'), longestMs)
        // In one stream: what is said of a failure comes before its code. And as pasted: a command that reads its
        // standard input takes the next line away.
        shell.stdin.write(`{ ${line}\n} 2>&1\necho "@@$?@@"\n`)
      }
    }
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      const [whole, code] = mark.exec(said) ?? []
      if (whole === undefined) return
      const command = lines[steps.length] ?? ''
      left -= 1
      if (isTooEarly(command, code, said) && left > 0 && !isAttack(command)) {
        said = ''
        setTimeout(next, momentMs)
        return
      }
      const step = {
        ...{ command, seconds: (Date.now() - from) / 1000, code: Number(code) },
        said: said.replace(whole, '')
      }
      said = ''
      steps.push(step)
      options.step(step)
      from = Date.now()
      left = tries
      next()
    }
    shell.stdout.on('data', hear)
    shell.stderr.on('data', (chunk: Buffer) => (said = `${chunk.toString()}${said}`))
    shell.once('error', reject)
    // Not `close`: a container that runs on has the shell's streams.
    shell.once('exit', () => {
      clearTimeout(timer)
      shell.stdout.destroy()
      shell.stderr.destroy()
      resolve(steps)
    })
    next()
  })
}

function wordsHere(lines: readonly string[], { instead }: WalkOptions): string[] {
  return lines.map((line) =>
    Object.entries(instead).reduce((text, [word, other]) => text.replaceAll(word, other), line)
  )
}

/**
 * Goes the README's way from `npm start` to an attack denied on a workload of one's own. Gives every
 * step and the seconds of all; Secco and the container are gone afterwards.
 */
export async function walkReadme(
  options: WalkOptions
): Promise<{ steps: Step[]; seconds: number; announced: string }> {
  const [first, ...rest] = await readCommands()
  if (first !== 'npm start') throw new Error('the README does not begin with npm start')
  const folder = await mkdtemp(join(tmpdir(), 'secco-five-minutes-'))
  // The commands name bin/secco, as from the repository; what they make stays out of it.
  await symlink(join(repositoryRoot, 'bin'), join(folder, 'bin'))
  const lines = wordsHere(rest, options)
  const begun = Date.now()
  const secco = await startSecco(options, begun)
  try {
    const steps = await runLines(lines, folder, options)
    return { steps, seconds: (Date.now() - begun) / 1000, announced: secco.said }
  } finally {
    const [clean] = wordsHere(['runc delete --force my-web'], options)
    await runLines(clean === undefined ? [] : [clean], folder, {
      ...options,
      step: () => undefined
    })
    await secco.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** What has to be true at the end: it served, and what the intruder asked was denied and is named. */
export function shortcomings(steps: readonly Step[]): string[] {
  const saidBy = (word: string) =>
    steps.filter(({ command }) => command.includes(word)).at(-1)?.said ?? ''
  const attack = steps.find(({ command }) => isAttack(command))
  const failed = steps.filter(({ code, command }) => code !== 0 && !isAttack(command))
  const last = steps.at(-1)?.command ?? ''
  return [
    ...(last.includes('denials') ? [] : [`it ended after ${last}: a step hung`]),
    ...failed.map(({ command, code, said }) => `${command}: exit code ${code}: ${said}`),
    ...(/accept/.test(saidBy('wait')) ? [] : [`the profiler says ${saidBy('wait')}`]),
    ...(saidBy('curl').includes('hello') ? [] : ['the enforced server does not answer']),
    ...(attack === undefined || attack.code === 0 ? ['the attack went through'] : []),
    ...(/not permitted/i.test(attack?.said ?? '') ? [] : [`the attack says ${attack?.said ?? ''}`]),
    ...(/ my-web\S* +True +1\/1 /.test(saidBy('get profiles'))
      ? []
      : [`the profiles are ${saidBy('get profiles')}`]),
    ...(deniedCall.test(saidBy('denials')) ? [] : ['the denied call is not among the denials'])
  ]
}
