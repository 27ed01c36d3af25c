import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ociArchive } from '../../../image/oci-archive.js'
import type { TarEntry } from '../../../image/tar.js'
import { nodeRuntime } from '../../../image/node-runtime.js'
import { writeImage } from '../../../image/write-image.js'
import { repositoryRoot } from '../repository.js'
import { pauseImage } from './node-configs.js'

const run = promisify(execFile)

/** Image of test pods: /bin/server (test-server.c) and busybox with its usual names. `imagePullPolicy: Never`. */
export const testImage = 'docker.io/library/secco-test:1'

const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch
const source = join(repositoryRoot, 'test/helpers/kubernetes/test-server.c')

function cacheFolder(): string {
  const xdg = process.env['XDG_CACHE_HOME']
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'secco', 'images')
}

/** A file of the cache, made by `make` when it is missing; whoever is second finds the first one's. */
async function cached(key: string, make: () => Promise<Buffer>): Promise<string> {
  const path = join(cacheFolder(), key)
  if (existsSync(path)) return path
  await mkdir(cacheFolder(), { recursive: true })
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, await make())
  await rename(temporary, path)
  return path
}

async function compileServer(): Promise<Buffer> {
  const folder = await mkdtemp(join(cacheFolder(), 'server-'))
  try {
    const program = join(folder, 'server')
    await run('gcc', ['-O1', '-static', '-s', '-Wall', '-Werror', '-o', program, source])
    return await readFile(program)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const file = (path: string, content: Buffer | string, mode = 0o755): TarEntry => ({
  kind: 'file',
  path,
  mode,
  content: Buffer.from(content)
})

/** Archives of the pause image and of the test image, kept in the cache by what they are made of. */
export async function testImages(): Promise<string[]> {
  const busybox = await readFile('/usr/bin/busybox').catch(() => readFile('/bin/busybox'))
  const hash = createHash('sha256').update(await readFile(source))
  const key = hash.update(busybox).digest('hex').slice(0, 16)
  let server: Promise<Buffer> | undefined
  const compiled = (): Promise<Buffer> => (server ??= compileServer())
  const pause = await cached(`pause-${key}.tar`, async () => {
    const layers = [[file('pause', await compiled())]]
    const config = { Entrypoint: ['/pause', 'pause'] }
    return (await ociArchive({ name: pauseImage, architecture, config, layers })).archive
  })
  const test = await cached(`test-${key}.tar`, async () => {
    const applets = (await run('busybox', ['--list'])).stdout.split('\n')
    const entries: TarEntry[] = [
      file('bin/busybox', busybox),
      file('bin/server', await compiled()),
      file('etc/passwd', 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n', 0o644),
      { kind: 'folder', path: 'tmp', mode: 0o1777 },
      ...applets
        .filter((name) => !['', 'busybox'].includes(name))
        .map((name): TarEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }))
    ]
    const config = { Entrypoint: ['/bin/server', '8080'], Env: ['PATH=/bin'] }
    const layers = [entries]
    return (await ociArchive({ name: testImage, architecture, config, layers })).archive
  })
  return [pause, test]
}

/** Secco's own image from this checkout as an archive in `folder`; gives its path. */
export async function seccoImageArchive(folder: string, name: string): Promise<string> {
  const { out } = await writeImage({
    root: repositoryRoot,
    out: join(folder, 'secco-image.tar'),
    name,
    ...nodeRuntime(repositoryRoot)
  })
  return out
}
