import { openDirectoryStore } from '../../../src/store/directory.js'
import { observe } from './contract.js'

/**
 * A child process of the store's tests: adds one syscall after the other to a profile, printing each
 * name after its write was durable. Arguments: folder, name prefix, how many (0: until killed).
 */
const [, , folder = '', prefix = '', count = '0'] = process.argv
const store = await openDirectoryStore(folder)
for (let n = 0; count === '0' || n < Number(count); n += 1) {
  const name = `${prefix}_${n}`
  await store.update('SeccompProfile', { namespace: 'shop', name: 'shared' }, (profile) =>
    observe(profile, [name])
  )
  process.stdout.write(`${name}\n`)
}
await store.close()
