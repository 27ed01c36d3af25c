import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { observe } from './contract.js'

/**
 * A child process of the store's tests, which writes one profile again and again and prints what it wrote after each write
 * was durable. Arguments: folder, prefix of the syscalls that it adds, how many (0: until killed). With the prefix `pair`
 * it writes the next number into spec and status.
 */
const [, , folder = '', prefix = '', count = '0'] = process.argv
const store = await openDirectoryStore(folder)

function next(profile: SeccompProfile): SeccompProfile {
  const number = Number(profile.status?.lastNew ?? -1) + 1
  const spec = { ...profile.spec, extends: [`n${number}`] }
  return { ...profile, spec, status: { ...profile.status, lastNew: String(number) } }
}

for (let n = 0; count === '0' || n < Number(count); n += 1) {
  const name = `${prefix}_${n}`
  const written = await store.update(
    'SeccompProfile',
    { namespace: 'shop', name: 'shared' },
    (p) => (prefix === 'pair' ? next(p) : observe(p, [name]))
  )
  process.stdout.write(`${prefix === 'pair' ? (written.status?.lastNew ?? '') : name}\n`)
}
await store.close()
