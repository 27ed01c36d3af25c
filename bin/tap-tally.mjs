// Reads TAP 14 as tap's runner writes it (subtests indented by 4, before their point) and counts what was asserted.
// As a program: TAP on stdin, the tally as one JSON line on stdout.
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

/** How many of a file's last comments are kept: a test that failed prints there what it knows. */
const maxComments = 60
const point = /^(ok|not ok)\b(?: \d+)?(?: - )?(.*?)(?: # (SKIP|TODO|time=\S+)\b ?(.*))?$/i

/**
 * Counts leaves: a point with subtests stands for them, and counts only when it failed although none of them did
 * (a wrong plan, a time-out, a crash). A file (outermost point) without any assertion is a failure.
 * `report` gets {kind: 'failed', name, details} at each failure and {kind: 'file', name, ...counts, time, comments} after
 * each file.
 */
export function createTally(report = () => {}) {
  const total = { passed: 0, failed: 0, skipped: 0, skips: [], files: 0, bailed: false }
  let names = [] // open subtests' names by depth
  let inside = [] // by depth: the counts of the subtest whose point comes next
  let details // of the last failed point
  let yamlIndent = -1
  let comments = []

  const flush = () => {
    if (details !== undefined) report(details)
    details = undefined
  }
  const add = (depth, key) => {
    for (let level = 1; level <= depth; level += 1) if (inside[level]) inside[level][key] += 1
    total[key] += 1
  }
  const fail = (depth, name) => {
    add(depth, 'failed')
    const path = [...names.slice(0, depth), name].filter((part) => part !== '')
    details = { kind: 'failed', name: path.join(' > '), details: [] }
  }
  function onPoint(depth, ok, name, directive, reason) {
    const children = inside[depth + 1]
    const leaf = children === undefined
    inside.length = depth + 1
    names.length = Math.min(names.length, depth)
    const kind = (directive ?? '').toUpperCase()
    const isFile = depth === 0
    const failedBefore = total.failed
    if (isFile && (leaf || children.passed + children.failed + children.skipped === 0)) {
      fail(depth, `${name}: no test was run${reason ? ` (${reason})` : ''}`)
    } else if (kind === 'SKIP' || kind === 'TODO') {
      if (leaf) {
        add(depth, 'skipped')
        total.skips.push(`${[...names, name].join(' > ')}: ${reason || kind.toLowerCase()}`)
      }
    } else if (!ok) {
      if (leaf || children.failed === 0) fail(depth, name)
    } else if (leaf) add(depth, 'passed')
    if (!isFile) return
    flush()
    total.files += 1
    const time = /^time=(.*)$/.exec(directive ?? '')?.[1] ?? ''
    const counts = children ?? { passed: 0, failed: 0, skipped: 0 }
    // What failed at the file itself is in the total only.
    report({
      kind: 'file',
      name,
      time,
      ...counts,
      failed: counts.failed + total.failed - failedBefore,
      comments
    })
    comments = []
  }

  return {
    total,
    line(text) {
      const indent = text.length - text.trimStart().length
      const body = text.trim()
      if (yamlIndent >= 0) {
        if (indent === yamlIndent && body === '...') yamlIndent = -1
        else if (details !== undefined) details.details.push(text.slice(yamlIndent))
        return
      }
      if (body === '---' && indent % 4 === 2) {
        yamlIndent = indent
        return
      }
      if (indent % 4 !== 0) return
      const depth = indent / 4
      if (/^Bail out!/.test(body)) {
        flush()
        total.bailed = true
        fail(0, body)
        flush()
        return
      }
      const subtest = /^# Subtest: (.*)$/.exec(body)
      if (subtest) {
        flush()
        names[depth] = subtest[1]
        inside[depth + 1] = { passed: 0, failed: 0, skipped: 0 }
        return
      }
      if (body.startsWith('# ')) comments = [...comments, body.slice(2)].slice(-maxComments)
      const found = point.exec(body)
      if (!found) return
      flush()
      onPoint(depth, found[1].toLowerCase() === 'ok', found[2], found[3], found[4])
    },
    /** Ends a diagnostic that a killed process left open, so that the next line is read. */
    endDetails() {
      yamlIndent = -1
    },
    end: flush
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const tally = createTally()
  for await (const line of createInterface({ input: process.stdin })) tally.line(line)
  tally.end()
  process.stdout.write(`${JSON.stringify(tally.total)}\n`)
}
