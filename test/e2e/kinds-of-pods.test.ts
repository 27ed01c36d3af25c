import { revisionPath } from '../../src/api/names.js'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import { testRule } from '../helpers/rules.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { startCluster } from '../helpers/cluster.js'
import type { CallOptions, Json, KubeResponse } from '../helpers/kube.js'
import { repositoryRoot } from '../helpers/repository.js'
import { webhookBeforeCluster } from '../helpers/webhook-before-cluster.js'

const found = await findApiServer()
const skip = found.skip ?? false

/** The page that says what is seen here. */
const page = 'docs/reference/kinds-of-pods.md'
const levels = ['restricted', 'baseline', 'privileged'] as const

const digest = `sha256:${'a'.repeat(64)}`
const path = revisionPath('secco-system', 'web.app', digest)
const snapshot = buildSnapshot({
  rules: [
    testRule('web', {
      podSelector: { matchLabels: { app: 'web' } },
      profile: { name: 'web.app' }
    })
  ],
  profiles: [
    {
      ...{ namespace: 'secco-system', name: 'web.app', approved: true },
      enforce: { digest, path, ready: true }
    }
  ]
})

/** What level `restricted` asks of a container, all but its seccomp profile. */
const careful = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] }
}
const container = (name: string, securityContext: Json = careful, more: Json = {}): Json => ({
  ...{ name, image: 'nginx', securityContext },
  ...more
})
const withProfile = (seccompProfile: Json): Json => ({ ...careful, seccompProfile })

interface Kind {
  name: string
  spec: Json
  annotations?: Json
  options?: CallOptions
  /** Added as `kubectl debug` does it, once the pod is there. */
  debug?: Json
}
const plain = { containers: [container('app')] }

const kinds: readonly Kind[] = [
  { name: 'plain', spec: plain },
  {
    name: 'with init container',
    spec: { ...plain, initContainers: [container('init')] }
  },
  {
    name: 'with sidecar (`restartPolicy: Always`)',
    spec: { ...plain, initContainers: [container('sidecar', careful, { restartPolicy: 'Always' })] }
  },
  {
    name: 'with ephemeral container (`kubectl debug`)',
    spec: plain,
    debug: container('debug')
  },
  {
    name: '`kubectl debug` with a privileged container',
    spec: plain,
    debug: container('debug', { privileged: true })
  },
  { name: '`hostPID`', spec: { ...plain, hostPID: true } },
  { name: '`hostNetwork`', spec: { ...plain, hostNetwork: true } },
  {
    name: 'privileged container beside another',
    spec: { containers: [container('app'), container('root', { privileged: true })] }
  },
  {
    name: 'privileged container alone',
    spec: { containers: [container('root', { privileged: true })] }
  },
  { name: 'as root, all defaults', spec: { containers: [{ name: 'app', image: 'nginx' }] } },
  {
    name: '`Unconfined` by its author',
    spec: { containers: [container('app', withProfile({ type: 'Unconfined' }))] }
  },
  {
    name: '`RuntimeDefault` by its author',
    spec: { containers: [container('app', withProfile({ type: 'RuntimeDefault' }))] }
  },
  {
    name: "its author's own `Localhost` file",
    spec: {
      containers: [
        container('app', withProfile({ type: 'Localhost', localhostProfile: 'mine.json' }))
      ]
    }
  },
  {
    name: 'mirror of a static pod',
    spec: { ...plain, nodeName: 'node-a' },
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    options: { asUser: 'system:node:node-a', asGroups: ['system:nodes', 'system:masters'] }
  },
  {
    name: 'claims to be a mirror; its author is no node',
    spec: { ...plain, nodeName: 'node-a' },
    annotations: { 'kubernetes.io/config.mirror': 'x' }
  },
  {
    name: 'Windows',
    spec: {
      os: { name: 'windows' },
      containers: [{ name: 'app', image: 'nginx', securityContext: { runAsNonRoot: true } }]
    }
  }
]

interface Shaped {
  name: string
  securityContext?: { seccompProfile?: { type: string; localhostProfile?: string } }
}
interface PodSpec {
  containers: Shaped[]
  initContainers?: Shaped[]
  ephemeralContainers?: Shaped[]
  securityContext?: { seccompProfile?: { type: string } }
}

/** What each container of an accepted pod has in the end. */
function given(body: Json): string {
  const spec = body['spec'] as PodSpec
  const all = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? [])
  ]
  return all
    .map(({ name, securityContext }) => {
      const profile = securityContext?.seccompProfile
      if (profile === undefined) {
        const pod = spec.securityContext?.seccompProfile?.type
        return `${name}: ${pod === undefined ? 'none' : `${pod} of the pod`}`
      }
      const { type, localhostProfile } = profile
      if (localhostProfile === path) return `${name}: profile`
      return `${name}: ${type}${localhostProfile === undefined ? '' : ` ${localhostProfile}`}`
    })
    .join(', ')
}

