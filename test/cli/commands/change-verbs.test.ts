import { join } from 'node:path'
import { test } from 'tap'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { profileOf } from '../../helpers/instances.js'
import { runSecco } from '../../helpers/secco-command.js'

const seccomp = {
  defaultAction: 'SCMP_ACT_ERRNO' as const,
  syscalls: [{ names: ['acct'], action: 'SCMP_ACT_ALLOW' as const }]
}

test('profile call says whether it changed anything', async (t) => {
  const state = t.testdir({})
  const store = await openDirectoryStore(join(state, 'objects'))
  const { metadata } = await store.apply('SeccompProfile', profileOf({ seccomp }))
  await store.close()
  const name = `${metadata.namespace}/${metadata.name}`
  // [the decision, what is said]
  const table: [string[], RegExp][] = [
    [['--allow', 'acct'], /nothing changed: the profile already answers these calls so/],
    [['--deny', 'chroot'], /nothing changed/],
    [['--deny', 'acct'], /: decided; the hub renders/],
    [['--deny', 'acct'], /nothing changed/],
    [['--allow', 'acct'], /: decided; the hub renders/]
  ]
  for (const [decision, said] of table) {
    const words = ['profile', 'call', name, ...decision, '--reason', 'x', '--force']
    const { code, stderr } = await runSecco([...words, '--state', state])
    t.equal(code, 0, stderr)
    t.match(stderr, said, decision.join(' '))
  }
})
