import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { nodeRuntime } from '../../image/node-runtime.js'
import { writeRelease } from '../../image/release.js'
import { version } from '../../src/lib/version.js'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)
/** What a login shell of a small machine has: no Node among it. */
const plain = { env: { PATH: '/usr/bin:/bin', HOME: '/root' } }
const image = 'registry.example/team/secco:9'
/** How small the files are is no part of this. */
const level = 1
const make = (folder: string) =>
  writeRelease({ root: repositoryRoot, folder, image, runtime: nodeRuntime(repositoryRoot), level })

test('a release', async (t) => {
  const folder = t.testdir({ first: {}, second: {}, unpacked: {} })
  const first = join(folder, 'first')
  const files = await make(first)
  const read = (name: string) => readFile(join(first, name), 'utf8')

  await t.test('the same bytes twice, and sums that notice a change', async (t) => {
    const second = join(folder, 'second')
    await make(second)
    t.equal(await readFile(join(second, 'SHA256SUMS'), 'utf8'), await read('SHA256SUMS'))
    const check = () => run('sha256sum', ['-c', 'SHA256SUMS'], { cwd: second })
    await check()
    await writeFile(join(second, 'install.yaml'), 'another')
    await t.rejects(check(), 'another install.yaml')
  })

  await t.test('every file is in the sums, and the provenance names what was built', async (t) => {
    const sums = (await read('SHA256SUMS')).trim().split('\n')
    const named = sums.map((line) => line.split('  ')[1] ?? '')
    t.same([...named, 'SHA256SUMS'].sort(), files.map((file) => basename(file)).sort())
    t.same((await readdir(first)).sort(), files.map((file) => basename(file)).sort())
    const head = (await run('git', ['rev-parse', 'HEAD'], { cwd: repositoryRoot })).stdout.trim()
    const statement = JSON.parse(await read('provenance.json')) as {
      subject: { name: string; digest: { sha256: string } }[]
    }
    t.match(statement, {
      predicate: { buildDefinition: { resolvedDependencies: [{ digest: { gitCommit: head } }] } }
    })
    const subjects = statement.subject.map(({ name, digest }) => `${digest.sha256}  ${name}`)
    t.same(subjects, sums.slice(0, -1))
  })

  await t.test('the manifests are those of the command, for this image', async (t) => {
    const manifests = await read('install.yaml')
    t.match(manifests, `image: ${image}`)
    t.match(manifests, /kind: MutatingWebhookConfiguration/)
  })

  await t.test('unpacked anywhere, it runs with its own Node and libraries', async (t) => {
    const archive = files.find((file) => file.endsWith('.tar.gz')) ?? ''
    await run('tar', ['-xzf', archive, '-C', join(folder, 'unpacked')])
    const home = join(folder, 'unpacked', basename(archive, '.tar.gz'))
    const secco = (...args: string[]) => run(join(home, 'bin/secco'), args, plain)
    t.equal((await secco('--version')).stdout, `${version}\n`)
    const programs = ['Release/secco_recorder.node', 'secco-inspector', 'secco-launcher']
    for (const name of programs) {
      const path = join(home, 'lib/secco/native/build', name)
      const { stdout } = await run('ldd', [path])
      const own = stdout.split('\n').filter((line) => /lib(bpf|elf|z|seccomp)\.so/.test(line))
      t.ok(own.length > 0, stdout)
      t.ok(
        own.every((line) => line.includes(join(home, 'lib/secco/native/build'))),
        own.join()
      )
    }
    t.match((await run(join(home, 'lib/secco/node'), ['--version'])).stdout, /^v24\./)
  })

  await t.test('the Debian package has the same files below /usr, and metadata', async (t) => {
    const deb = files.find((file) => file.endsWith('.deb')) ?? ''
    const { stdout } = await run('dpkg-deb', ['--field', deb])
    t.match(stdout, new RegExp(`^Package: secco\nVersion: ${version}\n`))
    const listed = (await run('dpkg-deb', ['--contents', deb])).stdout
    for (const path of [
      ...['./usr/bin/secco -> ../lib/secco/secco', './usr/lib/systemd/system/secco.service'],
      ...['./usr/share/doc/secco/bill-of-materials.cdx.json', './usr/lib/secco/node']
    ]) {
      t.match(listed, path, path)
    }
    t.notMatch(listed, /^\S+ (?!root\/root)/m, 'everything belongs to root')
  })
})
