import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { tokenProof } from '../../../cli/doctor/node-proof.js'
import { collectLog } from '../../webhook/hub/rig.js'

test('a token and an authority that are renewed while the satellite starts, and later', async (t) => {
  const dir = t.testdir({ token: 'one.one.one\n', 'ca.crt': 'first' })
  const [tokenFile, caFile] = [join(dir, 'token'), join(dir, 'ca.crt')]
  // As the kubelet does it: at no moment is half of it there.
  const renew = async (path: string, text: string) => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  const log = collectLog()
  const proof = await tokenProof({ tokenFile, caFile }, log.logger)
  t.teardown(() => proof.stop())
  const taken = proof.now()
  t.same(taken, { tls: { ca: 'first' }, token: 'one.one.one' })

  await renew(tokenFile, 'two.two.two')
  await renew(caFile, 'second')
  await Promise.all([log.seen(/token renewed/), log.seen(/authority of the hub renewed/)])
  const told: unknown[] = []
  const uplink = {
    setTls: ({ ca }: { ca: string }) => told.push(ca),
    setToken: (token: string) => told.push(token)
  }
  proof.follow(uplink, taken)
  t.same(
    told,
    ['second', 'two.two.two'],
    'the uplink was given the old ones, and nobody comes again'
  )
  t.same(proof.now(), { tls: { ca: 'second' }, token: 'two.two.two' })

  const untold = { ...uplink, setTls: () => t.fail('it has that one') }
  proof.follow({ ...untold, setToken: () => t.fail('it has that one') }, proof.now())
  proof.follow(uplink, proof.now())
  log.lines.splice(0)
  await renew(tokenFile, 'three.three.three')
  await log.seen(/token renewed/)
  t.same(told.slice(2), ['three.three.three'])
})
