import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { t, test } from 'tap'
import {
  pinsOfState,
  preparePinsOf,
  removeAbandonedPins,
  removePinsOf
} from '../../../cli/programs/up-pins.js'
import { cleanUp } from '../../../cli/programs/up-recorder.js'
import { cleanPins, hasPinnedHooks } from '../../../native/pins.js'
import { openRecorder, probeTracing } from '../../../native/recorder.js'
import { captureIo } from '../../helpers/captured-io.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { runSecco, spawnSecco } from '../../helpers/secco-command.js'
import { markedName } from '../../helpers/test-run.js'
import { until } from '../../helpers/until.js'
import { removeUpPins } from '../../helpers/up-recorder.js'

t.setTimeout(300_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

test('each state folder has pins of its own, which end with it', { skip }, (t) => {
  const work = mkdtempSync(join(tmpdir(), 'secco-up-pins-'))
  const [mount, states] = [join(work, 'bpf'), join(work, 'states')]
  const [one, other] = [join(states, 'one'), join(states, 'other')]
  for (const folder of [mount, states, one, other]) mkdirSync(folder)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    execFileSync('umount', [mount])
    rmSync(work, { recursive: true })
  })
  const base = join(mount, 'up')
  const record = (state: string) => {
    t.equal(preparePinsOf(state, base), undefined)
    const recorder = openRecorder({ pin: pinsOfState(state, base), slots: 8 })
    recorder.attach()
    return recorder
  }
  t.match(preparePinsOf(one, join(work, 'up')), /not on a bpf file system/)
  t.equal(removePinsOf(one, base), 0)
  t.strictSame(removeAbandonedPins(base), [])

  record(one).stop({ keep: true })
  const running = record(other)
  t.equal(readdirSync(base).length, 2, 'two installations never meet')
  t.equal(readlinkSync(join(dirname(pinsOfState(one, base)), 'state')), one)
  const again = record(one)
  t.equal(again.pinning.adopted, true)
  again.stop({ keep: true })
  t.strictSame(removeAbandonedPins(base), [], 'both state folders exist')
  t.throws(() => removePinsOf(other, base), { name: 'RecorderInUse' })

  // In that mount namespace, the state folders cannot be seen.
  const program = join(repositoryRoot, 'build/cli/programs/up-pins.js')
  const elsewhere = `mount -t tmpfs none ${states} && exec ${process.execPath} --input-type=module -e "$0"`
  const script = `console.log((await import('${program}')).removeAbandonedPins('${base}').length)`
  const env = { ...process.env, NODE_OPTIONS: '' }
  const seen = execFileSync('unshare', ['-m', 'sh', '-c', elsewhere, script], { env })
  t.equal(seen.toString(), '0\n', 'what is not visible there is not deleted')

  for (const folder of [one, other]) rmSync(folder, { recursive: true })
  // Another installation under the same path.
  mkdirSync(one)
  t.strictSame(removeAbandonedPins(base), [one], 'one that is in use stays')
  t.equal(readdirSync(base).length, 1)
  const fresh = record(one)
  t.equal(fresh.pinning.adopted, false, 'a new folder adopts nothing')
  fresh.stop({ keep: true })
  t.equal(removePinsOf(one, base), 1)
  running.stop({ keep: true })
  t.strictSame(removeAbandonedPins(base), [other])
  t.notOk(existsSync(base), 'nothing is left')
  t.end()
})

test('in folders that another user may change, nothing is pinned and nothing removed', {
  skip
}, (t) => {
  const work = mkdtempSync(join(tmpdir(), 'secco-up-squat-'))
  const [mount, state] = [join(work, 'bpf'), join(work, 'state')]
  for (const folder of [mount, state]) mkdirSync(folder)
  chmodSync(work, 0o755)
  // Without a mode, everybody can make folders in it.
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    execFileSync('umount', [mount])
    rmSync(work, { recursive: true })
  })
  const asNobody = (...words: string[]) =>
    execFileSync(words[0] ?? '', words.slice(1), { uid: 65_534, gid: 65_534, cwd: mount })
  const [own, theirs] = [join(mount, 'own'), join(mount, 'theirs')]
  t.equal(preparePinsOf(state, own), undefined)
  const pin = pinsOfState(state, own)
  const recorder = openRecorder({ pin, slots: 8 })
  recorder.attach()
  recorder.stop({ keep: true })

  // It says that its state folder is gone, and that its recorder is ours.
  const forged = join(theirs, 'forged')
  asNobody('mkdir', '-p', forged)
  asNobody('ln', '-s', join(work, 'gone'), join(forged, 'state'))
  asNobody('ln', '-s', readlinkSync(join(dirname(pin), 'place')), join(forged, 'place'))
  asNobody('ln', '-s', pin, join(forged, 'recorder'))
  t.strictSame(removeAbandonedPins(theirs), [])
  t.ok(hasPinnedHooks(pin), 'the pins are there')
  t.throws(() => cleanPins(join(forged, 'recorder')), /another user may change/)
  t.match(preparePinsOf(state, theirs), /another user may change .*\/theirs/)
  t.match(preparePinsOf(state, join(own, '..', 'theirs')), /another user may change/)

  asNobody('ln', '-s', own, join(mount, 'link'))
  t.match(preparePinsOf(state, join(mount, 'link')), /another user may change .*\/link/)
  chmodSync(own, 0o777)
  t.match(preparePinsOf(state, own), /another user may change .*\/own/)
  chmodSync(own, 0o700)
  t.equal(removePinsOf(state, own), 1)
  t.end()
})

