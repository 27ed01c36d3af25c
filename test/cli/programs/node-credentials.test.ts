import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { tokenCredentials } from '../../../cli/programs/node-credentials.js'
import { collectLog } from '../../webhook/hub/rig.js'

test('a token and an authority that are renewed while the satellite starts, and later', async (t) => {
  const dir = t.testdir({ token: 'one.one.one\n', 'ca.crt': 'first' })
  const [tokenFile, caFile] = [join(dir, 'token'), join(dir, 'ca.crt')]
  // As the kubelet does it: the file is never incomplete.
  const renew = async (path: string, text: string) => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  const log = collectLog()
  const credentials = await tokenCredentials({ tokenFile, caFile }, log.logger)
  t.teardown(() => credentials.stop())
  const used = credentials.now()
  t.same(used, { tls: { ca: 'first' }, token: 'one.one.one' })

  await renew(tokenFile, 'two.two.two')
  await renew(caFile, 'second')
  await Promise.all([log.seen(/token renewed/), log.seen(/authority of the hub renewed/)])
  const passed: unknown[] = []
  const uplink = {
    setTls: ({ ca }: { ca: string }) => passed.push(ca),
    setToken: (token: string) => passed.push(token)
  }
  credentials.follow(uplink, used)
  t.same(
    passed,
    ['second', 'two.two.two'],
    'what was renewed before the uplink started is passed on'
  )
  t.same(credentials.now(), { tls: { ca: 'second' }, token: 'two.two.two' })

  const unchanged = { ...uplink, setTls: () => t.fail('the uplink has it already') }
  credentials.follow(
    { ...unchanged, setToken: () => t.fail('the uplink has it already') },
    credentials.now()
  )
  credentials.follow(uplink, credentials.now())
  log.lines.splice(0)
  await renew(tokenFile, 'three.three.three')
  await log.seen(/token renewed/)
  t.same(passed.slice(2), ['three.three.three'])
})
