import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { findNodePrograms } from '../api-server-programs.js'
import { repositoryRoot } from '../repository.js'
import { testContainer, testPod } from './pods.js'
import { startRealCluster, whyNoNode } from './real-cluster.js'
import { runSeccoInCluster } from './secco-in-cluster.js'
import { runSeccoOnHost, type SeccoAtWork } from './secco-on-host.js'

const usage = `usage: npm run cluster -- [--nodes N] [--without-secco]
Starts a Kubernetes cluster of N nodes (default: 1) with Secco on this machine. Ctrl-C ends it; nothing stays.
`

/** A Deployment to learn from, and its service: both as a person would write them. */
function sample(): string {
  const app = { app: 'web' }
  const { spec } = testPod({}, [testContainer('app')]) as { spec: object }
  const template = { metadata: { labels: { ...app, 'secco.dev/learn': 'true' } }, spec }
  const documents = [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 1, selector: { matchLabels: app }, template }
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: app, ports: [{ port: 80, targetPort: 8080 }] }
    }
  ]
  return documents.map((one) => stringify(one)).join('---\n')
}

function whatToTry(file: string, secco: SeccoAtWork | undefined): string {
  const labels = '"labels":{"secco.dev/learn":null,"secco.dev/profile":"web.app"}'
  const lines = [
    `kubectl apply -f ${file}`,
    "WEB=$(kubectl get service web -o jsonpath='{.spec.clusterIP}')",
    'curl $WEB/; curl $WEB/call/getsid            # some traffic'
  ]
  if (secco !== undefined) {
    lines.push(
      'kubectl get seccompprofiles -o wide',
      `secco profile show web.app -n default`,
      `secco profile approve web.app -n default --reason 'a try'`,
      'kubectl wait --for=condition=Ready seccompprofile/web.app',
      `kubectl patch deployment web -p '{"spec":{"template":{"metadata":{${labels}}}}}'`,
      'curl $WEB/; curl $WEB/attack                 # serves; refused',
      `curl -s ${secco.ui}/api/v1/denials           # and seen; pages: ${secco.ui}/`
    )
  }
  return lines.map((line) => `  ${line}\n`).join('')
}

/** Resolves at the first Ctrl-C; a second one changes nothing, the end is on its way. */
function interrupted(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => done())
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '1' },
      'without-secco': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const count = Number(values.nodes)
  if (!Number.isInteger(count) || count < 1 || count > 9) {
    throw new Error('--nodes: accepted are 1 to 9')
  }
  const unable = whyNoNode()
  if (unable !== undefined) throw new Error(unable)
  const found = await findNodePrograms()
  if (found.programs === undefined) throw new Error(found.skip)
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const ended = interrupted()
  const cluster = await startRealCluster({
    programs: found.programs,
    nodes: Array.from({ length: count }, (_, at) => ({ name: `node-${at + 1}` })),
    say
  })
  let secco: SeccoAtWork | undefined
  try {
    if (!values['without-secco']) {
      say(
        `installing Secco (${count === 1 ? 'its image, in the cluster' : 'as processes of this machine'})`
      )
      // Its satellites share the folder of one node with the hub; several nodes have one each.
      secco =
        count === 1
          ? await runSeccoInCluster(cluster, found.programs)
          : await runSeccoOnHost(cluster)
    }
    const file = join(cluster.ground.folder, 'web.yaml')
    await writeFile(file, sample())
    const state = secco === undefined ? [] : [`export SECCO_STATE=${secco.state}`]
    say(
      [
        '',
        'Ready. In another shell:',
        `  export KUBECONFIG=${cluster.kubeconfig} SECCO_KUBECONFIG=${cluster.kubeconfig}`,
        ...state.map((line) => `  ${line}`),
        `  export PATH=${dirname(found.programs.kubectl)}:${join(repositoryRoot, 'bin')}:$PATH`,
        '',
        whatToTry(file, secco)
      ].join('\n')
    )
    say('Ctrl-C ends it.')
    await ended
    say('ending: nothing of it stays')
    return 0
  } finally {
    await secco?.stop()
    await cluster.stop()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