const any = ['--listen', '--hub-listen', '--ui-listen'].flatMap((one) => [one, '127.0.0.1:0'])

test('the command: --pin, --clean, and what each signal leaves', { skip }, async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'secco-up-command-'))
  t.teardown(() => {
    removeUpPins(state)
    rmSync(state, { recursive: true })
  })
  const pins = () => existsSync(dirname(pinsOfState(state)))
  const clean = (...more: string[]) => runSecco(['up', '--clean', '--state', state, ...more])
  /** Runs `secco up` until it is up, and then ends it. Returns what it printed. */
  const ends = async (signals: NodeJS.Signals[], ...more: string[]): Promise<string> => {
    const args = ['up', '--state', state, ...any, '--runc-root', join(state, 'runc'), ...more]
    const child = spawnSecco(args)
    let said = ''
    child.stdout.resume()
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await until('secco up', () => said.includes('Running.') || undefined, { timeoutMs: 120_000 })
    for (const signal of signals) child.kill(signal)
    await once(child, 'close')
    return said
  }

  const kept = await ends(['SIGTERM'])
  t.match(
    kept,
    /recorder +pinned in \/sys\/fs\/bpf\/secco-up\/.*: it goes on after SIGTERM .*, Ctrl-C ends it\n/
  )
  const printed = /to end it: secco (.*)/.exec(kept)?.[1] ?? ''
  t.ok(pins(), 'SIGTERM: recording goes on')
  const killed = await ends(['SIGKILL'])
  t.match(killed, /recorder +went on while Secco was stopped; Ctrl-C ends it\n/)
  t.match(await runSecco(printed.split(' ')), { code: 0, stdout: /detached and removed/ })
  t.notOk(pins(), 'the printed command ends it')
  t.match(await clean(), { code: 0, stdout: /nothing is pinned/ })

  t.match(await ends(['SIGINT']), /recorder +pinned in/)
  t.notOk(pins(), 'Ctrl-C leaves nothing')
  await ends(['SIGINT', 'SIGINT'])
  t.notOk(pins(), 'nor does an impatient one')
  await ends(['SIGKILL'])
  t.match(await ends(['SIGKILL'], '--pin', 'off'), /nothing is recorded while Secco is stopped/)
  t.notOk(pins(), '--pin off detaches what was pinned')
  const unpinned = await ends(['SIGTERM'], '--pin', join(state, 'no-bpf'))
  t.match(unpinned, /warning: recording ends with this program, because .* bpf file system/)
  t.notMatch(unpinned, /Recording goes on/)

  const own = `/sys/fs/bpf/${markedName('pins')}`
  const inOwn = await ends(['SIGTERM'], '--pin', own)
  t.match(inOwn, new RegExp(`Recording goes on \\(pinned in ${own}\\)`))
  t.match(await clean(), { code: 0, stdout: /detached and removed 1 pinned recorder for/ })
  t.notOk(existsSync(own), 'the folder was remembered')
  await ends(['SIGKILL'], '--pin', own)
  t.ok(existsSync(own))
  t.match(await ends(['SIGINT']), /recorder +pinned in \/sys\/fs\/bpf\/secco-up\//)
  t.notOk(existsSync(own), 'another --pin detaches what was pinned')
  t.match(await clean('--pin', 'here'), { code: 1, stderr: /--pin here.*INVALID_ARGUMENT/ })
  t.match(await clean('--pin', 'off'), { code: 1, stderr: /INVALID_ARGUMENT/ })
})

test('a start that fails leaves an adopted recorder, and no other one', { skip }, async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'secco-up-failed-'))
  t.teardown(() => {
    removeUpPins(state)
    rmSync(state, { recursive: true })
  })
  const up = ['up', '--state', state, ...any, '--runc-root', join(state, 'runc')]
  const pin = pinsOfState(state)
  // The addresses cannot be written: the last step of a start.
  mkdirSync(join(state, 'addresses.json', 'in-the-way'), { recursive: true })
  const first = await runSecco(up)
  t.match(first, { code: 1, stderr: /addresses\.json/ })
  t.notMatch(first.stderr, /Recording goes on/)
  t.notOk(hasPinnedHooks(pin), 'a recorder of its own ends with it')

  preparePinsOf(state)
  const earlier = openRecorder({ pin })
  earlier.attach()
  earlier.stop({ keep: true })
  const second = await runSecco(up)
  t.match(second, { code: 1, stderr: /Recording goes on \(pinned in .*secco up --clean --state/ })
  t.ok(hasPinnedHooks(pin))
})

test('without root, --clean says what to do', { skip }, (t) => {
  const state = mkdtempSync(join(tmpdir(), 'secco up-'))
  t.teardown(() => rmSync(state, { recursive: true }))
  execFileSync('chown', ['65534', state])
  preparePinsOf(state)
  t.teardown(() => removeUpPins(state))
  const { io } = captureIo()
  const paths = { root: state, pinFolder: join(state, 'pin-folder') }
  process.seteuid?.(65534)
  try {
    t.throws(() => cleanUp(io, { paths, pin: { kind: 'auto' } }), {
      ...{ code: 'FORBIDDEN', message: /only root can read what is pinned/ },
      hint: `run it as root: sudo secco up --clean --state '${state}'`
    })
  } finally {
    process.seteuid?.(0)
  }
  t.end()
})
