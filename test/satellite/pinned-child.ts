import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureClientLeaf } from '../../certs/files.js'
import { startSatellite } from '../../satellite/main.js'
import { startUplink } from '../../satellite/uplink/uplink.js'
import { createLogger } from '../../src/lib/log.js'

/**
 * A complete satellite to be killed, without a hub: what it learns is in its spool. Arguments: folder, pin folder.
 * Prints `recording` when it does.
 */
const [, , dir = '', pin = ''] = process.argv
const node = 'node-a'
const spoolDir = join(dir, 'spool')
await mkdir(spoolDir, { recursive: true })
const logger = createLogger('satellite', {
  write: (line: string) => void process.stderr.write(line)
})
await startSatellite({
  node,
  connect: async (ends) =>
    startUplink({
      hub: '127.0.0.1:1',
      node,
      tls: await ensureClientLeaf(join(dir, 'certs'), node),
      spoolDir,
      logger,
      ...ends
    }),
  seccompRoot: join(dir, 'seccomp'),
  runcRoots: [join(dir, 'runc')],
  containerdSocket: join(dir, 'none.sock'),
  pin,
  slots: 2048,
  logger
})
process.stdout.write('recording\n')
