import { spawn } from 'node:child_process'
import { mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'tap'
import { launchCommand } from '../../../native/launcher.js'
import { cgroupMount } from '../../../satellite/containers/processes.js'
import { markedName } from '../../helpers/test-run.js'

const mount = cgroupMount()
const skip =
  process.getuid?.() !== 0
    ? 'only root makes cgroups'
    : mount === undefined && 'there is no unified hierarchy'
const url = new URL('../../../satellite/containers/processes.js', import.meta.url).href
const script = `
const { cgroupFolderOf, cgroupIdOf } = await import(${JSON.stringify(url)})
const ids = [process.pid, ...process.argv.slice(1).map(Number)].map((pid) => cgroupIdOf(cgroupFolderOf(pid)))
process.stdout.write(ids.join(' '))
`

test('cgroups of others are found from within a cgroup namespace', { skip }, async (t) => {
  const top = join(mount ?? '', markedName('cgroups'))
  const [own, sibling] = [join(top, 'pod', 'container'), join(top, 'other')]
  for (const folder of [join(top, 'pod'), own, sibling]) mkdirSync(folder, { recursive: true })
  const other = spawn('sleep', ['60'])
  const ended = once(other, 'exit')
  writeFileSync(join(sibling, 'cgroup.procs'), String(other.pid))
  t.teardown(async () => {
    other.kill('SIGKILL')
    await ended
    for (const folder of [own, join(top, 'pod'), sibling, top]) rmdirSync(folder)
  })
  const idOf = (folder: string): bigint => statSync(folder, { bigint: true }).ino
  for (const before of [[], ['unshare', '-C']]) {
    const pids = [String(other.pid), '2']
    const node = [process.execPath, '--input-type=module', '-e', script, '--', ...pids]
    const inside = await launchCommand([...before, 'env', '-u', 'NODE_OPTIONS', ...node], {
      stdio: 'pipe',
      cgroup: own
    })
    inside.go()
    const { stdout } = inside.process
    const said = stdout === null ? '' : await text(stdout)
    await inside.ended
    t.equal(said, [own, sibling, mount ?? ''].map(idOf).join(' '), before.join(' '))
  }
})
