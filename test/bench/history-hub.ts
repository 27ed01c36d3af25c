import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ensureServerLeaf } from '../../certs/files.js'
import { createLogger } from '../../src/lib/log.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import { HistoryRecorder } from '../../webhook/hub/history/history-recorder.js'
import { startHub } from '../../webhook/hub/hub.js'
import { clusterTiming } from '../../webhook/hub/hub-timing.js'
import { quiet } from '../helpers/quiet.js'

/*
 * A hub for the bench of histories. Arguments: its folder, and `off` for a hub that records none. Prints its port, and
 * for each line that it reads what it has cost until then.
 */
const [, , dir = '', mode] = process.argv
if (mode === 'off') {
  Object.assign(HistoryRecorder.prototype, {
    load: () => Promise.resolve(),
    observed: () => Promise.resolve(),
    stored: () => undefined
  })
}
const store = await openDirectoryStore(join(dir, 'objects'))
let writes = 0
const { history } = store
const hub = await startHub({
  store: {
    ...store,
    history: { ...history, put: (...document) => ((writes += 1), history.put(...document)) }
  },
  listen: { host: '127.0.0.1', port: 0 },
  tls: await ensureServerLeaf(join(dir, 'certs'), ['localhost', '127.0.0.1']),
  revisionsDir: join(dir, 'revisions'),
  logger: createLogger('hub', quiet),
  timing: clusterTiming
})
process.stdout.write(`${hub.address.port}\n`)
createInterface({ input: process.stdin })
  .on('line', () => {
    const { user, system } = process.cpuUsage()
    const rssMb = process.memoryUsage.rss() / 2 ** 20
    process.stdout.write(`${JSON.stringify({ cpuMs: (user + system) / 1000, rssMb, writes })}\n`)
  })
  // Ends with the bench, however that ends.
  .on('close', () => process.exit())
