import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { attackServer, compileAttacks } from '../bench/enforced/attacks.js'
import { compareAudit } from '../bench/enforced/audit-table.js'
import { servers } from '../bench/enforced/servers.js'
import { debianRootfs } from '../helpers/debian-rootfs.js'
import { repositoryRoot } from '../helpers/repository.js'

const tracing = probeTracing()
const skip = tracing.available ? false : (tracing.reason ?? 'no tracing')

test('audit refuses what RuntimeDefault refuses, and nothing else: every call, a real process', async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'secco-audit-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const { calls, refusedByRuntimeDefault, different } = await compareAudit(work, [
    ...['read', 'write', 'socket', 'clone', 'personality']
  ])
  t.ok(calls > 450, `${calls} calls made under each filter`)
  t.ok(refusedByRuntimeDefault > 100, `${refusedByRuntimeDefault} refused`)
  t.same(different, [], 'the same ones')
})

test('every attack is refused under a learned profile, as root with all capabilities', {
  skip
}, async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'secco-attacks-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const program = await compileAttacks(work)
  const cache = join(repositoryRoot, '.cache', 'debian')
  for (const server of servers.filter(({ name }) => name === 'nginx')) {
    const rootfs = await debianRootfs(cache, 'bookworm', server.packages)
    const row = await attackServer(work, server, rootfs, program)
    t.ok(row.attempts >= 40, `${row.attempts} attempts`)
    t.ok(row.possible >= 40, `${row.possible} reach the kernel without a filter`)
    t.same(row.through, [], `${row.refused} refused`)
  }
})
