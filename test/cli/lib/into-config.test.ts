import { readFileSync, statSync } from 'node:fs'
import { chmodSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { putIntoConfig } from '../../../cli/lib/into-config.js'
import { captureIo } from '../../helpers/captured-io.js'

test('a profile is put into a config.json; everything else stays', async (t) => {
  const config = {
    ociVersion: '1.0.2',
    process: { args: ['sh'] },
    linux: { namespaces: [{ type: 'mount' }], seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }
  }
  const dir = t.testdir({
    'config.json': `${JSON.stringify(config, null, '\t')}\n`,
    'a.json': '{}'
  })
  const path = join(dir, 'config.json')
  chmodSync(path, 0o640)
  const captured = captureIo()
  const files = { ...captured.io, readFile: (name: string) => readFile(name, 'utf8') }
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] }
  await putIntoConfig(files, path, JSON.stringify(seccomp))
  t.same(JSON.parse(readFileSync(path, 'utf8')), { ...config, linux: { ...config.linux, seccomp } })
  t.match(readFileSync(path, 'utf8'), /\n\t"process"/, 'with its own indentation')
  t.equal(statSync(path).mode & 0o777, 0o640)
  t.match(captured.printed.stderr, /linux\.seccomp is set/)
  await t.rejects(putIntoConfig(files, join(dir, 'a.json'), '{}'), {
    ...{ code: 'INVALID_DOCUMENT', message: /'ociVersion' is missing/ }
  })
  await t.rejects(putIntoConfig(files, join(dir, 'none.json'), '{}'), { code: 'NOT_FOUND' })
})
