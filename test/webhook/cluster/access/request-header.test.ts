import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import { FrontProxy } from '../../../../webhook/cluster/access/request-header.js'
import { until } from '../../../helpers/until.js'
import { collectLog } from '../../hub/rig.js'

const published = {
  data: {
    'requestheader-client-ca-file': 'pem',
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]'
  }
}

test('a ConfigMap that cannot be read is logged once, until it is read again', async (t) => {
  const { logger, lines } = collectLog()
  let [reads, isDown] = [0, false]
  const call = () => {
    reads += 1
    return isDown
      ? Promise.reject(new SeccoError('UNAVAILABLE', 'no answer'))
      : Promise.resolve(published)
  }
  const proxy = await FrontProxy.open(call, logger, 1)
  proxy.follow(() => undefined)
  const more = async () => {
    const before = reads
    await until('more reads', () => (reads > before + 5 ? true : undefined))
    return lines.length
  }
  t.equal(await more(), 0)
  isDown = true
  t.equal(await more(), 1)
  t.equal(await more(), 1, 'it is still down')
  isDown = false
  await more()
  isDown = true
  t.equal(await more(), 2, 'down again')
})
