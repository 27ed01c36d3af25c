import { join } from 'node:path'
import { build } from '../../src/lib/build.js'
import type { Logger } from '../../src/lib/log.js'
import type { RecordLog } from '../../src/lib/record-log.js'
import type { HistoryStore } from '../../src/store/history-store.js'
import { createDenialSaver, type DenialSaver, loadDenials } from './denial-file.js'
import { DenialRows } from './denials/denial-rows.js'
import type { SavedDenials } from './denials/denial-sums.js'
import { createDenials, type Denials } from './denials/denials.js'
import { HistoryRecorder } from './history/history-recorder.js'
import type { HistoryTiming } from './history/history-timing.js'
import { KnownRuns } from './observations/known-runs.js'
import { RestoredDenials } from './history/restored-denials.js'
import { createInventory, type FleetInventory } from './nodes/inventory.js'
import { createNodeLog, loadKnownNodes } from './nodes/node-log.js'
import { createNodes, type Nodes } from './nodes/nodes.js'
import { FleetSets } from './nodes/used-sets.js'
import { openDiscovery, type SavingDiscovery } from './observations/discovery-file.js'
import { openRevisionFiles, type RevisionFiles } from './revisions/revision-files.js'

/** HubRecords is what a hub keeps in its own folder, and what it knows of the present from its nodes. */
export interface HubRecords {
  readonly files: RevisionFiles
  readonly nodes: Nodes
  readonly nodeSaver: RecordLog
  readonly discovery: SavingDiscovery
  readonly denials: Denials
  readonly denialRows: DenialRows
  readonly denialSaver: DenialSaver
  /** Nodes report their containers and the sets again when they connect: neither is saved. */
  readonly inventory: FleetInventory
  readonly sets: FleetSets
  /** The containers that nodes identified. */
  readonly runs: KnownRuns
  /** What happened to workloads, in the store. */
  readonly history: HistoryRecorder
}

const denialSaveMs = 250
const nodeSaveMs = 1000

/** @param restored what the history has, for a folder without the denials of an earlier hub */
async function openDenials(dir: string, logger: Logger, restored: SavedDenials | undefined) {
  const path = join(dir, 'denials.json')
  const denialRows = new DenialRows((await loadDenials(path, logger)) ?? restored)
  const denialSaver = createDenialSaver(path, denialRows.saved, denialSaveMs, logger)
  denialRows.onNews(denialSaver.changed)
  // The time since which denials are known is saved even when no node reports one.
  denialSaver.changed()
  const denials = createDenials(
    logger,
    (denial, added) => denialRows.grow(denial, added, new Date().toISOString()),
    denialRows.list()
  )
  return { denials, denialRows, denialSaver }
}

/** What the history of workloads needs; see HistoryRecorder. */
interface HistoryParts {
  store: HistoryStore
  timing: HistoryTiming
  mayWrite: () => boolean
  lastSign: () => string | undefined
  isFolder?: boolean
}

async function openHistory(parts: HistoryParts, logger: Logger) {
  const history = new HistoryRecorder({ ...parts, logger, now: Date.now })
  const restored = new RestoredDenials()
  const runs = new KnownRuns()
  await history.load((one) => {
    restored.add(one)
    runs.learn(one)
  })
  return { history, runs, restored: restored.saved() }
}

/**
 * Writes what satellites wait for at once from now on: the denials and the histories. On a slow disk each of them rests for
 * longer than a satellite that ends waits.
 */
export async function hurryRecords({
  denialSaver,
  history
}: {
  denialSaver: Pick<DenialSaver, 'hurry'>
  history: Pick<HistoryRecorder, 'hurry'>
}): Promise<void> {
  await Promise.all([denialSaver.hurry(), history.hurry()])
}

/** Opens the records. @param dir the hub's own folder. @throws SeccoError WRITE_FAILED, the errors of the store */
export async function openRecords(
  dir: string,
  logger: Logger,
  parts: HistoryParts
): Promise<HubRecords> {
  const files = await openRevisionFiles(dir, { build, logger })
  const nodes = createNodes(await loadKnownNodes(dir, logger))
  const nodeSaver = createNodeLog(dir, nodes, nodeSaveMs, logger)
  const { history, runs, restored } = await openHistory(parts, logger)
  const denials = await openDenials(dir, logger, restored)
  const discovery = await openDiscovery(join(dir, 'discovery.json'), logger)
  const inventory = createInventory()
  const sets = new FleetSets()
  inventory.onChange(({ changed, gone }) => {
    for (const { id } of gone) sets.drop(id)
    for (const { node, container, startedAt, running } of changed) {
      const run = { node, id: container?.id ?? '', startedAt }
      if (running && denials.denialRows.endBefore(run)) denials.denialSaver.changed()
    }
  })
  return { files, nodes, nodeSaver, discovery, ...denials, inventory, sets, runs, history }
}
