import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  readFile,
  readlink,
  symlink,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { hostRuncs, hostVersionText, pathWithin } from '../../../satellite/containers/host-runc.js'
import {
  withUnversionedRunc,
  oldestOf,
  parseRuncVersion
} from '../../../satellite/containers/runc-version.js'
import { until } from '../../helpers/until.js'

const run = promisify(execFile)
const runc = ['/usr/sbin/runc', '/usr/bin/runc'].find((path) => existsSync(path))
const skip = runc === undefined ? 'no runc here' : false
/** A sandbox may hide its first process. */
const noNode = await readlink('/proc/1/ns/mnt').then(
  () => false as const,
  () => 'the namespaces of process 1 cannot be read here'
)
const notRoot = process.getuid?.() === 0 ? false : 'needs root'

test('links are resolved within the root of the process', async (t) => {
  const root = t.testdir({ opt: { 'runc-1.2': 'program' }, usr: { sbin: {} } })
  await symlink('/etc/alternatives/runc', join(root, 'usr/sbin/runc'))
  await mkdir(join(root, 'etc/alternatives'), { recursive: true })
  await symlink('../../opt/runc-1.2', join(root, 'etc/alternatives/runc'))
  await symlink('usr/sbin', join(root, 'sbin'))
  await symlink('/round', join(root, 'round'))
  t.equal(pathWithin(root, '/sbin/runc'), join(root, 'opt/runc-1.2'))
  t.equal(pathWithin(root, '/../../opt/./runc-1.2'), join(root, 'opt/runc-1.2'), 'never above it')
  t.equal(pathWithin(root, '/usr/bin/runc'), undefined)
  t.equal(pathWithin(root, '/round'), undefined)
})

test('runc of another root prints its own version', { skip }, async (t) => {
  if (runc === undefined) return
  const { stdout } = await run(runc, ['--version'])
  const text = await hostVersionText({ root: '/proc/self/root', path: runc })
  t.equal(text, stdout)
  t.matchOnly(parseRuncVersion(text), { version: /^\d/, libseccomp: /^\d/ })
})

test('with our libraries its version is unknown rather than wrong', { skip }, async (t) => {
  if (runc === undefined) return
  const root = t.testdir({ lib64: {}, usr: { sbin: {} } })
  await copyFile(runc, join(root, 'usr/sbin/runc'))
  const { stdout } = await run('readelf', ['-l', runc]).catch(() => ({ stdout: '' }))
  const loader = /interpreter: (\/[^\]]+)\]/.exec(stdout)?.[1] ?? '/lib64/ld-linux-x86-64.so.2'
  await mkdir(join(root, loader, '..'), { recursive: true })
  await copyFile(loader, join(root, loader))
  t.equal(await hostVersionText({ root, path: '/usr/sbin/runc' }), '')
  await writeFile(join(root, 'usr/sbin/runc'), 'no program')
  t.equal(await hostVersionText({ root, path: '/usr/sbin/runc' }), '')
})

test('runc is found in the PATH of the container manager', { skip: noNode }, async (t) => {
  const folder = t.testdir({ bin: { runc: 'program' } })
  // The kernel names a process after its file.
  const manager = join(folder, 'containerd')
  await copyFile('/usr/bin/sleep', manager)
  await run('chmod', ['755', manager])
  const child = spawn(manager, ['60'], { env: { PATH: `/nowhere:${folder}/bin` }, stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  const found = await until('runc to be found', async () =>
    (await hostRuncs()).find(({ path }) => path === join(folder, 'bin/runc'))
  )
  t.equal(found.root, '/proc/1/root')
})

test('a process with the name containerd alone is not a manager', { skip: notRoot }, async (t) => {
  const folder = t.testdir({ bin: { runc: 'program' } })
  const manager = join(folder, 'containerd')
  await copyFile('/usr/bin/sleep', manager)
  await chmod(manager, 0o755)
  const env = { PATH: `${folder}/bin` }
  const inContainer = spawn('/usr/bin/unshare', ['--mount', manager, '60'], {
    env,
    stdio: 'ignore'
  })
  const anybody = spawn(manager, ['60'], { env, stdio: 'ignore', uid: 65534, gid: 65534 })
  for (const child of [inContainer, anybody]) {
    t.teardown(async () => {
      child.kill('SIGKILL')
      await once(child, 'close')
    })
    await until('the process to have the name', async () => {
      const comm = await readFile(`/proc/${child.pid ?? 0}/comm`, 'utf8')
      return comm.trim() === 'containerd' || undefined
    })
  }
  t.notOk((await hostRuncs()).some(({ path }) => path.startsWith(folder)))
})

test('no program is run that others than root can write', { skip: skip || notRoot }, async (t) => {
  if (runc === undefined) return
  const folder = t.testdir({ bin: {} })
  const program = { root: '/proc/self/root', path: join(folder, 'bin/runc') }
  await copyFile(runc, program.path)
  await chmod(program.path, 0o755)
  t.match(await hostVersionText(program), /^runc version/)
  await chmod(program.path, 0o757)
  t.equal(await hostVersionText(program), '')
  await chmod(program.path, 0o755)
  await chmod(join(folder, 'bin'), 0o777)
  t.equal(await hostVersionText(program), '', 'nor replace')
  await chmod(join(folder, 'bin'), 0o1777)
  t.match(await hostVersionText(program), /^runc version/, 'as in /tmp: nobody else can replace it')
  await chown(program.path, 65534, 65534)
  t.equal(await hostVersionText(program), '', "somebody else's")
})

test('the oldest of several versions; unknown if one is', (t) => {
  const newer = { version: '1.2.0', libseccomp: '2.5.4' }
  const older = { version: '1.1.12', libseccomp: '2.6.0' }
  t.same(oldestOf([newer, older]), { version: '1.1.12', libseccomp: '2.5.4' })
  t.same(oldestOf([newer, { version: '', libseccomp: '' }]), { version: '', libseccomp: '' })
  t.same(oldestOf([]), { version: '', libseccomp: '' })
  t.end()
})

test('runc is listed if only its callers report a version', (t) => {
  const containerd = { name: 'containerd', version: '1.7.0' }
  const runc = { name: 'runc', version: '1.1.5' }
  const silent = { name: 'runc', version: '' }
  t.same(withUnversionedRunc([containerd], []), [containerd, silent])
  t.same(withUnversionedRunc([containerd, runc], ['containerd']), [containerd, runc])
  t.same(withUnversionedRunc([], ['containerd', 'containerd']), [silent], 'nobody was asked')
  t.same(withUnversionedRunc([runc], ['containerd']), [runc])
  t.same(withUnversionedRunc([], []), [], 'a node without runtimes has none')
  t.end()
})