/** Of a rejection by Pod Security: what it lacks, by the names of its checks. */
function verdict({ status, body }: KubeResponse): string {
  if (status < 300) return 'yes'
  const told = /violates PodSecurity "[^"]+": (.*)$/s.exec(String(body['message']))?.[1] ?? ''
  const checks = [...told.matchAll(/(?:^|, )([a-zA-Z ]+?)(?: \(|!=|=)/g)].map((one) =>
    one[1]?.trim()
  )
  if (checks.length === 0) throw new Error(`rejected by another: ${String(body['message'])}`)
  return `no: ${checks.join(', ')}`
}

function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length))
  )
  const line = (row: readonly string[]) =>
    `| ${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(titles), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join(
    '\n'
  )
}

test('kinds of pods, in namespaces of every level', { skip, timeout: 900_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  for (const level of levels) {
    const labels = { 'pod-security.kubernetes.io/enforce': level }
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name: level, labels } })
  }
  const probe = {
    namespace: 'privileged',
    pod: { metadata: { name: 'probe', labels: { app: 'web' } }, spec: plain }
  }
  const webhook = await webhookBeforeCluster(cluster, snapshot, probe)
  t.teardown(() => webhook.close())

  let serial = 0
  /** A pod as far as it comes: made, and then added to; the answer that counts is the last. */
  async function attempt(kind: Kind, level: string): Promise<KubeResponse> {
    const name = `pod-${serial++}`
    const pods = `/api/v1/namespaces/${level}/pods`
    const { annotations = {}, spec, debug, options } = kind
    const metadata = { name, labels: { app: 'web' }, annotations }
    const made = await kube.call('POST', pods, { metadata, spec }, options)
    if (debug === undefined || made.status >= 300) return made
    return await kube.call(
      'PATCH',
      `${pods}/${name}/ephemeralcontainers`,
      { spec: { ephemeralContainers: [debug] } },
      { contentType: 'application/strategic-merge-patch+json' }
    )
  }

  const without = new Map<string, string>()
  for (const kind of kinds) {
    for (const level of levels) {
      without.set(`${kind.name} ${level}`, verdict(await attempt(kind, level)))
    }
  }
  await webhook.enable()
  const rows: string[][] = []
  for (const kind of kinds) {
    const row = [kind.name]
    let accepted: KubeResponse | undefined
    for (const level of levels) {
      const before = without.get(`${kind.name} ${level}`) ?? ''
      const answer = await attempt(kind, level)
      const after = verdict(answer)
      t.notOk(
        before === 'yes' && after !== 'yes',
        `${kind.name}: no patch makes ${level} reject it`
      )
      row.push(after === 'yes' && before !== 'yes' ? `yes (without Secco ${before})` : after)
      if (after === 'yes') accepted = answer
    }
    t.not(accepted, undefined, `${kind.name}: accepted somewhere`)
    if (accepted === undefined) continue
    const told = accepted.warnings
      .filter((text) => text.startsWith('secco: '))
      .map((text) => text.replace(/^secco: /, '').replace(/, revision sha256:[0-9a-f]+/, ''))
    row.push(given(accepted.body), told.join('; '))
    rows.push(row)
  }
  t.match(
    rows.find(([name]) => name === 'plain'),
    ['plain', 'yes (without Secco no: seccompProfile)', 'yes', 'yes', 'app: profile'],
    'a careful pod without a profile becomes restricted by ours'
  )

  const text = `# Kinds of pods, and what becomes of them

Written by \`test/e2e/kinds-of-pods.test.ts\`, which asks a real API server with its Pod Security admission and
compares this page with what it sees. Every pod is selected by an enforcing rule of the root namespace whose profile
every node has. "Accepted" is by namespaces with \`pod-security.kubernetes.io/enforce\`; after "no" stand the checks
that reject. The pods ask for all that level \`restricted\` wants but a seccomp profile, unless their name says
otherwise; "profile" is a path of Secco.

${tableOf(['pod', ...levels.map((level) => `accepted in \`${level}\``), 'its containers get', 'its author is told'], rows)}

No patch makes a level reject a pod that it took before. What Secco leaves alone is said, never silent: privileged
containers have no filter whatever is asked for, Windows has no seccomp, and a mirror pod only shows what its file on
the node says.
`
  const written = join(repositoryRoot, 'build/pages', page)
  mkdirSync(join(written, '..'), { recursive: true })
  writeFileSync(written, text)
  t.equal(
    readFileSync(join(repositoryRoot, page), 'utf8'),
    text,
    `${page} is as seen now; else: cp build/pages/${page} ${page}`
  )
})
