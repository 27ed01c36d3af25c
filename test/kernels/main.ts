import { runKernels } from './run-kernels.js'

/** `npm run test:kernels`: a table of kernels and checks; 1 when a check fails. */
const results = await runKernels()
let failed = 0
for (const { title, release, seconds, missing, checks } of results) {
  console.log(
    missing === undefined
      ? `${title} (${release}, ${seconds.toFixed(0)} s)`
      : `${title}: skipped: ${missing}`
  )
  for (const { check, ok, detail } of checks) {
    if (!ok) failed += 1
    console.log(`  ${ok ? '✓' : '✗'} ${check.padEnd(28)} ${detail}`)
  }
}
process.exitCode = failed === 0 ? 0 : 1
