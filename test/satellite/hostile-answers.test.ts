import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { crunRuntime } from '../../satellite/containers/crun.js'
import { dockerRuntime } from '../../satellite/containers/docker.js'
import { ImageLabels } from '../../satellite/containers/image-labels.js'
import { podmanRuntime } from '../../satellite/containers/podman.js'
import { encodeObservation } from '../../satellite/uplink/encode-observation.js'
import { openSpool } from '../../satellite/uplink/spool.js'
import { firstLateFault, hostileText, throwsNothing } from '../helpers/hostile-text.js'
import { observationOf } from '../webhook/hub/rig.js'

/** Answers and files of other programs, with names, labels and images that their authors chose. */
const digest = `sha256:${'a'.repeat(64)}`
const manifest = JSON.stringify({ config: { digest }, layers: [{ digest }] })
const index = JSON.stringify({ manifests: [{ digest, platform: { os: 'linux' } }] })
const image = JSON.stringify({ config: { Labels: { app: 'web', __proto: 'x' } } })

test('any text as the parts of an image', async (t) => {
  const parts = fc.tuple(hostileText([manifest, index]), hostileText([image, manifest]))
  const parse = ([target, blob]: [string, string]) =>
    new ImageLabels().ofContent('image', (wanted) =>
      Promise.resolve(wanted === 'image' ? target : blob)
    )
  t.equal(await firstLateFault(parts, parse, throwsNothing), undefined)
})

const inspected = JSON.stringify([
  {
    ...{ Id: 'abc', Names: ['/web'], Name: 'web', Image: 'web:1', ImageID: digest },
    ...{ ImageName: 'web:1', OCIConfigPath: '/none/config.json', State: { Pid: 0 } },
    ...{ Labels: { app: 'web' }, Config: { Labels: { app: 'web' } } }
  }
])

test("any text as docker's answer", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-docker-'))
  let answer = ''
  const server = createServer((_, response) => response.end(answer))
  server.listen(join(folder, 'docker.sock'))
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const parse = (text: string) => {
    answer = text
    return dockerRuntime(join(folder, 'docker.sock')).list()
  }
  t.match(await parse(inspected), [{ id: 'abc', name: 'web', runtime: 'docker' }])
  t.equal(await firstLateFault(hostileText([inspected]), parse, throwsNothing), undefined)
})

test("any text as podman's answer", async (t) => {
  const folder = t.testdir({ podman: '#!/bin/sh\nexec cat "${0%/*}/answer"\n' })
  await chmod(join(folder, 'podman'), 0o755)
  const parse = async (text: string) => {
    await writeFile(join(folder, 'answer'), text)
    return podmanRuntime(folder).byId('abc')
  }
  t.match(await parse(inspected), { id: 'abc', name: 'web', runtime: 'podman' })
  t.equal(await firstLateFault(hostileText([inspected]), parse, throwsNothing, 60), undefined)
})

const status = JSON.stringify({ pid: 1, 'process-start-time': 1, bundle: '/b', 'cgroup-path': '' })
const config = JSON.stringify({ annotations: { a: 'b' }, linux: { seccomp: {} } })

test("any text as crun's files", async (t) => {
  const root = t.testdir({ web: {} })
  const parse = async ([one, other]: [string, string]) => {
    await writeFile(join(root, 'web/status'), one)
    await writeFile(join(root, 'web/config.json'), other)
    return crunRuntime([root]).list()
  }
  const files = fc.tuple(hostileText([status]), hostileText([config]))
  t.equal(await firstLateFault(files, parse, throwsNothing), undefined)
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('any bytes as a file of the spool', async (t) => {
  const dir = t.testdir({})
  const id = 'node/boot/1'
  const good = encodeObservation(observationOf(id, ['read', 'write']))
  const path = join(dir, `${sha256(Buffer.from(id)).slice(0, 40)}.observation`)
  const payload = fc
    .record({ from: fc.nat(), put: fc.uint8Array({ maxLength: 40 }), skip: fc.nat(5) })
    .map(({ from, put, skip }) => {
      const at = from % (good.length + 1)
      return Buffer.concat([good.subarray(0, at), put, good.subarray(at + skip)])
    })
  // With a checksum that fits, so that the content is decoded, and without one.
  const file = fc.oneof(
    { arbitrary: payload.map((p) => Buffer.concat([Buffer.from(`${sha256(p)}\n`), p])), weight: 4 },
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  )
  const parse = async (bytes: Buffer) => {
    await writeFile(path, bytes)
    const found: unknown[] = []
    const problems = await (await openSpool(dir)).load((observation) => found.push(observation))
    t.equal(found.length + problems.length, 1, 'read, or named as damaged')
    return [found, problems]
  }
  const whole = Buffer.concat([Buffer.from(`${sha256(good)}\n`), good])
  t.match(await parse(whole), [[{ id }], []])
  t.equal(await firstLateFault(file, parse, throwsNothing), undefined)
})
