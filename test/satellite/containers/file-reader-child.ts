import { readBundle } from '../../../satellite/containers/oci-config.js'
import { createDiskFiles } from '../../../satellite/inspector/disk-files.js'
import { verifyInstalled } from '../../../satellite/revisions/installer.js'
import { openStateWatch } from '../../../native/state-watch.js'

/**
 * Reads files that may not be regular ones, in a separate process: a read that waits for a writer cannot be stopped
 * otherwise. Arguments: reader, folder, digest. Prints what was read, and the highest memory use in KiB.
 */
const [, , reader = '', folder = '', digest = ''] = process.argv
const revision = { namespace: 'shop', profile: 'web', digest }

const readers: Record<string, () => unknown> = {
  state: () => {
    const state = openStateWatch([]).read(folder)
    return typeof state === 'object' ? { pid: state.pid, annotations: state.annotations } : null
  },
  bundle: async () => (await readBundle(folder))?.annotations ?? null,
  disk: () => createDiskFiles(folder).read(revision).state,
  installed: async () => (await verifyInstalled(folder)).held.length
}

const value = await readers[reader]?.()
process.stdout.write(JSON.stringify({ value, memory: process.resourceUsage().maxRSS }))
