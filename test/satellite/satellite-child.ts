import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureClientLeaf } from '../../certs/files.js'
import { NodeStatus, Observation, type RevisionRef } from '../../src/api/gen/hub.js'
import { createLogger } from '../../src/lib/log.js'
import { digestOf } from '../../src/lib/digest.js'
import { writeDurable } from '../../src/lib/durable-file.js'
import { startUplink } from '../../satellite/uplink/uplink.js'

/**
 * A satellite to be killed. Arguments: folder, port, run. Offers one syscall after the other of its own instance, and
 * prints `acked NAME` or `spooled NAME` when it is durable there.
 */
const [, , dir = '', port = '0', run = '0'] = process.argv
const files = join(dir, 'node')
await mkdir(files, { recursive: true })
const node = 'node-a'

async function holding(): Promise<RevisionRef[]> {
  const refs: RevisionRef[] = []
  for (const name of await readdir(files)) {
    const [namespace = '', profile = '', hex] = name.split('@')
    if (hex === undefined || name.startsWith('.')) continue
    const digest = digestOf(await readFile(join(files, name)))
    // A half-written file would show here: its name promises another digest.
    if (digest !== `sha256:${hex}`) throw new Error(`${name} has digest ${digest}`)
    refs.push({ namespace, profile, digest })
  }
  return refs
}

const uplink = await startUplink({
  hub: `localhost:${port}`,
  node,
  tls: await ensureClientLeaf(join(dir, 'certs'), node),
  spoolDir: join(dir, 'spool'),
  logger: createLogger('satellite', { write: () => undefined }),
  onRevision: async ({ json, ...ref }) => {
    const name = `${ref.namespace}@${ref.profile}@${ref.digest.slice('sha256:'.length)}`
    await writeDurable(join(files, name), json)
    return { ...ref, ready: true, code: '', message: '' }
  },
  status: () => NodeStatus.fromPartial({ arch: 'x86_64' }),
  holding,
  timing: { coalesceMs: 5, resendMs: 300, firstMs: 10, baseMs: 20, mostMs: 100, flushMs: 150 }
})

const namesEach = 20
let names: string[] = []
for (let n = 0; ; n += 1) {
  // Few enough that no number of kills fills a profile, which rejects what is beyond its limit.
  const name = `r${run}_${n % namesEach}`
  const instance = Math.trunc(n / namesEach)
  names = n % namesEach === 0 ? [name] : [...names, name]
  uplink.offer(
    Observation.fromPartial({
      id: `${node}/boot/${run}.${instance}`,
      sequence: n + 1,
      container: { id: run, name: 'web' },
      lastSeen: new Date().toISOString(),
      abis: [{ abi: 'x86_64', syscalls: names.map((each) => ({ name: each, count: 1 })) }]
    })
  )
  await uplink.flush()
  const { waiting, problem } = uplink.backlog()
  if (problem !== undefined) throw new Error(problem)
  process.stdout.write(`${waiting === 0 ? 'acked' : 'spooled'} ${name}\n`)
  // A container makes a new call now and then, not all the time.
  await delay(15)
}
