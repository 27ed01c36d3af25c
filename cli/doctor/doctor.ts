import type { Logger } from '../../src/lib/log.js'
import { type Io, paint, plain } from '../lib/io.js'
import { readNodeFacts } from './node-facts.js'
import { judgeNode, type Mark, type NodeVerdict } from './node-verdict.js'
import { printObject } from '../lib/output.js'

const signs: Record<Mark, { sign: string; style: 'green' | 'red' | 'yellow' | 'dim' }> = {
  yes: { sign: '✓', style: 'green' },
  no: { sign: '✗', style: 'red' },
  untried: { sign: '?', style: 'yellow' },
  note: { sign: '·', style: 'dim' }
}

function sentence(what: string, possible: boolean): string {
  return `${what}: ${possible ? 'possible' : 'not possible'}`
}

/** Prints the table, and the verdict below it. */
export function printVerdict(io: Io, { rows, learning, enforcing, reasons }: NodeVerdict): void {
  const width = Math.max(...rows.map(({ what }) => what.length))
  for (const { what, mark, found, next } of rows) {
    const { sign, style } = signs[mark]
    io.stdout(`${paint(io, style, sign)} ${what.padEnd(width)}   ${plain(found)}\n`)
    if (next !== '') io.stdout(`  ${' '.repeat(width)}   next: ${next}\n`)
  }
  const good = learning && enforcing
  const verdict = `${sentence('learning', learning)}   ${sentence('enforcing', enforcing)}`
  io.stdout(`${paint(io, good ? 'green' : 'red', verdict)}\n`)
  for (const reason of reasons) io.stdout(`  ${plain(reason)}\n`)
}

interface DoctorOptions {
  output: 'table' | 'json' | 'yaml'
  seccompRoot: string
  containerdSocket: string
  /** BTF file for a kernel that has none of its own. */
  btf?: string | undefined
  logger: Logger
}

/** `secco doctor --node`: returns 0 when this node can learn and enforce, otherwise 1. */
export async function runNodeDoctor(io: Io, options: DoctorOptions): Promise<number> {
  const facts = await readNodeFacts(options)
  const verdict = judgeNode(facts)
  if (options.output === 'table') printVerdict(io, verdict)
  else printObject(io, options.output, { ...facts, ...verdict })
  return verdict.learning && verdict.enforcing ? 0 : 1
}
