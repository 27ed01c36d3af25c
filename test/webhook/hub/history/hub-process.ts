import { join } from 'node:path'
import { ensureServerLeaf } from '../../../../certs/files.js'
import { createLogger } from '../../../../src/lib/log.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { startHub } from '../../../../webhook/hub/hub.js'
import { quiet } from '../../../helpers/quiet.js'
import { quickHub } from '../rig.js'

/** A hub as a process of its own, to be killed. Arguments: folder, port. Prints its port once it listens. */
const [, , dir = '', port = '0'] = process.argv
const hub = await startHub({
  store: await openDirectoryStore(join(dir, 'objects')),
  listen: { host: '127.0.0.1', port: Number(port) },
  tls: await ensureServerLeaf(join(dir, 'certs'), ['localhost', '127.0.0.1']),
  revisionsDir: join(dir, 'revisions'),
  logger: createLogger('hub', quiet),
  // So that there is nearly always something that is reported and not written.
  timing: { ...quickHub, historyWaitMs: 40, historyWindowMs: 1500 }
})
// Ends with the test, however that ends.
process.stdin.resume().on('close', () => process.exit())
process.stdout.write(`${hub.address.port}\n`)
