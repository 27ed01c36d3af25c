import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot } from '../repository.js'
import { spawnSecco } from '../secco-command.js'
import { makePatient } from '../patient-webhook.js'
import { GivenUp, until } from '../until.js'
import { administratorToken } from './administrator-token.js'
import type { RealNode } from './node.js'
import type { RealCluster } from './real-cluster.js'

/** A denial as the HTTP API gives it, as far as tests look. */
export interface SeenDenial {
  namespace: string
  profile: string
  node: string
  pod: string
  containerName: string
  /** Its id. */
  container: string
  syscall: string
  action: string
  count: number
}

/** A node as the HTTP API gives it, as far as tests look. */
export interface SeenNode {
  name: string
  connected: boolean
  attached: boolean
}

/** Secco at work for a cluster, whichever way it was installed. */
export interface SeccoAtWork {
  /** State folder for `secco --state`. */
  state: string
  /** Pages and HTTP API, on loopback. */
  ui: string
  /** An administrator's, for both. */
  token: string
  denials(): Promise<SeenDenial[]>
  nodes(): Promise<SeenNode[]>
  /** What the programs said, for a failing test. */
  logs(): string
  stop(): Promise<void>
}

const program = join(repositoryRoot, 'bin/secco')

interface Started {
  child: ChildProcessWithoutNullStreams
  output: () => string
}

function collect(child: ChildProcessWithoutNullStreams): Started {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-200_000)))
  }
  return { child, output: () => output }
}

/** Starts `secco` where the node's folders are the usual ones, as its own service would be. */
function startOnNode({ mountsOf }: RealNode, args: readonly string[]): Started {
  const secco = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, program, ...args]
  const child = spawn('nsenter', [`--mount=/proc/${mountsOf}/ns/mnt`, ...secco], {
    env: { ...process.env, NO_COLOR: '1' }
  })
  return collect(child)
}

async function endSecco({ child }: Started): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGINT')
  await once(child, 'close')
}

/** Items of a list of the HTTP API. @param token whose rights they are read with */
export async function listOf<Item>(ui: string, token: string, what: string): Promise<Item[]> {
  const headers = { authorization: `Bearer ${token}` }
  const answer = await fetch(`${ui}/api/v1/${what}`, { headers })
  return ((await answer.json()) as { items: Item[] }).items
}

/**
 * Applies manifests/base and runs `secco webhook` and a `secco satellite` per node as processes of this
 * machine: the cluster's own Service is replaced by a URL, everything else is as in a cluster.
 */
export async function runSeccoOnHost(cluster: RealCluster): Promise<SeccoAtWork> {
  const state = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const programs: Started[] = []
  async function stop(): Promise<void> {
    for (const one of programs.splice(0).reverse()) await endSecco(one)
    await rm(state, { recursive: true, force: true })
  }
  const logs = (): string => programs.map(({ output }) => output()).join('\n')
  try {
    await cluster.kubectl('apply', '-k', join(repositoryRoot, 'manifests/base'))
    const common = ['--state', state]
    const webhook = collect(
      spawnSecco([
        ...common,
        ...['--kubeconfig', cluster.kubeconfig, 'webhook', '--listen', '127.0.0.1:0'],
        ...['--hub-listen', '127.0.0.1:0', '--ui-listen', '127.0.0.1:0']
      ])
    )
    programs.push(webhook)
    const addresses = await until('the webhook to be up', async () => {
      if (webhook.child.exitCode !== null) throw new GivenUp(`it ended: ${webhook.output()}`)
      const text = await readFile(join(state, 'addresses.json'), 'utf8').catch(() => undefined)
      return text === undefined
        ? undefined
        : (JSON.parse(text) as { webhook: string; hub: string; ui: string; caBundle: string })
    })
    for (const node of cluster.nodes) {
      // A state of its own would need a certificate of the hub's authority: they share the folder.
      const args = ['--state', state, 'satellite', '--hub', addresses.hub, '--node', node.name]
      programs.push(startOnNode(node, args))
    }
    const clientConfig = { url: `${addresses.webhook}/mutate`, caBundle: addresses.caBundle }
    await cluster.kube.do(
      'PATCH',
      '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/secco',
      [{ op: 'replace', path: '/webhooks/0/clientConfig', value: clientConfig }],
      { contentType: 'application/json-patch+json' }
    )
    await makePatient(cluster.kube)
    const token = await administratorToken(cluster)
    const nodes = (): Promise<SeenNode[]> => listOf<SeenNode>(addresses.ui, token, 'nodes')
    await until('every node to record', async () => {
      const recording = (await nodes()).filter(({ attached }) => attached)
      return recording.length === cluster.nodes.length ? true : undefined
    })
    return {
      state,
      ui: addresses.ui,
      nodes,
      token,
      denials: () => listOf<SeenDenial>(addresses.ui, token, 'denials'),
      logs,
      stop
    }
  } catch (error) {
    const said = logs().slice(-3000)
    await stop()
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`, {
      cause: error
    })
  }
}
