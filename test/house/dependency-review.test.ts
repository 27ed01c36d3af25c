import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { t, type Test, test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

t.setTimeout(300_000)

/** A made-up package with a licence; `dev` where only the development needs it. */
interface Package {
  license?: unknown
  dev?: boolean
}

type Tree = Record<string, Package>

async function makeTree(folder: string, tree: Tree): Promise<void> {
  const version = '1.0.0'
  const named = (isDev: boolean) =>
    Object.fromEntries(
      Object.entries(tree)
        .filter(([, { dev = false }]) => dev === isDev)
        .map(([name]) => [name, version])
    )
  const root = {
    ...{ name: 'secco', version, license: 'Apache-2.0' },
    ...{ dependencies: named(false), devDependencies: named(true) }
  }
  const write = async (path: string, value: object) => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), JSON.stringify(value))
  }
  await write('package.json', root)
  const packages: Record<string, object> = { '': root }
  for (const [name, { license, dev }] of Object.entries(tree)) {
    const own = { name, version, ...(license === undefined ? {} : { license }) }
    await write(`node_modules/${name}/package.json`, own)
    packages[`node_modules/${name}`] = { ...own, ...(dev === true ? { dev } : {}) }
  }
  await write('package-lock.json', { name: 'secco', version, lockfileVersion: 3, packages })
}

/** A registry that knows these vulnerable packages, and answers nothing else; undefined: nobody listens. */
async function startRegistry(t: Test, vulnerable: readonly string[]): Promise<string> {
  const advisory = {
    ...{ id: 1, url: 'https://example.org/1', title: 'made up', severity: 'high' },
    ...{ vulnerable_versions: '<2.0.0', cwe: [], cvss: { score: 9, vectorString: null } }
  }
  const server = createServer((request, response) => {
    request.resume()
    const isAudit = request.url === '/-/npm/v1/security/advisories/bulk'
    response.writeHead(isAudit ? 200 : 404, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify(
        isAudit ? Object.fromEntries(vulnerable.map((name) => [name, [advisory]])) : {}
      )
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`
}

async function review(folder: string, registry: string) {
  const child = spawn(process.execPath, [join(repositoryRoot, 'bin/review-dependencies.mjs')], {
    cwd: folder,
    env: {
      ...{ PATH: process.env['PATH'], HOME: folder, npm_config_update_notifier: 'false' },
      ...{ npm_config_registry: registry, npm_config_fetch_retries: '0' },
      ...{ npm_config_cache: join(folder, 'cache') }
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code: child.exitCode, stdout, stderr }
}

const good: Tree = {
  plain: { license: 'MIT' },
  either: { license: '(MIT OR GPL-3.0-only)' },
  all: { license: 'MIT AND (GPL-3.0-only OR ISC)' },
  tool: { license: 'GPL-3.0-only', dev: true }
}

/** Trees, what the registry knows of them, and what the review says. */
const table: [what: string, tree: Tree, vulnerable: string[], code: number, says: RegExp[]][] = [
  [
    'nothing is wrong, and signatures cannot be checked',
    good,
    [],
    2,
    [/^licences +ok +3 packages/m, /^vulnerabilities +ok/m, /^signatures +not checked/m]
  ],
  [
    'a licence',
    { ...good, bad: { license: 'GPL-3.0-only' } },
    [],
    1,
    [/found +bad: GPL-3.0-only$/m]
  ],
  ['no licence', { bad: {} }, [], 1, [/found +bad: undefined$/m]],
  ['a licence that is a list', { bad: { license: ['MIT', 'x'] } }, [], 1, [/^licences +found/m]],
  ['one of two that both count', { bad: { license: 'MIT AND AGPL-3.0' } }, [], 1, [/found +bad/m]],
  [
    'one that counts in any case',
    { bad: { license: 'AGPL-3.0 AND (MIT OR ISC)' } },
    [],
    1,
    [/found +bad: AGPL-3.0 AND/m]
  ],
  ['a vulnerability', good, ['plain'], 1, [/^licences +ok/m, /^vulnerabilities +found +plain$/m]]
]

test('the review of dependencies fails for a tree with something bad in it', async (t) => {
  for (const [what, tree, vulnerable, code, says] of table) {
    const folder = t.testdir({})
    await makeTree(folder, tree)
    const outcome = await review(folder, await startRegistry(t, vulnerable))
    t.equal(outcome.code, code, `${what}: ${outcome.stdout}${outcome.stderr}`)
    for (const one of says) t.match(outcome.stdout, one, what)
  }
})

test('without a registry the licences are still reviewed', async (t) => {
  // Port 9 discards: nobody listens there.
  const nobody = 'http://127.0.0.1:9/'
  const folder = t.testdir({})
  await makeTree(folder, { ...good, bad: { license: 'SSPL-1.0' } })
  t.match(await review(folder, nobody), {
    code: 1,
    stdout: /^licences +found +bad: SSPL-1.0\nvulnerabilities +not checked/
  })
  await makeTree(t.testdir({}), good)
  t.match(await review(folder, nobody), { code: 2, stdout: /^licences +ok/ })
})
