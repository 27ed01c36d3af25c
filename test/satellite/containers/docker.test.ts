import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { dockerRuntime } from '../../../satellite/containers/docker.js'
import { hex } from '../../helpers/container-facts.js'
import { matchLists } from '../../helpers/match-lists.js'

test("docker's socket", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-docker-'))
  const socket = join(folder, 'docker.sock')
  t.strictSame(await dockerRuntime(socket).list(), [], 'without a socket nothing is listed')
  const server = createServer((request, response) => {
    if (request.url === '/version') response.end('{"Version":"27.0"}')
    else if (request.url?.startsWith('/containers/json') === true) {
      response.end(
        JSON.stringify([{ Id: hex, Names: ['/shop'], Image: 'i', State: 'running', Labels: {} }, 7])
      )
    }
  })
  server.listen(socket)
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const docker = dockerRuntime(socket)
  matchLists(t, await docker.list(), [{ id: hex, name: 'shop', runtime: 'docker', image: 'i' }])
  t.equal(await docker.version(), '27.0')
})
