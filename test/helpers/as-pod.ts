import { rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { launchCommand } from '../../native/launcher.js'
import { cgroupMount } from '../../satellite/containers/processes.js'
import { satelliteCapabilities } from '../../cli/install/satellite.js'
import { markedName } from './test-run.js'

const urlOf = (module: string): string =>
  JSON.stringify(new URL(`../../native/${module}.js`, import.meta.url).href)

const open = `
const { openRecorder } = await import(${urlOf('recorder')})
const { statSync } = await import('node:fs')
const [, pin = '', btf] = process.argv
const recorder = openRecorder({ slots: 64, btf, ...(pin === '' ? {} : { pin }) })
const say = (found) => process.stdout.write(JSON.stringify(found) + '\\n')
`

/** Scripts; their arguments are a pin folder, or nothing, and a BTF file for where the kernel has none. */
export const inPod = {
  /** Opens a `recorder`, and can `say` a line. */
  open,
  /** Says what the recorder can prove of itself, and what is left in slots of its own container. */
  proof: `${open}
const { proveRecorder } = await import(${urlOf('capabilities')})
const { capabilities, test } = await proveRecorder(recorder)
const again = await recorder.selfTest()
const own = recorder.slots().filter(({ mntns }) => mntns === statSync('/proc/self/ns/mnt').ino)
say({ capabilities, test, again, own: own.map(({ comm, ignored, distinct }) => [comm, ignored, distinct]) })
recorder.stop()
`,
  /** Tests itself after a child of an earlier test was killed and left its slot. */
  left: `${open}
const { startMarker } = await import(${urlOf('launcher')})
recorder.attach()
const child = await startMarker(1e12)
const [mntns] = child.numbers
recorder.admit({ pid: child.pid, mntns })
child.go()
while (!recorder.slots().some(({ pid }) => pid === child.pid)) await new Promise(setImmediate)
await child.kill()
say(await recorder.selfTest())
say(recorder.slots().filter((one) => one.mntns === mntns).length)
recorder.stop()
`
}

/** What `inPod.proof` says when all is well. */
export const proofInPod = {
  capabilities: ['record', 'record-arguments', 'denials'].map((name) => ({ name, works: true })),
  test: { expected: 1000, counted: 1000, ok: true },
  again: { expected: 1000, counted: 1000, ok: true },
  // Nothing of its own was counted, and the children's slots are given back.
  own: [['node', true, 0]]
}

/** A script that runs as in the satellite's pod. */
interface AsPod {
  /** The next line that it says. */
  next(): Promise<unknown>
  ask(): void
  end(): Promise<void>
}

/**
 * Starts a script with the satellite's capabilities, under a filter without unshare(2), in a mount namespace and a
 * cgroup of its own.
 * @param calls test/native/calls.c, compiled. @param before a command that starts the rest.
 */
export async function startAsPod({
  calls,
  script,
  args = [],
  before = []
}: {
  calls: string
  script: string
  args?: readonly string[]
  before?: readonly string[]
}): Promise<AsPod> {
  const rights = satelliteCapabilities.map((name) => `+${name.toLowerCase()}`).join(',')
  const poor = ['setpriv', `--bounding-set=-all,${rights}`, '--inh-caps=-all']
  const node = [process.execPath, '--input-type=module', '-e', script, '--', ...args]
  const mount = cgroupMount()
  const cgroup = mount === undefined ? undefined : join(mount, markedName('pod'))
  const pod = await launchCommand(
    [...before, calls, 'pod', ...poor, 'env', '-u', 'NODE_OPTIONS', ...node],
    { stdio: 'pipe', ...(cgroup === undefined ? {} : { cgroup }) }
  )
  const { stdin, stdout, stderr } = pod.process
  if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes')
  stderr.pipe(process.stderr)
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  pod.go()
  return {
    next: async () => {
      const line = (await lines.next()) as IteratorResult<string, undefined>
      return JSON.parse(line.value ?? 'null') as unknown
    },
    ask: () => stdin.write('?'),
    end: async () => {
      stdin.end()
      await pod.ended
      if (cgroup !== undefined) rmdirSync(cgroup)
    }
  }
}
