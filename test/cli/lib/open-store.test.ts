import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'tap'
import { type KubeconfigOptions, loadKubeconfig } from '../../../cli/lib/open-store.js'

test('what --kubeconfig, --context and --as choose', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-kubeconfig-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = async (name: string, server: string, context: string) => {
    const path = join(folder, name)
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': context },
      clusters: [{ name: 'test', cluster: { server } }],
      users: [{ name: 'admin', user: { token: `token of ${name}` } }],
      contexts: [{ name: context, context: { cluster: 'test', user: 'admin' } }]
    }
    await writeFile(path, JSON.stringify(config))
    return path
  }
  const first = await file('first', 'https://first.example', 'one')
  const second = await file('second', 'https://second.example', 'two')
  const colon = await file('a:b', 'https://colon.example', 'three')
  const bad = join(folder, 'bad')
  await writeFile(bad, '{')
  const nowhere = join(folder, 'nowhere')
  const without = join(folder, 'without')
  await writeFile(
    without,
    '{"clusters":[{"name":"own","cluster":{"server":"https://own.example"}}]}'
  )
  const empty = join(folder, 'empty')
  await writeFile(empty, '\n')

  // [options, current context, server, token, impersonated user]
  const table: [KubeconfigOptions, string, string, string, string?][] = [
    [{ files: first }, 'one', 'first', 'first'],
    // The first file that names something counts, and both have a cluster `test`.
    [{ files: `${first}:${second}` }, 'one', 'first', 'first'],
    [{ files: `${second}:${first}` }, 'two', 'second', 'second'],
    [{ files: `${nowhere}:${second}:` }, 'two', 'second', 'second'],
    [{ files: `${first}:${second}`, context: 'two' }, 'two', 'first', 'first'],
    [{ files: colon }, 'three', 'colon', 'a:b'],
    [{ files: `${without}:${empty}:${second}` }, 'two', 'second', 'second'],
    [{ files: first, context: '', as: '' }, 'one', 'first', 'first'],
    [{ files: first, as: 'ann' }, 'one', 'first', 'first', 'ann']
  ]
  for (const [options, context, server, name, as] of table) {
    const what = JSON.stringify(options)
    const config = await loadKubeconfig(options)
    t.equal(config.getCurrentContext(), context, what)
    t.equal(config.getCurrentCluster()?.server, `https://${server}.example`, what)
    t.equal(config.getCurrentUser()?.token, `token of ${name}`, what)
    t.equal(config.getCurrentUser()?.impersonateUser ?? undefined, as, what)
  }

  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const writing = writeFile(fifo, await readFile(first))
  const two = await Promise.all([loadKubeconfig({ files: fifo }), writing])
  t.equal(two[0].getCurrentContext(), 'one', 'of a pipe')
  t.equal((await loadKubeconfig({ files: fifo })).getCurrentContext(), 'one', 'and again')

  const errors: [KubeconfigOptions, { code: string; message?: string; hint?: string }][] = [
    [{ files: nowhere }, { code: 'NOT_FOUND', message: `--kubeconfig: ${nowhere} does not exist` }],
    [{ files: bad }, { code: 'INVALID_DOCUMENT' }],
    [
      { files: `${first}:${second}`, context: 'x' },
      { code: 'INVALID_ARGUMENT', hint: 'give one of one, two' }
    ]
  ]
  for (const [options, error] of errors)
    await t.rejects(loadKubeconfig(options), error, JSON.stringify(options))

  const { KUBECONFIG, HOME } = process.env
  t.teardown(() => Object.assign(process.env, { KUBECONFIG: KUBECONFIG ?? '', HOME }))
  process.env['KUBECONFIG'] = `${second}:${first}`
  t.equal((await loadKubeconfig({ context: 'one' })).getCurrentContext(), 'one', 'of KUBECONFIG')
  Object.assign(process.env, { KUBECONFIG: '', HOME: folder })
  const own = { message: `--kubeconfig: ${join(folder, '.kube/config')} does not exist` }
  await t.rejects(loadKubeconfig({ as: 'ann' }), own, 'of the home folder')
})
