import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { Resolver } from 'node:dns/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import process from 'node:process'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import {
  askPod,
  containerIdOf,
  testContainer,
  testPod,
  untilPod
} from '../helpers/kubernetes/pods.js'
import { startRealCluster, whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { runSeccoInCluster } from '../helpers/kubernetes/secco-in-cluster.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

const run = promisify(execFile)
const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

const sysctls = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops']
/** What a cluster could leave on this machine, by name and content. */
async function machineState(number: number) {
  const cgroups = readdirSync('/sys/fs/cgroup').filter((name) =>
    existsSync(`/sys/fs/cgroup/${name}/secco-cluster-${number}`)
  )
  const links = (await run('ip', ['-o', 'link'])).stdout
  return {
    cgroups,
    bridge: links.includes(`secco${number}:`),
    mounts: readFileSync('/proc/self/mounts', 'utf8').includes(`secco-cluster-${number}-`),
    sysctls: sysctls.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8')),
    folders: ['/var/lib/kubelet', '/run/containerd', '/run/netns', '/etc/cni'].filter(existsSync),
    rules: (await run('iptables-save').catch(() => ({ stdout: '' }))).stdout.includes('10.13')
  }
}

const seccompOf = (pid: number): string =>
  /^Seccomp:\s+(\d)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''

/** Denies one call by an errno that nothing else gives. */
const deniesGetsid = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['getsid'], action: 'SCMP_ACT_ERRNO', errnoRet: 99 }]
}

test('a real cluster with two nodes, and nothing of it afterwards', {
  skip,
  timeout: 900_000
}, async (t) => {
  if (found.programs === undefined) return
  const before = await machineState(0)
  const started = Date.now()
  const cluster = await startRealCluster({
    programs: found.programs,
    nodes: [{ name: 'node-1' }, { name: 'node-2', labels: { side: 'second' } }],
    say: (line) => t.comment(line)
  })
  t.teardown(() => cluster.stop())
  t.comment(`two nodes in ${Date.now() - started} ms`)
  const pods = '/api/v1/namespaces/default/pods'

  await t.test('a pod runs under its Localhost profile, on the node that has it', async (t) => {
    const node = cluster.node('node-2')
    await mkdir(node.seccompRoot, { recursive: true })
    await writeFile(join(node.seccompRoot, 'own.json'), JSON.stringify(deniesGetsid))
    const seccompProfile = { type: 'Localhost', localhostProfile: 'own.json' }
    const pod = testPod(
      { name: 'web', labels: { app: 'web' } },
      [testContainer('app', undefined, { securityContext: { seccompProfile } })],
      { nodeSelector: { side: 'second' } }
    )
    await cluster.kube.do('POST', pods, pod)
    const web = await untilPod(cluster, 'default', 'web')
    t.equal(web.spec.nodeName, 'node-2')
    const pid = await node.pidOf(containerIdOf(web, 'app'))
    t.equal(seccompOf(pid), '2', '/proc/PID/status')
    t.equal(
      await askPod(web, '/call/getsid'),
      'getsid denied errno 99\n',
      'served from the pod, denied by the profile'
    )
    const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    t.match(cgroup, `${node.cgroupRoot}/kubepods`, 'below the cgroup of its node')
  })

  await t.test('exec, logs, services and names', async (t) => {
    const exec = (...command: string[]): Promise<string> =>
      cluster.kubectl('exec', 'web', '--', ...command)
    t.equal((await exec('echo', 'hello')).trim(), 'hello')
    t.match(await exec('grep', 'Seccomp:', '/proc/self/status'), /2$/m, 'exec has the filter, too')
    await cluster.kube.do('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] }
    })
    const client = testPod({ name: 'client' }, [testContainer('client')], {
      nodeSelector: { 'kubernetes.io/hostname': 'node-1' }
    })
    await cluster.kube.do('POST', pods, client)
    await untilPod(cluster, 'default', 'client')
    const inClient = (script: string): Promise<string> =>
      cluster.kubectl('exec', 'client', '--', 'sh', '-c', script)
    const script =
      'for i in $(seq 50); do server get $WEB_SERVICE_HOST 80 / && break; sleep 0.1; done'
    t.equal(await inClient(script), 'ok\n', 'by a service, from the other node')
    const resolver = new Resolver()
    resolver.setServers([cluster.ground.serverAddress.replace(/1$/, '10')])
    t.same(
      await resolver.resolve4('web.default.svc.cluster.local'),
      [(await inClient('echo $WEB_SERVICE_HOST')).trim()],
      'by name, as a pod would ask'
    )
    await t.rejects(resolver.resolve4('nobody.default.svc.cluster.local'), { code: 'ENOTFOUND' })
    const kubernetes = 'wget -q -O - https://$KUBERNETES_SERVICE_HOST/livez --no-check-certificate'
    t.equal(await inClient(kubernetes), 'ok')
  })

  await t.test('a node without the file: the pod says so, and starts when it comes', async (t) => {
    const seccompProfile = { type: 'Localhost', localhostProfile: 'own.json' }
    const pod = testPod(
      { name: 'late' },
      [testContainer('app', undefined, { securityContext: { seccompProfile } })],
      { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } }
    )
    await cluster.kube.do('POST', pods, pod)
    await untilPod(
      cluster,
      'default',
      'late',
      ({ status }) =>
        status.containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerError'
    )
    await writeFile(
      join(cluster.node('node-1').seccompRoot, 'own.json'),
      JSON.stringify(deniesGetsid)
    )
    t.ok(await untilPod(cluster, 'default', 'late'))
  })

  await t.test('Secco without its image on the nodes: an error at once', async (t) => {
    const began = Date.now()
    await t.rejects(runSeccoInCluster(cluster, found.programs), {
      message: /^node-1: containerd does not have the image docker\.io\/library\/secco:/
    })
    t.ok(Date.now() - began < 20_000, `${Date.now() - began} ms`)
  })

  await t.test('stop leaves nothing', async (t) => {
    const { number, folder } = cluster.ground
    const stopping = Date.now()
    await cluster.stop()
    t.comment(`stopped in ${Date.now() - stopping} ms`)
    t.strictSame(await machineState(number), { ...before, cgroups: [], bridge: false })
    t.notOk(existsSync(folder))
  })
})

test('npm run cluster, killed: nothing of it afterwards', { skip, timeout: 600_000 }, async (t) => {
  const program = join(repositoryRoot, 'build/test/helpers/kubernetes/main.js')
  const command = ['-u', 'NODE_OPTIONS', process.execPath, program, '--without-secco']
  const child = spawn('/usr/bin/env', command, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await until('it to be ready', () => (said.includes('Ctrl-C') ? true : undefined), {
    timeoutMs: 180_000
  })
  const [, folder = '', number] = /KUBECONFIG=(\S+secco-cluster-(\d+)-\w+)/.exec(said) ?? []
  t.ok(existsSync(folder))
  child.kill('SIGKILL')
  await until('the guardian to have removed everything', () =>
    existsSync(folder) ? undefined : true
  )
  t.match(await machineState(Number(number)), { cgroups: [], bridge: false, mounts: false })
})
