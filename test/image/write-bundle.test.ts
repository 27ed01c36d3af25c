import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Test, test } from 'tap'
import { writeBundle } from '../../image/write-bundle.js'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)

/** A checkout with a compiler that compiled something, and a program that prints which bundle it is of. */
function checkout(t: Test) {
  const root = t.testdir({
    'package.json': '{"type":"module"}',
    bin: {},
    build: {
      'tsconfig.tsbuildinfo': 'one',
      cli: { 'start.js': `export const start = () => console.log('compiled')` }
    }
  })
  for (const name of ['secco', 'kubectl-secco', 'package.json'])
    cpSync(join(repositoryRoot, 'bin', name), join(root, 'bin', name))
  const compile = (what: string) => writeFileSync(join(root, 'build/tsconfig.tsbuildinfo'), what)
  const bundle = (what: string) =>
    writeBundle(root, () => {
      const content = `exports.start = () => console.log('${what}')`
      return Promise.resolve({ files: [{ name: 'secco.cjs', content, inputs: [] }] })
    })
  const secco = async (program = 'secco') => {
    const args = ['-u', 'NODE_OPTIONS', process.execPath, join(root, 'bin', program)]
    const { stdout, stderr } = await run('/usr/bin/env', args).catch(
      (error: unknown) => error as { stdout: string; stderr: string }
    )
    return `${stdout}${stderr}`.trim()
  }
  const folders = () =>
    readdirSync(join(root, 'build/bundle')).filter((name) => !name.includes('.'))
  return { root, compile, bundle, secco, folders }
}

test('bin/secco runs the bundle of what is compiled, or what is compiled', async (t) => {
  const { root, compile, bundle, secco, folders } = checkout(t)
  t.equal(await secco(), 'compiled', 'there is no bundle')
  t.equal(await bundle('first'), true)
  t.equal(await secco(), 'first')
  t.equal(await secco('kubectl-secco'), 'first')
  t.equal(await bundle('again'), false, 'nothing was compiled since')
  compile('more than one')
  t.equal(await secco(), 'compiled', 'the bundle is old')
  t.equal(await bundle('second'), true)
  t.equal(await secco(), 'second')
  const before = folders()
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(join(root, 'node_modules/.package-lock.json'), '{}')
  t.equal(await secco(), 'compiled', 'other packages are installed, and nothing had to be compiled')
  t.equal(await bundle('third'), true)
  t.equal(await secco(), 'third')
  const [folder = ''] = folders().filter((name) => !before.includes(name))
  rmSync(join(root, 'build/bundle', folder), { recursive: true })
  t.equal(await secco(), 'compiled', 'the bundle is gone')
  t.equal(await bundle('third'), true, 'and is made again')
  writeFileSync(join(root, 'build/bundle/current.json'), '{')
  t.equal(await secco(), 'compiled', 'nothing says which bundle')
  t.equal(await bundle('third'), true)
  t.equal(await secco(), 'third')
})

test('a bundle stays for the programs that run it until there are two newer ones', async (t) => {
  const { root, compile, bundle, folders } = checkout(t)
  const current = () =>
    (
      JSON.parse(readFileSync(join(root, 'build/bundle/current.json'), 'utf8')) as {
        folder: string
      }
    ).folder
  await bundle('first')
  const first = current()
  compile('2nd')
  await bundle('second')
  t.same(folders().length, 2)
  compile('third')
  await bundle('second')
  t.ok(existsSync(join(root, 'build/bundle', first)), 'the same content is the same bundle')
  compile('fourth')
  await bundle('third')
  t.notOk(existsSync(join(root, 'build/bundle', first)))
  t.equal(folders().length, 2)
})

test('nothing is compiled', async (t) => {
  const { root, secco } = checkout(t)
  rmSync(join(root, 'build/cli'), { recursive: true })
  t.match(await secco(), /not compiled yet.*\nnext: run bin\/setup start/)
})
