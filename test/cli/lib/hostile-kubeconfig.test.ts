import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { loadKubeconfig } from '../../../cli/lib/open-store.js'
import { firstLateFault, hostileText, throwsSeccoError } from '../../helpers/hostile-text.js'

const yaml = `apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1", certificate-authority-data: YQ==}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: a, context: {cluster: c, user: u, namespace: shop}}]
`
const json = JSON.stringify({
  'current-context': 'a',
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 't' } }],
  contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }]
})

test('any text as a kubeconfig', async (t) => {
  const files = join(t.testdir({}), 'config')
  const parse = async (text: string) => {
    await writeFile(files, text)
    const { clusters, users, contexts } = await loadKubeconfig({ files, as: 'ann' })
    return { clusters, users, contexts }
  }
  for (const text of [yaml, json]) {
    t.match(await parse(text), { clusters: [{ name: 'c' }], users: [{ impersonateUser: 'ann' }] })
  }
  t.equal(await firstLateFault(hostileText([yaml, json]), parse, throwsSeccoError), undefined)
  const odd = [
    'contexts: [7]',
    'clusters: {a: b}',
    'users: [null]',
    'current-context: [a]',
    '[]',
    '7'
  ]
  for (const part of odd) {
    const [key = ''] = part.split(':')
    const text = yaml.replace(new RegExp(`^${key}:.*$`, 'm'), part)
    await t.rejects(
      async () => {
        await parse(text === yaml ? part : text)
        throw Object.assign(new Error('read'), { code: 'INVALID_DOCUMENT' })
      },
      { code: 'INVALID_DOCUMENT' },
      part
    )
  }
})
