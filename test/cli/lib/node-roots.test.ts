import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { readNodeRoots, rootOptions, writeNodeRoots } from '../../../cli/lib/node-roots.js'
import { readAddresses, statePaths } from '../../../cli/lib/state.js'

test('verbs on a state folder know where its program works', async (t) => {
  const paths = statePaths({ env: {} }, t.testdir(), 0)
  t.equal(await readNodeRoots(paths), undefined, 'none ran here')
  const usual = `start it with \`secco up --state ${paths.root}\``
  await t.rejects(readAddresses(paths), { code: 'UNAVAILABLE', hint: usual })
  const given = { seccompRoot: '/k/seccomp', runcRoot: ['/run/a b', '/run/c'] }
  const options = rootOptions(given)
  t.equal(options, "--seccomp-root /k/seccomp --runc-root '/run/a b' --runc-root /run/c")
  t.equal(rootOptions({}), '')
  const roots = { seccompRoot: given.seccompRoot, runcRoots: given.runcRoot, options }
  await writeNodeRoots(paths, roots)
  t.same(await readNodeRoots(paths), roots)
  const hint = `start it with \`secco up --state ${paths.root} ${options}\``
  await t.rejects(readAddresses(paths), { code: 'UNAVAILABLE', hint }, 'after it has ended')
  const file = join(paths.root, 'node-roots.json')
  // [what a file says, what is printed]
  const texts: [string, string][] = [
    ['; rm -rf /', ''],
    ['--seccomp-root /k; id', ''],
    ['--seccomp-root $(id)', ''],
    ['--seccomp-root /k --kubeconfig /x', ''],
    ['--seccomp-root', ''],
    ["--runc-root '/run/a", ''],
    ["--runc-root '/run/$(id)'", "--runc-root '/run/$(id)'"],
    ["--runc-root '/run/o'\\''k'", "--runc-root '/run/o'\\''k'"],
    ["--runc-root '/a'; id", ''],
    ['--runc-root `id`', '']
  ]
  for (const [text, printed] of texts) {
    await writeFile(file, JSON.stringify({ seccompRoot: '/k', runcRoots: [], options: text }))
    t.equal((await readNodeRoots(paths))?.options, printed, text)
  }
  for (const damaged of [
    '',
    'null',
    '{"seccompRoot": 1}',
    '{"seccompRoot": "/k", "options": ""}'
  ]) {
    await writeFile(join(paths.root, 'node-roots.json'), damaged)
    t.equal(await readNodeRoots(paths), undefined, damaged)
  }
})
