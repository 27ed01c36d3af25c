import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t, test } from 'tap'
import { stringify } from 'yaml'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { runSecco } from '../../helpers/secco-command.js'

// Each command is a process of its own, beside other tests.
t.setTimeout(150_000)

const document = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [
        { names: ['read', '_llseek', 'fcntl64', 'mmap2', 'mount'], action: 'SCMP_ACT_ALLOW' }
      ]
    }
  }
}

test('apply warns of what lint warns of, in the same words', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-warnings-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const env = { SECCO_STATE: join(folder, 'state') }
  const file = join(folder, 'web.yaml')
  await writeFile(file, stringify(document))
  const lint = await runSecco(['lint', '-f', file], { env })
  const apply = await runSecco(['profile', 'apply', '-f', file], { env })
  const warnings = (text: string, name = '') =>
    text
      .split('\n')
      .filter((line) => line.startsWith('warning'))
      .map((line) => line.replace(name, ''))
  const found = warnings(lint.stdout)
  t.same(warnings(apply.stderr, 'web: '), found, apply.stderr)
  t.match(found.join('\n'), /_llseek, fcntl64, mmap2: exist on i386 only/)
  t.equal(found.filter((line) => line.includes('other-architecture')).length, 1, 'in one line')

  await t.test('a list without a hub says that it may be out of date', async (t) => {
    const fresh = await runSecco(['get', 'profiles'], { env })
    t.equal(fresh.stderr, '', 'nothing of a hub is in it yet')
    const store = await openDirectoryStore(join(env.SECCO_STATE, 'objects'))
    const ready = {
      ...{
        type: 'Ready',
        status: 'True' as const,
        reason: 'AllNodesReady',
        message: '1 node has it'
      },
      lastTransitionTime: '2026-01-02T00:00:00Z'
    }
    await store.update('SeccompProfile', { namespace: 'shop', name: 'web' }, (profile) => ({
      ...profile,
      status: { observed: { x86_64: ['read'] }, conditions: [ready] }
    }))
    await store.close()
    for (const what of ['profiles', 'workloads']) {
      const { stdout, stderr, code } = await runSecco(['get', what], { env })
      t.equal(code, 0, stdout)
      if (what === 'profiles') t.match(stdout, /^shop +web +Unknown /m, 'nobody confirms it')
      t.match(stderr, /^note: no hub runs on .*: this list may be out of date\n {2}next: start it/)
    }
    const shown = await runSecco(['profile', 'show', 'shop/web'], { env })
    t.match(
      shown.stderr,
      /note: no hub runs on .*: what nodes hold and what runs may have changed\n {2}next: start it/
    )
    t.match(
      shown.stdout,
      /Ready: +Unknown; the last hub said: True \(AllNodesReady\) 1 node has it/
    )
    const approve = ['profile', 'approve', 'shop/web', '--reason', 'x']
    const approved = await runSecco(approve, { env })
    t.match(
      approved.stderr,
      /note: no hub runs on .*: revisions are rendered and delivered once one runs/
    )
  })

  await t.test('the error of a baseline names its option', async (t) => {
    const path = join(env.SECCO_STATE, 'absent.json')
    const gate = await runSecco(['learn', 'web', '--fail-on-new', path, '--', 'true'], { env })
    t.equal(gate.code, 2)
    t.match(gate.stderr, /next: check the path given with --fail-on-new/)
  })
})
