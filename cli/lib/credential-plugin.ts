import { spawn } from 'node:child_process'
import type { RequestOptions } from 'node:https'
import { isAbsolute, resolve } from 'node:path'
import process from 'node:process'
import { isatty } from 'node:tty'
import type { KubeConfig, User } from '@kubernetes/client-node'
import { SeccoError } from '../../src/lib/errors.js'

/* Credential plugins of kubeconfigs (`users[].user.exec`, client.authentication.k8s.io/v1), as kubectl runs them. The
 * client library runs them too, but tells them nothing of the cluster and hides what they ask of the person. */

type Authenticator = Parameters<KubeConfig['addAuthenticator']>[0]

/** Plugin is `users[].user.exec`, checked. */
interface Plugin {
  user: string
  apiVersion: string
  command: string
  args: string[]
  env: Record<string, string>
  isInteractive: boolean
  cluster: object | undefined
  installHint: string
}

/** Credential is `status` of a plugin's ExecCredential. */
interface Credential {
  token?: string
  clientCertificateData?: string
  clientKeyData?: string
  /** RFC 3339. Absent: it does not expire while this process runs. */
  expirationTimestamp?: string
}

const versions = ['v1', 'v1beta1'].map((each) => `client.authentication.k8s.io/${each}`)
const mostBytes = 1024 * 1024
/** After this time a person is told what the command waits for, ms. */
const noteMs = 5000

function invalid(user: string, field: string, problem: string): SeccoError {
  const hint = 'correct it: https://kubernetes.io/docs/reference/access-authn-authz/authentication'
  return new SeccoError(
    'INVALID_DOCUMENT',
    `--kubeconfig: user ${user}: exec.${field}: ${problem}`,
    {
      hint
    }
  )
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function stringsOf(user: string, field: string, value: unknown): string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw invalid(user, field, 'must be a list of strings')
}

function envOf(user: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {}
  const entries = Array.isArray(value) ? (value as unknown[]) : [value]
  return Object.fromEntries(
    entries.map((each) => {
      const { name, value: own } = isObject(each) ? each : {}
      if (typeof name === 'string' && typeof own === 'string') return [name, own]
      throw invalid(user, 'env', 'must be a list of objects with the strings name and value')
    })
  )
}

function mayAsk(user: string, mode: unknown): boolean {
  if (mode === 'Never') return false
  if (mode === undefined || mode === 'IfAvailable') return isatty(0)
  if (mode !== 'Always') {
    throw invalid(user, 'interactiveMode', 'must be Never, IfAvailable or Always')
  }
  if (isatty(0)) return true
  throw invalid(user, 'interactiveMode', 'is Always, and standard input is no terminal')
}

/** Returns the cluster as `spec.cluster` of an ExecCredential has it. */
function clusterOf(config: KubeConfig): object {
  const { server, caData, skipTLSVerify, tlsServerName, proxyUrl } =
    config.getCurrentCluster() ?? {}
  return {
    ...{ server, 'certificate-authority-data': caData, 'tls-server-name': tlsServerName },
    ...{ 'insecure-skip-tls-verify': skipTLSVerify, 'proxy-url': proxyUrl }
  }
}

/** @throws SeccoError INVALID_DOCUMENT that names the field */
function pluginOf(config: KubeConfig, user: string, exec: Record<string, unknown>): Plugin {
  const { apiVersion, command, installHint } = exec
  if (typeof command !== 'string' || command === '')
    throw invalid(user, 'command', 'must be a string')
  if (typeof apiVersion !== 'string' || !versions.includes(apiVersion))
    throw invalid(user, 'apiVersion', `must be ${versions.join(' or ')}`)
  return {
    ...{ user, apiVersion, command },
    args: stringsOf(user, 'args', exec['args']),
    env: envOf(user, exec['env']),
    isInteractive: mayAsk(user, exec['interactiveMode']),
    cluster: exec['provideClusterInfo'] === true ? clusterOf(config) : undefined,
    installHint: typeof installHint === 'string' ? installHint : ''
  }
}

function failed({ user, command, installHint }: Plugin, why: string, cause?: unknown): SeccoError {
  const isMissing = isObject(cause) && cause['code'] === 'ENOENT'
  const next = isMissing
    ? 'install it, or correct exec.command in the kubeconfig'
    : 'run it by hand'
  const hint = isMissing && installHint !== '' ? installHint : next
  const message = `the credential plugin ${command} of user ${user} ${why}`
  return new SeccoError('UNAUTHENTICATED', message, { hint, cause })
}

