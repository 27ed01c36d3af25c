import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { t, test } from 'tap'
import { bundleProgram } from '../../image/bundle.js'
import { repositoryRoot } from '../helpers/repository.js'

t.setTimeout(600_000)

const run = promisify(execFile)

/** Runs Node without the loader of the test runner; returns what it printed, also when it failed. */
const node = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  run('/usr/bin/env', ['-u', 'NODE_OPTIONS', process.execPath, ...args]).catch(
    (error: unknown) => error as { stdout: string; stderr: string }
  )

/** Prints which files and parts of Node a program loaded, at its end. */
const hook = `process.on('exit', () => process._rawDebug('loaded ' + JSON.stringify({
  files: Object.keys(require.cache), node: process.moduleLoadList })))`

const profile = (name: string) => `apiVersion: secco.dev/v1alpha1
kind: SeccompProfile
metadata: {name: ${name}, namespace: shop}
spec:
  seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [{names: [read], action: SCMP_ACT_ALLOW}]}
`

test('the bundle of a checkout', async (t) => {
  const { files } = await bundleProgram(repositoryRoot, { readable: true })
  const folder = t.testdir({ state: {}, full: {} })
  for (const { name, content } of files) writeFileSync(join(folder, name), content)
  writeFileSync(join(folder, 'hook.cjs'), hook)
  writeFileSync(join(folder, 'run.cjs'), `require('./secco.cjs').start('/nonexistent/cache')`)
  // The addon is looked for below the package; nothing here needs it.
  writeFileSync(join(folder, 'package.json'), '{"name":"secco"}')

  /** Returns what a verb loads: packages, bytes of the bundle, and parts of Node. */
  async function loadedBy(...args: string[]) {
    const command = ['-r', join(folder, 'hook.cjs'), join(folder, 'run.cjs'), ...args]
    const { stdout, stderr } = await node(...command)
    const [, json = ''] = /^loaded (.+)$/m.exec(stderr) ?? []
    const loaded = JSON.parse(json) as { files: string[]; node: string[] }
    const names = new Set(loaded.files.map((path) => basename(path)))
    const own = files.filter(({ name }) => names.has(name))
    const packages = own
      .flatMap(({ inputs }) => inputs)
      .flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])
    return {
      stdout,
      packages: [...new Set(packages)].sort(),
      kilobytes: own.reduce((sum, { content }) => sum + content.length, 0) / 1000,
      node: loaded.node.map((name) => name.replace(/^NativeModule /, ''))
    }
  }

  await t.test('a verb loads what it needs, and nothing else', async (t) => {
    const state = join(folder, 'full')
    const objects = join(state, 'objects/shop/seccompprofiles')
    mkdirSync(objects, { recursive: true })
    writeFileSync(join(objects, 'web.yaml'), profile('web'))
    const empty = ['--state', join(folder, 'state')]
    // The bundle is not minified here: names and comments count. [arguments, packages, kilobytes at most, output]
    const cases: [string[], string[], number, RegExp][] = [
      [['--help'], ['commander'], 160, /^Usage: secco/],
      [['--version'], ['commander'], 160, /^\d/],
      [['get', 'profiles', '--help'], ['commander'], 180, /^Usage: secco get profiles/],
      [['profile', 'export', '--help'], ['commander'], 220, /^Usage: secco profile export/],
      [['up', '--help'], ['commander'], 200, /^Usage: secco up/],
      [['satellite', '--help'], ['commander'], 200, /^Usage: secco satellite/],
      [[...empty, 'get', 'profiles'], ['commander'], 450, /^$/],
      // The store reads documents, and checks them without the package that explains what is wrong.
      [['--state', state, 'get', 'profiles'], ['commander', 'yaml'], 800, /web/]
    ]
    for (const [args, packages, most, output] of cases) {
      const loaded = await loadedBy(...args)
      const what = `secco ${args.filter((arg) => !arg.includes(folder)).join(' ')}`
      t.match(loaded.stdout, output, what)
      t.same(loaded.packages, packages, what)
      t.ok(loaded.kilobytes < most, `${what}: ${loaded.kilobytes} KB`)
      const seldom = [
        'child_process',
        'http',
        'https',
        'worker_threads',
        'internal/deps/undici/undici'
      ]
      t.same(
        seldom.filter((name) => loaded.node.includes(name)),
        [],
        `${what}: parts of Node`
      )
    }
    t.ok(
      files.some(({ inputs }) =>
        inputs.some((path) => path.includes('typebox/build/value/errors'))
      ),
      'what explains is in the bundle'
    )
  })

  await t.test('what is wrong with a document is explained as by the compiled files', async (t) => {
    const file = join(folder, 'wrong.yaml')
    writeFileSync(file, profile('web').replace('SCMP_ACT_ALLOW', 'ALLOW'))
    for (const program of [join(folder, 'run.cjs'), join(repositoryRoot, 'build/cli/start.js')]) {
      // start.js of the compiled files exports what it does.
      const start = program.endsWith('.cjs')
        ? [program]
        : [
            '--input-type=module',
            '-e',
            `(await import(${JSON.stringify(program)})).start()`,
            '--',
            'secco'
          ]
      t.match(await node(...start, 'render', '-f', file), {
        stderr: /spec\.seccomp\.syscalls\[0\]\.action: must be one of SCMP_ACT_/
      })
    }
  })

  await t.test('stack traces name the sources', async (t) => {
    const [{ name } = { name: '' }] = files.filter(({ inputs }) =>
      inputs.includes('cli/profiles/get.ts')
    )
    const script = `require(${JSON.stringify(join(folder, name))}).getNodes()`
    t.match(await node('--enable-source-maps', '-e', script), {
      stderr: /at .*getNodes \(.*cli\/profiles\/get\.ts:\d+/
    })
    t.match(await node('-e', script), { stderr: new RegExp(`at .*getNodes \\(.*${name}`) })
  })
})
