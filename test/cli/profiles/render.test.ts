import { test } from 'tap'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { runRender } from '../../../cli/profiles/render.js'
import { answer } from '../../helpers/seccomp-profiles.js'

test('secco render', async (t) => {
  const document = (name: string, spec: string) =>
    `apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\nmetadata: {namespace: shop, name: ${name}}\nspec: ${spec}\n`
  const files: Record<string, string> = {
    'app.yaml': document('app', '{extends: [parent]}'),
    'dir/shop/seccompprofiles/parent.yaml': document(
      'parent',
      '{seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [{names: [sysinfo], action: SCMP_ACT_ALLOW}]}}'
    )
  }
  const run = async (args: Parameters<typeof runRender>[0]) => {
    let [out, err] = ['', '']
    const code = await runRender(args, {
      stdout: (text) => (out += text),
      stderr: (text) => (err += text),
      readFile: (path) => {
        const text = files[path]
        if (text !== undefined) return Promise.resolve(text)
        return Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
      }
    })
    return { code, out, err }
  }
  const done = await run({ file: 'app.yaml', resolveDir: 'dir', runtime: 'runc@1.1.5' })
  t.equal(done.code, 0)
  t.equal(answer(JSON.parse(done.out) as LinuxSeccomp, 'sysinfo', []), 'SCMP_ACT_ALLOW')
  t.matchOnly(await run({ file: 'app.yaml' }), {
    code: 1,
    out: '',
    err: /^error: .*\(NOT_FOUND\)\n {2}\S/
  })
  t.match(await run({ file: 'none.yaml' }), {
    code: 1,
    err: /none\.yaml does not exist \(NOT_FOUND\)/
  })
  t.match(await run({ file: 'app.yaml', runtime: 'runc' }), { code: 1, err: /INVALID_ARGUMENT/ })
})
