import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { podmanRuntime } from '../../../satellite/containers/podman.js'
import { doubts } from '../../../satellite/containers/runtime.js'
import { hex } from '../../helpers/container-facts.js'
import { matchLists } from '../../helpers/match-lists.js'

const other = 'cd'.repeat(32)
const image = 'ef'.repeat(32)

/** A program that prints what is in the files for its verbs, and ends as `code` says. */
const program = `#!/bin/sh
folder=\${0%/*}
case "$1" in
  ps) cat "$folder/ids" ;;
  --version) echo 'podman version 5.4.0' ;;
  *) cat "$folder/$1"; exit "$(cat "$folder/code")" ;;
esac
`

interface Given {
  container: object | string
  image?: object | string
  ids?: string[]
  code?: number
}

/** Returns podman with these answers, and with `config.json` in the bundle of the container `hex`. */
async function podmanWith(t: Test, config: string, given: Given) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-podman-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const bundle = join(folder, 'overlay-containers', hex, 'userdata')
  // Nobody else may write in a bundle's folders.
  await mkdir(bundle, { recursive: true, mode: 0o700 })
  await writeFile(join(bundle, 'config.json'), config)
  await writeFile(join(folder, 'podman'), program, { mode: 0o700 })
  await writeFile(join(folder, 'ids'), `${(given.ids ?? [hex]).join('\n')}\n`)
  await writeFile(join(folder, 'code'), `${given.code ?? 0}`)
  const textOf = (answer: object | string): string =>
    (typeof answer === 'string' ? answer : JSON.stringify(answer)).replaceAll('BUNDLE', bundle)
  await writeFile(join(folder, 'container'), textOf(given.container))
  await writeFile(join(folder, 'image'), textOf(given.image ?? []))
  return podmanRuntime(folder)
}

const web = {
  ...{ Id: hex, Name: 'web', Image: image, ImageName: 'localhost/web:1' },
  ...{ State: { Pid: 0 }, Config: { Labels: { app: 'web', 'of.image': 'x' } } },
  OCIConfigPath: 'BUNDLE/config.json'
}
const ofImage = { Id: image, Labels: { 'of.image': 'x' }, Annotations: {} }
const plainConfig = JSON.stringify({
  ...{ annotations: { 'a.b/c': 'd' }, linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } } }
})

test('podman names its containers', async (t) => {
  const podman = await podmanWith(t, plainConfig, { container: [web], image: [ofImage] })
  const known = {
    ...{ id: hex, runtime: 'podman', name: 'web', image: 'localhost/web:1', pid: 0 },
    ...{ labels: { app: 'web', 'a.b/c': 'd' }, seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } }
  }
  t.match(await podman.byId(hex), known)
  t.same(Object.keys((await podman.byId(hex))?.labels ?? {}).sort(), ['a.b/c', 'app'])
  matchLists(t, await podman.list(), [known])
  t.equal(await podman.version(), '5.4.0')
  t.same(await podmanRuntime(t.testdir({})).list(), [], 'without the program nothing is listed')
})

const text = (value: object): string => JSON.stringify(value)
const twice = (member: string): string => text([web]).replace('"Name":', `${member},"Name":`)
const unknown = { id: hex, runtime: 'unknown', name: hex }

const lies: [what: string, config: string, given: Given, expected: object | undefined][] = [
  [
    'a container with the id of another one as its name',
    plainConfig,
    { container: [{ ...web, Id: other, Name: hex }] },
    undefined
  ],
  [
    'two containers for one id',
    plainConfig,
    { container: [web, { ...web, Name: 'b' }] },
    undefined
  ],
  [
    'a name twice',
    plainConfig,
    { container: twice('"Name":"etcd"') },
    { ...unknown, doubt: doubts.answer }
  ],
  [
    'labels twice',
    plainConfig,
    { container: text([web]).replace('"app":', '"app":"etcd","app":') },
    { ...unknown, doubt: doubts.answer }
  ],
  [
    'a label that ends at a NUL',
    plainConfig,
    { container: text([web]).replace('"app"', '"app\\u0000x"') },
    { ...unknown, doubt: doubts.answer }
  ],
  [
    'annotations twice in the configuration',
    plainConfig.replace('{', '{"annotations":{"a.b/c":"x"},'),
    { container: [web] },
    { ...unknown, doubt: doubts.config }
  ],
  [
    'a bundle of another container',
    plainConfig,
    { container: text([web]).replace('BUNDLE', `/run/overlay-containers/${other}/userdata`) },
    { ...unknown, doubt: doubts.bundle }
  ],
  [
    'a configuration without a folder',
    plainConfig,
    { container: [{ ...web, OCIConfigPath: 'config.json' }], image: [ofImage] },
    { name: 'web', labels: { app: 'web' }, bundle: undefined }
  ],
  [
    'an image with the id of another one as its name',
    plainConfig,
    { container: [web], image: [{ ...ofImage, Id: other, Labels: {} }] },
    { name: 'web', labels: { app: undefined } }
  ],
  [
    'labels twice in the image',
    plainConfig,
    { container: [web], image: text([ofImage]).replace('"of.image"', '"of.image":"y","of.image"') },
    { name: 'web', labels: { app: undefined } }
  ]
]

test('what podman says counts for the id that was asked for, and where it can be read in one way', async (t) => {
  for (const [what, config, given, expected] of lies) {
    await t.test(what, async (t) => {
      const found = await (await podmanWith(t, config, given)).byId(hex)
      if (expected === undefined) t.equal(found, undefined)
      else t.match(found, expected)
      if (found?.doubt !== undefined) t.same(found.labels, {})
    })
  }
})

test('one container that is odd or gone hides no other one', async (t) => {
  const odd = text({ ...web, Id: other }).replace('"Name":', '"Name":"etcd","Name":')
  const podman = await podmanWith(t, plainConfig, {
    ...{ container: `[${odd},${text(web)}]`, ids: [other, 'gone', hex], code: 125 }
  })
  matchLists(t, await podman.list(), [
    { id: other, name: other, doubt: doubts.answer },
    { id: hex, name: 'web', doubt: undefined }
  ])
})
