import { appendFile, readFile, rename, stat } from 'node:fs/promises'
import type { Logger } from '../../../src/lib/log.js'

/** One action that somebody did or tried. */
export interface AuditEntry {
  /** RFC 3339. */
  at: string
  user: string
  /** operationId of the API. */
  action: string
  /** `namespace/name`, or what was blocked or traced, or ''. */
  object: string
  /** The reason, or the beginning of the request. */
  detail: string
  /** HTTP status. */
  status: number
  /** Only asked what would happen; nothing was changed. */
  dryRun?: boolean
}

/** Actions by pages and API: the newest in memory, all of them in a file of JSON lines. */
export interface AuditTrail {
  note(entry: AuditEntry): void
  /** Lists the entries, newest first. */
  list(): readonly AuditEntry[]
  /** Returns since when no action is missing, RFC 3339: a cluster's trail starts again with each replica, and old entries are dropped. */
  since(): string
  close(): Promise<void>
}

const most = 1000
const largestFile = 8 * 1024 * 1024

function parseLines(text: string): AuditEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-most)
    .flatMap((line): AuditEntry[] => {
      try {
        return [JSON.parse(line) as AuditEntry]
      } catch {
        // A crash can leave half a line; the other lines are kept.
        return []
      }
    })
}

/** Opens the trail. Without a file it lasts as long as the process. A file over 8 MiB is renamed to `.1`. */
export async function openAuditTrail(
  file: string | undefined,
  logger: Logger
): Promise<AuditTrail> {
  const entries: AuditEntry[] = []
  let since = new Date().toISOString()
  if (file !== undefined) entries.push(...parseLines(await readFile(file, 'utf8').catch(() => '')))
  let writing = Promise.resolve()
  const write = async (line: string) => {
    if (file === undefined) return
    const size = await stat(file).then(
      (found) => found.size,
      () => 0
    )
    if (size > largestFile) await rename(file, `${file}.1`)
    await appendFile(file, line, { mode: 0o600 })
  }
  return {
    note(entry) {
      entries.push(entry)
      const dropped = entries.length > most ? entries.shift() : undefined
      if (dropped !== undefined && dropped.at > since) since = dropped.at
      logger.info(entry, 'action')
      writing = writing
        .then(() => write(`${JSON.stringify(entry)}\n`))
        .catch((error: unknown) => {
          logger.error({ err: error }, 'audit trail not written')
        })
    },
    // What a deleted object kept is noted later than it was decided.
    list: () => [...entries].reverse().sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1)),
    // A file says the same after a restart: it begins with its oldest entry.
    since: () => (file === undefined ? since : (entries[0]?.at ?? since)),
    close: () => writing
  }
}