/** Runs the plugin; what it asks or reports on stderr goes to the person. Resolves with what it printed. */
function run(plugin: Plugin): Promise<string> {
  const { apiVersion, command, args, env, isInteractive, cluster } = plugin
  const spec = { interactive: isInteractive, ...(cluster === undefined ? {} : { cluster }) }
  const info = JSON.stringify({ kind: 'ExecCredential', apiVersion, spec })
  return new Promise((done, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...env, KUBERNETES_EXEC_INFO: info },
      stdio: [isInteractive ? 'inherit' : 'ignore', 'pipe', 'inherit']
    })
    const note = setTimeout(() => {
      process.stderr.write(`secco: waiting for the credential plugin ${command} …\n`)
    }, noteMs)
    const chunks: Buffer[] = []
    let bytes = 0
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes <= mostBytes) return
      child.kill('SIGKILL')
      // What it started may go on, and ends when it writes.
      child.stdout.destroy()
    })
    child.once('error', (cause) => reject(failed(plugin, 'could not be started', cause)))
    child.once('close', (code, signal) => {
      clearTimeout(note)
      if (bytes > mostBytes) reject(failed(plugin, `printed more than ${mostBytes} bytes`))
      else if (code === 0) done(Buffer.concat(chunks).toString('utf8'))
      else reject(failed(plugin, `ended with ${code ?? signal ?? 'an error'}`))
    })
  })
}

/** @throws SeccoError UNAUTHENTICATED */
function credentialOf(plugin: Plugin, text: string): Credential {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    // What it printed is a credential, and belongs on no terminal.
    throw failed(plugin, 'printed no JSON')
  }
  const { kind, apiVersion, status } = isObject(answer) ? answer : {}
  if (kind !== 'ExecCredential' || apiVersion !== plugin.apiVersion)
    throw failed(plugin, `printed no ExecCredential of ${plugin.apiVersion}`)
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = isObject(status)
    ? status
    : {}
  const textIn = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
  const found = {
    token: textIn(token),
    clientCertificateData: textIn(clientCertificateData),
    clientKeyData: textIn(clientKeyData),
    expirationTimestamp: textIn(expirationTimestamp)
  }
  if ((found.clientCertificateData === undefined) !== (found.clientKeyData === undefined))
    throw failed(plugin, 'printed a certificate without its key, or a key without its certificate')
  if (found.token === undefined && found.clientKeyData === undefined)
    throw failed(plugin, 'printed neither a token nor a certificate')
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

const isExpired = ({ expirationTimestamp }: Credential): boolean =>
  expirationTimestamp !== undefined && !(Date.parse(expirationTimestamp) > Date.now())

/** Credentials of plugins, by plugin: a verb loads its kubeconfig more than once, and a plugin may ask a person. */
const kept = new Map<string, Promise<Credential>>()

async function credential(plugin: Plugin): Promise<Credential> {
  const key = JSON.stringify(plugin)
  const before = kept.get(key)
  const known = await before
  if (known !== undefined && !isExpired(known)) return known
  // Another request has asked meanwhile.
  if (kept.get(key) !== before) return credential(plugin)
  const asked = run(plugin).then((text) => credentialOf(plugin, text))
  kept.set(key, asked)
  asked.catch(() => {
    if (kept.get(key) === asked) kept.delete(key)
  })
  return asked
}

function authenticatorOf(plugin: Plugin): Authenticator {
  return {
    isAuthProvider: ({ name }) => name === plugin.user,
    async applyAuthentication(_: User, options: RequestOptions) {
      const { token, clientCertificateData, clientKeyData } = await credential(plugin)
      if (clientKeyData !== undefined) {
        options.cert = clientCertificateData
        options.key = clientKeyData
      }
      // The client library has made them an object by now.
      if (token !== undefined)
        options.headers = { ...(options.headers as object), Authorization: `Bearer ${token}` }
    }
  }
}

/** Makes commands that are paths absolute: as with kubectl, they are relative to the folder of the kubeconfig. */
export function resolveCommands(config: KubeConfig, folder: string): void {
  config.users = config.users.map((user) => {
    const { exec } = user as { exec?: unknown }
    if (!isObject(exec) || typeof exec['command'] !== 'string') return user
    const { command } = exec
    const isPath = command.includes('/') && !isAbsolute(command)
    return isPath ? { ...user, exec: { ...exec, command: resolve(folder, command) } } : user
  })
}

/**
 * Makes requests of the current user authenticate with its credential plugin, if it has one. The plugin is run with the
 * first request, and again when its credential has expired.
 * @throws SeccoError INVALID_DOCUMENT that names the field of `exec`
 */
export function useCredentialPlugin(config: KubeConfig): void {
  const user = config.getCurrentUser()
  const exec = user?.exec as unknown
  if (user === null || exec === undefined || exec === null) return
  if (!isObject(exec)) throw invalid(user.name, 'command', 'must be a string')
  const plugin = pluginOf(config, user.name, exec)
  // Without `exec`, which the client library would run itself.
  config.users = config.users.map((one) => (one === user ? { ...one, exec: undefined } : one))
  config.addAuthenticator(authenticatorOf(plugin))
}
