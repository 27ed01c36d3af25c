import { spawn } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import type { Test } from 'tap'
import { repositoryRoot } from '../../helpers/repository.js'
import type { Outcome } from '../../helpers/secco-command.js'

/** The only placeholder that a printed command may have: the words of the person. */
const reason = /--reason WHY\b/
const placeholder = /(^|[\s/=])(<\w[^>]*>|…|\.\.\.|[A-Z]{3,})(?=[\s/]|$)/

/** Next steps that hold no command, and why that is right. */
const withoutCommand: readonly [RegExp, string][] = [
  [/denied on purpose/, 'nothing is to be done'],
  [/^closed: /, 'nothing is left to do'],
  [/^ask who may /, 'it is for somebody with more rights']
]

/** Commands whose exit code 1 is an answer: there is a difference, or nothing of that name. */
const answers = /^secco (--\S+ \S+ )*(profile )?diff |\bnobody\b/

/** Commands that a person decides about: the test types them itself, for what the workload needs. */
const decides = /--yes\b/

/** What an administrator is asked for, and runs. */
const asksFor = /ask for the role/

/** Returns the commands of a next step: in backquotes, at its beginning, or after `: `, `then` and `for example`. */
export function commandsIn(next: string): string[] {
  const quoted = [...next.matchAll(/`((?:secco|kubectl) [^`]+)`/g)].map(([, command]) => command)
  if (quoted.length > 0) return quoted.filter((command) => command !== undefined)
  const parts = next.split(/: |(?:, then|, for example| or) (?=secco |kubectl )/)
  return parts.filter((part) => /^(secco|kubectl) /.test(part)).map((part) => part.trim())
}

/** What a person types with, and where it is kept. */
interface Hands {
  /** For files of the person. */
  folder: string
  kubectl: string
  kubeconfig: string
  /** Kubeconfig of the administrator whom this person asks for rights. */
  administrator: string
}

/** A command that was run, by whoever named it. */
export interface Typed extends Outcome {
  command: string
  /** Both outputs. */
  said: string
  /** The texts behind `next:`. */
  next: string[]
}

/** Types commands into a shell, and does what the printed `next:` lines say, as they are printed. */
export class TypingPerson {
  /** Where failures are reported. */
  t: Test
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #administrator: string
  /** Commands of `next:` lines that were run. */
  readonly followed: string[] = []

  private constructor(t: Test, { folder, administrator }: Hands, env: NodeJS.ProcessEnv) {
    this.t = t
    this.#folder = folder
    this.#administrator = administrator
    this.#env = env
  }

  /** Puts `secco` and `kubectl` into the path, and the kubeconfig where both look for it. */
  static async sitDown(t: Test, hands: Hands): Promise<TypingPerson> {
    const bin = join(hands.folder, 'bin')
    await mkdir(bin, { recursive: true })
    await symlink(join(repositoryRoot, 'bin/secco'), join(bin, 'secco'))
    const path = [bin, dirname(hands.kubectl), dirname(process.execPath), process.env['PATH'] ?? '']
    const { kubeconfig, folder } = hands
    return new TypingPerson(t, hands, {
      ...{ PATH: path.join(':'), HOME: folder, NO_COLOR: '1' },
      ...{ KUBECONFIG: kubeconfig, SECCO_KUBECONFIG: kubeconfig }
    })
  }

  /** Runs a line of the shell. */
  run(command: string, input = '', env = this.#env): Promise<Typed> {
    return new Promise((resolve, reject) => {
      // The test runner puts its loader into every program that it sees; env(1) takes it out again.
      const child = spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', 'sh', '-c', command], {
        env,
        cwd: this.#folder
      })
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
      child.once('error', reject)
      child.once('close', (code) => {
        const said = stdout + stderr
        const next = [...said.matchAll(/^\s*next: *(.*)$/gim)].map(([, text = '']) => text)
        resolve({ command, code: code ?? -1, stdout, stderr, said, next })
      })
      child.stdin.on('error', () => undefined)
      child.stdin.end(input)
    })
  }

  /** Runs a line that has to succeed, and does what it says comes next. */
  async type(command: string, input?: string): Promise<Typed> {
    return await this.#typeOnce(command, new Set([command]), input)
  }

  /**
   * Runs a line that is a mistake: it fails with these words, and says what to do.
   * @param done what was done for earlier mistakes, and is not done again
   */
  async mistype(command: string, words: RegExp, done: Set<string>): Promise<void> {
    const typed = await this.run(command)
    this.t.not(typed.code, 0, command)
    this.t.match(typed.stderr, words, command)
    this.t.not(typed.next.length, 0, `${command}: ${typed.said}`)
    await this.#follow(typed, done)
  }

  async #typeOnce(command: string, done: Set<string>, input?: string): Promise<Typed> {
    const typed = await this.run(command, input)
    const isRight = typed.code === 0 || (typed.code === 1 && answers.test(command))
    this.t.ok(isRight, `${command}: ${typed.code}: ${typed.said}`)
    await this.#follow(typed, done)
    return typed
  }

  /** Has the administrator run a command. */
  async #ask(command: string): Promise<void> {
    const env = { ...this.#env, KUBECONFIG: this.#administrator }
    const { code, said } = await this.run(command, '', env)
    this.t.equal(code, 0, `the administrator: ${command}: ${said}`)
  }

  /** Runs each command of the `next:` lines that was not run for the same line before. */
  async #follow({ command: from, next }: Typed, done: Set<string>): Promise<void> {
    const { t } = this
    for (const line of next) {
      const commands = commandsIn(line)
      const isRight = withoutCommand.some(([form]) => form.test(line))
      if (commands.length === 0 && !isRight) t.fail(`${from} says next: ${line}`)
      for (const command of commands) {
        const open = command.replace(reason, '')
        if (placeholder.test(open)) t.fail(`${from} leaves out a word: ${command}`)
        const words = command.replace(reason, "--reason 'a person typed it'")
        if (decides.test(words) || done.has(words)) continue
        done.add(words)
        this.followed.push(command)
        if (asksFor.test(line)) await this.#ask(words)
        else await this.#typeOnce(words, done)
      }
    }
  }
}
