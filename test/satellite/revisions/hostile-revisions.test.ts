import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { readKernelFilters } from '../../../native/kernel-filters.js'
import { compileFilter } from '../../../native/trial-load.js'
import { CompiledFloor } from '../../../satellite/revisions/floor.js'
import { floors } from '../../../satellite/revisions/floors.js'
import { openRevisionFiles } from '../../../satellite/revisions/revision-files.js'
import type { Revision } from '../../../src/api/gen/hub.js'
import type { LinuxSeccomp, SeccompArg } from '../../../src/api/seccomp-profile.js'
import { canonicalJson } from '../../../src/lib/canonical.js'
import { digestOf } from '../../../src/lib/digest.js'
import {
  archOf,
  dataWords,
  parseFilter,
  readAnswer,
  runFilter
} from '../../../src/seccomp/filter/cbpf.js'
import {
  namesBeyond,
  passSetOf,
  runtimeDefaultPassSet
} from '../../../src/seccomp/filter/pass-set.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { renderLearn } from '../../../src/seccomp/render/render.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { until } from '../../helpers/until.js'
import { collectLog } from '../../webhook/hub/rig.js'
import { allowing, revisionOf } from '../revision-of.js'

const cloneNewUser = 0x10000000n
const namespaces = 0x7e020000

/** A revision of these very bytes, named by their digest, as a hub that was taken over sends it. */
function revisionOfText(text: string): Revision {
  const json = Buffer.from(text)
  return { ...revisionOf(allowing('read')), digest: digestOf(json), json }
}

const rule = (...args: SeccompArg[]) => ({
  names: ['clone'],
  action: 'SCMP_ACT_ALLOW' as const,
  args
})
const masked = (valueTwo?: number): SeccompArg => ({
  ...{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: namespaces },
  ...(valueTwo === undefined ? {} : { valueTwo })
})

/**
 * encoding/json decodes the second `syscalls` into the first one's elements, so `valueTwo` stays there: JavaScript reads
 * "no namespaces", runc reads CLONE_NEWUSER.
 */
function twoMeanings(names: readonly string[]): string {
  const first = canonicalJson([rule(masked(Number(cloneNewUser)))])
  const second = canonicalJson([rule(masked()), { names: [...names], action: 'SCMP_ACT_ALLOW' }])
  return `{"architectures":["SCMP_ARCH_X86_64"],"defaultAction":"SCMP_ACT_ERRNO","syscalls":${first},"syscalls":${second}}`
}

test('a revision that a runtime reads otherwise is not installed', async (t) => {
  const plain = canonicalJson(allowing('read'))
  const cases: [string, string][] = [
    ['members that are there twice', twoMeanings(['read'])],
    ['white space', ` ${plain}`],
    ['members in another order', '{"syscalls":[],"defaultAction":"SCMP_ACT_ERRNO"}'],
    ['escapes', plain.replace('read', '\\u0072ead')],
    ['a fraction', plain.replace('"names"', '"errnoRet":1.0,"names"')],
    ['an exponent', plain.replace('"names"', '"errnoRet":1e0,"names"')],
    [
      'a number of more than 53 bits',
      canonicalJson({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule(masked())] }).replace(
        String(namespaces),
        '9007199254740993'
      )
    ]
  ]
  const root = t.testdir()
  const files = await openRevisionFiles({
    ...{ root, logger: collectLog().logger, containers: () => [], onStatus: () => undefined }
  })
  t.teardown(() => files.close())
  for (const [what, text] of cases) {
    const status = await files.install(revisionOfText(text))
    t.match(status, { ready: false, code: 'INVALID_DOCUMENT', message: /canonical JSON/ }, what)
  }
  const marked = await files.install(revisionOfText(`\ufeff${plain}`))
  t.match(marked, { ready: false, message: /is not JSON/ }, 'a byte order mark')
  t.notOk((await readdir(root)).includes('secco'), 'nothing was written')
  t.match(await files.install(revisionOfText(plain)), { ready: true }, 'canonical JSON is')
})

const skipRunc = await run('runc', ['--version']).then(
  () => process.getuid?.() !== 0 && 'needs root to start containers',
  () => 'needs runc'
)

