import { spawnSync } from 'node:child_process'
import { test } from 'tap'
import { isNightly } from '../helpers/fuzz.js'
import { runKernels } from './run-kernels.js'

const missing = ['qemu-system-x86_64', 'cpio', 'depmod', 'busybox', 'dpkg-deb'].filter(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0
)
const reasons = [
  ...(process.arch === 'x64' ? [] : [`the kernels are for x86_64, this is ${process.arch}`]),
  ...(process.getuid?.() === 0 ? [] : ['not root: a guest reads the files of this machine']),
  ...(missing.length === 0 ? [] : [`not installed: ${missing.join(', ')}`])
]
const skip = reasons.length === 0 ? false : reasons.join('; ')

// A boot takes most of a minute: `npm run test:all` boots each kernel and each cgroup version once, `npm run test:nightly` all.
const isWanted = (series: string, cgroup: string): boolean =>
  isNightly || (series === '6.1') === (cgroup === 'v1')

// The guests run without hardware help: a boot takes 10 s on an idle machine, more beside others.
test("the recorder on Debian's kernels", { skip, timeout: 1_750_000 }, async (t) => {
  const results = await runKernels(400_000, ({ series }, cgroup) => isWanted(series, cgroup))
  t.ok(results.length >= 2, 'two kernels at least')
  for (const { title, release, seconds, missing: absent, checks } of results) {
    const name = `${title} (${release}, ${seconds.toFixed(0)} s)`
    await t.test(absent === undefined ? name : title, { skip: absent ?? false }, (t) => {
      for (const { check, ok, detail } of checks) t.ok(ok, `${check}: ${detail}`)
      t.end()
    })
  }
})
