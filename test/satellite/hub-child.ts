import { join } from 'node:path'
import { ensureServerLeaf } from '../../certs/files.js'
import { createLogger } from '../../src/lib/log.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import { startHub } from '../../webhook/hub/hub.js'

/** A hub to be killed. Arguments: folder, port. Prints its port when it listens. */
const [, , dir = '', port = '0'] = process.argv
const hub = await startHub({
  store: await openDirectoryStore(join(dir, 'objects'), { debounceMs: 20 }),
  listen: { host: '127.0.0.1', port: Number(port) },
  tls: await ensureServerLeaf(join(dir, 'certs'), ['localhost', '127.0.0.1']),
  revisionsDir: join(dir, 'revisions'),
  logger: createLogger('hub', { write: () => undefined }),
  timing: { coalesceMs: 10, debounceMs: 10, retryMs: 50 }
})
process.stdout.write(`${hub.address.port}\n`)