test('runc reads members that are there twice as one', { skip: skipRunc }, async (t) => {
  const text = twoMeanings(passing())
  const seccomp = JSON.parse(text) as LinuxSeccomp
  t.same(
    namesBeyond(passSetOf(seccomp), runtimeDefaultPassSet),
    [],
    'JavaScript reads RuntimeDefault'
  )

  const rootfs = await makeRootfs()
  const bundle = await makeBundle(rootfs, {
    args: ['/probe', 'wait'],
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }
  })
  t.teardown(() =>
    Promise.all([join(rootfs, '..'), bundle].map((path) => rm(path, { recursive: true })))
  )
  const path = join(bundle, 'config.json')
  const config = await readFile(path, 'utf8')
  await writeFile(
    path,
    config.replace('{"defaultAction":"SCMP_ACT_ERRNO"}', () => text)
  )
  const id = `secco-twice-${process.pid}`
  const pidFile = join(bundle, 'pid')
  const runc = spawn('runc', ['run', '--pid-file', pidFile, '--bundle', bundle, id], {
    stdio: 'ignore'
  })
  const ended = once(runc, 'exit')
  const pid = await Promise.race([
    until('the container', async () => Number(await readFile(pidFile, 'utf8')) || undefined),
    ended.then(([code]) => Promise.reject(new Error(`runc ended with ${String(code)}`)))
  ])
  t.teardown(async () => {
    await run('runc', ['kill', id, 'KILL'])
    await ended
  })
  const filter = await until('the filter of the container', async () => {
    const { byPid } = await readKernelFilters([pid], { mayStop: true })
    return byPid.get(pid)?.at(-1)
  })
  const clone = dataWords({ nr: 56, arch: archOf.x86_64.arch, args: [cloneNewUser] })
  const found = readAnswer(runFilter(parseFilter(filter), clone))
  t.equal(found.action, 'SCMP_ACT_ALLOW', 'a user namespace, which RuntimeDefault denies')
})

/** What a static program needs to start and to wait. */
function passing(): string[] {
  return (runtimeDefault().syscalls ?? [])
    .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined)
    .flatMap(({ names }) => names)
}

const compile = async (seccomp: LinuxSeccomp): Promise<Buffer> => {
  const built = await compileFilter(seccomp)
  if (built === undefined) throw new Error('libseccomp did not build it')
  return built.bytes
}

test('what libseccomp built is held to the floor', async (t) => {
  const wide = runtimeDefault({ capabilities: ['CAP_SYS_ADMIN'] })
  const read = { names: ['read'], action: 'SCMP_ACT_ALLOW' as const }
  const on = (index: number, op: string, value: number, valueTwo?: number): SeccompArg => ({
    ...{ index, op: `SCMP_CMP_${op}` as SeccompArg['op'], value },
    ...(valueTwo === undefined ? {} : { valueTwo })
  })
  const errno = { defaultAction: 'SCMP_ACT_ERRNO' } as const
  const cases: [string, LinuxSeccomp, RegExp | undefined][] = [
    ['RuntimeDefault', runtimeDefault(), undefined],
    ['learn', renderLearn('x86_64').seccomp, undefined],
    ['a filter that denies everything', errno, undefined],
    ['RuntimeDefault with CAP_SYS_ADMIN', wide, /allows bpf, clone, /],
    ['everything', { defaultAction: 'SCMP_ACT_ALLOW' }, /allows /],
    ['everything, logged', { defaultAction: 'SCMP_ACT_LOG' }, /allows /],
    ['namespaces', { ...errno, syscalls: [rule(masked(Number(cloneNewUser)))] }, /allows clone/],
    ['any arguments', { ...errno, syscalls: [{ ...read, names: ['socket'] }] }, /allows socket/],
    [
      'one 32-bit ABI',
      {
        ...errno,
        architectures: ['SCMP_ARCH_X86'],
        syscalls: [{ ...read, names: ['clock_settime64'] }]
      },
      /allows clock_settime64/
    ],
    // libseccomp 2.5 compares the number of one argument with another one here.
    [
      'a filter that libseccomp builds wrongly',
      {
        ...errno,
        syscalls: [
          { ...read, names: ['socket'], args: [on(0, 'LE', 1), on(2, 'LT', 0xffffffff)] },
          { ...read, names: ['socket'], args: [on(0, 'LE', 2), on(1, 'MASKED_EQ', 9, 9)] }
        ]
      },
      /cannot be compared/
    ]
  ]
  for (const floor of floors) {
    const compiled = new CompiledFloor(floor, 'x86_64')
    for (const [what, seccomp, expected] of cases) {
      const checked = compiled.check(revisionOf(seccomp), await compile(seccomp))
      if (expected === undefined) await t.resolves(checked, `${floor}: ${what}`)
      else
        await t.rejects(
          checked,
          { code: 'WEAKER_THAN_FLOOR', message: expected },
          `${floor}: ${what}`
        )
    }
  }
  const approved = revisionOf(allowing('mount'), { beyond: ['mount'], approvedBy: 'olga' })
  const bytes = await compile(allowing('mount'))
  await t.resolves(new CompiledFloor('approved', 'x86_64').check(approved, bytes))
  await t.rejects(new CompiledFloor('runtime-default', 'x86_64').check(approved, bytes), {
    code: 'WEAKER_THAN_FLOOR'
  })

  // The rules that were approved are not those that the filter has.
  const files = await openRevisionFiles({
    ...{ root: t.testdir(), logger: collectLog().logger },
    ...{ containers: () => [], onStatus: () => undefined },
    dependencies: { trial: async () => ({ ok: true, skipped: [], bytes: await compile(wide) }) }
  })
  t.match(await files.install(revisionOf(allowing('read'))), {
    ...{ ready: false, code: 'WEAKER_THAN_FLOOR', message: /allows bpf/ }
  })
  await files.close()
})
