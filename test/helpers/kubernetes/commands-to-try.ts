import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { testDeployment } from './secco-in-use.js'
import type { Step } from './steps.js'

/** A command for a person to paste. */
export interface CommandToTry {
  line: string
  /** Printed above the command. */
  comment?: string
  /** What its output has to show. */
  shows?: RegExp
}

/** A Deployment to learn from and its Service, as a person would write them. */
export function sampleManifest(): string {
  const documents = [
    { apiVersion: 'apps/v1', kind: 'Deployment', ...testDeployment('web', learn) },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] }
    }
  ]
  return documents.map((one) => stringify(one)).join('---\n')
}

const learn = { 'secco.dev/learn': 'true' }
/** A service's address answers within a second of its pod's readiness (service-network.ts polls): no route until then. */
const curl = 'curl -s --max-time 20 --retry 10 --retry-delay 1 --retry-all-errors'
const rollout = 'kubectl rollout status deployment/web --timeout=120s'
const until = (command: string): string => `timeout 60 sh -c "until ${command}; do sleep 1; done"`

interface TryOptions {
  /** Path of the sample manifest. */
  file: string
  /** Address of Secco's pages; undefined: Secco does not run, and there is only the sample to try. */
  ui: string | undefined
}

/** The commands to try in a cluster, in their order; later ones need the earlier ones. */
export function commandsToTry({ file, ui }: TryOptions): CommandToTry[] {
  const sample: CommandToTry[] = [
    { comment: 'A workload and some traffic', line: `kubectl apply -f ${file}` },
    { line: rollout, shows: /successfully rolled out/ },
    { line: "WEB=$(kubectl get service web -o jsonpath='{.spec.clusterIP}')" },
    { line: `${curl} $WEB/ $WEB/call/getsid`, shows: /ok\ngetsid ok/ }
  ]
  if (ui === undefined) return sample
  const labels = '"labels":{"secco.dev/learn":null,"secco.dev/profile":"web.app"}'
  return [
    ...sample,
    {
      comment: 'What Secco learned from it',
      line: until('kubectl get seccompprofile web.app -o yaml 2>&1 | grep -q getsid')
    },
    { line: 'kubectl get seccompprofiles -o wide', shows: /web\.app/ },
    { line: 'secco profile show web.app', shows: /web\.app/ },
    {
      comment: 'Approve it, and run the workload under it',
      line: "secco profile approve web.app --reason 'a try'"
    },
    { line: 'kubectl wait --for=condition=Ready --timeout=60s seccompprofile/web.app' },
    {
      line: `kubectl patch deployment web -p '{"spec":{"template":{"metadata":{${labels}}}}}'`
    },
    { line: rollout, shows: /successfully rolled out/ },
    {
      comment: 'It serves as before; what an attacker would call is denied, and Secco reports it',
      line: `${curl} $WEB/ $WEB/call/getsid $WEB/attack`,
      shows: /ok\ngetsid ok\n[^]*unshare denied/
    },
    { line: until('secco denials -n default 2>&1 | grep -q unshare') },
    { line: 'secco denials -n default', shows: /keyctl[^]*unshare|unshare[^]*keyctl/ },
    { line: 'secco ps -n default', shows: /enforced/ },
    {
      line: `curl -s -H "Authorization: Bearer $SECCO_TOKEN" ${ui}/api/v1/denials`,
      shows: /"syscall":"unshare"/
    },
    {
      comment: 'Secco proves the whole chain with a pod of its own',
      line: 'secco doctor',
      shows: /the whole chain works/
    }
  ]
}

/** The commands as a person reads them, each on a line of its own. */
export function printCommands(commands: readonly CommandToTry[]): string[] {
  return commands.flatMap(({ line, comment }) => [
    ...(comment === undefined ? [] : ['', `  # ${comment}`]),
    `  ${line}`
  ])
}

/** Written after each command, also behind a last line without its end. */
const mark = /^(.*)@@(\d+) (\d+)@@$/

/**
 * Runs the commands in one bash, as a person who pastes them does, and prints each with its output.
 * @throws Error at the first command that fails or does not show what it has to.
 */
export async function tryCommands(
  commands: readonly CommandToTry[],
  say: (line: string) => void,
  { signal, waitFor }: Step
): Promise<void> {
  const script = commands
    .map(({ line }, at) => `${line}\ncode=$?\necho "@@${at} $code@@"\n[ $code = 0 ] || exit 1\n`)
    .join('')
  // A group of its own, to be ended as a whole. The test runner's loader stays out of it.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', 'bash', '-c', `exec 2>&1\n${script}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true
  })
  const end = (): void => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    process.kill(-child.pid, 'SIGKILL')
  }
  signal.addEventListener('abort', end)
  const show = (at: number): void => {
    const next = commands[at]
    if (next === undefined) return
    say(`  $ ${next.line}`)
    waitFor(next.line)
  }
  let said = ''
  let done = 0
  try {
    show(0)
    for await (const line of createInterface({ input: child.stdout })) {
      const [whole, rest = line, at, code] = mark.exec(line) ?? []
      if (rest !== '' || whole === undefined) {
        say(`  ${rest}`)
        said += `${rest}\n`
      }
      if (whole === undefined) continue
      const command = commands[Number(at)]
      if (command === undefined) throw new Error(`bash answered ${line}`)
      if (code !== '0') throw new Error(`\`${command.line}\` ended with ${code ?? ''}`)
      if (command.shows?.test(said) === false) {
        throw new Error(`\`${command.line}\` does not show ${String(command.shows)}: ${said}`)
      }
      said = ''
      done += 1
      show(done)
    }
    signal.throwIfAborted()
    if (done < commands.length) throw new Error(`bash ended after ${done} commands`)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}
