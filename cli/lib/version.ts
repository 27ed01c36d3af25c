import { arch, release } from 'node:os'
import { version } from '../../src/lib/version.js'
import type { Io } from './io.js'
import { printObject } from './output.js'

interface VersionReport {
  version: string
  node: string
  kernel: string
  arch: string
  tracing: { available: boolean; hook?: string; reason?: string }
}

/** `secco version`: prints the version, and whether containers can be traced on this machine. */
export function printVersion(
  io: Io,
  output: 'table' | 'json' | 'yaml',
  tracing: VersionReport['tracing']
): number {
  const report: VersionReport = {
    version,
    node: process.version,
    kernel: release(),
    arch: arch(),
    tracing
  }
  if (output !== 'table') {
    printObject(io, output, report)
    return 0
  }
  io.stdout(`secco ${version} (Node ${report.node}, Linux ${report.kernel}, ${report.arch})\n`)
  io.stdout(
    tracing.available
      ? `tracing: yes, by ${tracing.hook ?? 'its hook'}\n`
      : `tracing: no: ${tracing.reason ?? 'unknown'}\n`
  )
  return 0
}
