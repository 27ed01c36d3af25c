import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Test, test } from 'tap'
import { loadKubeconfig } from '../../../cli/lib/open-store.js'
import { SeccoError } from '../../../src/lib/errors.js'

const apiVersion = 'client.authentication.k8s.io/v1'
const far = '2999-01-01T00:00:00Z'

/** A folder, and a function that writes a kubeconfig with this `exec` into it. */
async function place(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-plugin-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  let number = 0
  const configOf = async (exec: unknown): Promise<string> => {
    number += 1
    const path = join(folder, `config-${number}`)
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      clusters: [{ name: 'c', cluster: { server: 'https://one.example', 'tls-server-name': 'n' } }],
      users: [{ name: `user-${number}`, user: { exec } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: `user-${number}` } }]
    }
    await writeFile(path, JSON.stringify(config), { mode: 0o600 })
    return path
  }
  return { folder, configOf }
}

/** What a request is sent with. */
async function optionsOf(files: string): Promise<RequestOptions> {
  const options: RequestOptions = {}
  await (await loadKubeconfig({ files })).applyToHTTPSOptions(options)
  return options
}

const bearerOf = ({ headers }: RequestOptions) =>
  (headers as Record<string, string>)['Authorization']

/** A plugin that notes that it ran, and prints this. */
const prints = (log: string, answer: unknown) => ({
  ...{ apiVersion, interactiveMode: 'Never', command: 'sh' },
  args: ['-c', 'echo run >> "$0"; printf %s "$1"', log, JSON.stringify(answer)]
})
const credential = (status: object) => ({ kind: 'ExecCredential', apiVersion, status })

test('requests have the credential that the plugin prints', async (t) => {
  const { folder, configOf } = await place(t)
  // [status, Authorization, certificate, how often two requests run the plugin]
  const table: [object, string | undefined, string | undefined, number][] = [
    [{ token: 'a' }, 'Bearer a', undefined, 1],
    [{ token: 'b', expirationTimestamp: far }, 'Bearer b', undefined, 1],
    [{ token: 'c', expirationTimestamp: '2020-01-01T00:00:00Z' }, 'Bearer c', undefined, 2],
    [{ token: 'd', expirationTimestamp: 'soon' }, 'Bearer d', undefined, 2],
    [{ clientCertificateData: 'cert', clientKeyData: 'key' }, undefined, 'cert', 1],
    [{ token: 'e', clientCertificateData: 'cert', clientKeyData: 'key' }, 'Bearer e', 'cert', 1]
  ]
  for (const [status, bearer, cert, runs] of table) {
    const what = JSON.stringify(status)
    const log = join(folder, `log-${what.length}-${bearer ?? 'none'}`)
    const files = await configOf(prints(log, credential(status)))
    for (const options of [await optionsOf(files), await optionsOf(files)]) {
      t.equal(bearerOf(options), bearer, what)
      t.equal(options.cert, cert, what)
    }
    t.equal((await readFile(log, 'utf8')).split('\n').length - 1, runs, `${what}: runs`)
  }
})

test('a plugin is told what kubectl tells it', async (t) => {
  const { folder, configOf } = await place(t)
  const log = join(folder, 'log')
  const answer = JSON.stringify(credential({ token: 'a' }))
  const script = 'printf %s "$KUBERNETES_EXEC_INFO $OWN" > "$0"; cat >> "$0"; printf %s "$1"'
  const exec = {
    ...{ apiVersion, interactiveMode: 'IfAvailable', provideClusterInfo: true, command: 'sh' },
    args: ['-c', script, log, answer],
    env: [{ name: 'OWN', value: 'own' }]
  }
  t.equal(bearerOf(await optionsOf(await configOf(exec))), 'Bearer a')
  const [info = '', own] = (await readFile(log, 'utf8')).split(' ')
  t.match(JSON.parse(info), {
    ...{ kind: 'ExecCredential', apiVersion },
    spec: {
      interactive: Boolean,
      cluster: { server: 'https://one.example', 'tls-server-name': 'n' }
    }
  })
  t.equal(own, 'own', 'its environment, and nothing on its standard input')
})

test('a command with a slash is relative to the folder of the kubeconfig', async (t) => {
  const { folder, configOf } = await place(t)
  const path = await configOf({ apiVersion, interactiveMode: 'Never', command: './bin/plugin' })
  t.equal(dirname(path), folder)
  await mkdir(join(folder, 'bin'))
  const text = `#!/bin/sh\nprintf %s '${JSON.stringify(credential({ token: 'near' }))}'\n`
  await writeFile(join(folder, 'bin/plugin'), text, { mode: 0o755 })
  t.equal(bearerOf(await optionsOf(path)), 'Bearer near')
})

test('what is wrong with a plugin is named, and no credential is printed', async (t) => {
  const { folder, configOf } = await place(t)
  const log = join(folder, 'log')
  const sh = (script: string) => ({
    ...{ apiVersion, interactiveMode: 'Never', command: 'sh', args: ['-c', script] }
  })
  const good = prints(log, credential({ token: 'a' }))
  // [exec, message, next step]
  const table: [unknown, RegExp, RegExp][] = [
    ['sh', /user-\d+: exec\.command: must be a string/, /correct it/],
    [{ ...good, command: 7 }, /exec\.command: must be a string/, /correct it/],
    [{ ...good, apiVersion: 'v1' }, /exec\.apiVersion: must be client\.auth.* or/, /correct it/],
    [{ ...good, args: [1] }, /exec\.args: must be a list of strings/, /correct it/],
    [{ ...good, env: [{ name: 'A' }] }, /exec\.env: must be a list/, /correct it/],
    [{ ...good, interactiveMode: 'No' }, /exec\.interactiveMode: must be Never/, /correct it/],
    [{ ...good, command: 'secco-no-such' }, /secco-no-such of user .* could not be/, /install it/],
    [
      { ...good, command: 'secco-no-such', installHint: 'brew install it' },
      /could not be started/,
      /^brew install it$/
    ],
    [sh('exit 3'), /the credential plugin sh of user user-\d+ ended with 3/, /run it by hand/],
    [sh('kill -9 $$'), /ended with SIGKILL/, /run it by hand/],
    [sh('echo secret'), /printed no JSON$/, /run it by hand/],
    [sh('echo "{\\"token\\":\\"secret\\"}"'), /printed no ExecCredential of/, /run it by hand/],
    [sh('cat /dev/zero'), /printed more than 1048576 bytes/, /run it by hand/],
    [prints(log, credential({})), /printed neither a token nor a certificate/, /by hand/],
    [prints(log, credential({ token: 7 })), /printed neither a token nor a certificate/, /by hand/],
    [
      prints(log, credential({ token: 'secret', clientKeyData: 'secret' })),
      /a key without its certificate/,
      /by hand/
    ]
  ]
  for (const [exec, message, hint] of table) {
    const files = await configOf(exec)
    const error: unknown = await optionsOf(files).then(
      () => undefined,
      (thrown: unknown) => thrown
    )
    const what = JSON.stringify(exec).slice(0, 120)
    if (!(error instanceof SeccoError)) {
      t.fail(`${what}: ${String(error)}`)
      continue
    }
    t.match(error.message, message, what)
    t.match(error.hint, hint, what)
    t.notMatch(`${error.message} ${error.hint}`, /secret/, what)
  }
})
