import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { openGenerations } from '../../satellite/revisions/generations.js'
import { installRevision } from '../../satellite/revisions/installer.js'
import { openSpool } from '../../satellite/uplink/spool.js'
import { durableFiles } from '../../native/durable-files.js'
import { digestOf } from '../../src/lib/digest.js'
import {
  createDurable,
  ensureFolder,
  removeAllDurable,
  removeDurable,
  writeAllDurable,
  writeDurable
} from '../../src/lib/durable-file.js'
import { createLogger } from '../../src/lib/log.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import { createDenialSaver } from '../../webhook/hub/denial-file.js'
import { createNodeLog } from '../../webhook/hub/nodes/node-log.js'
import { createNodes } from '../../webhook/hub/nodes/nodes.js'
import { openRevisionFiles } from '../../webhook/hub/revisions/revision-files.js'
import { observe, profileOf } from '../src/store/contract.js'
import { allowing, revisionOf, trialThatWorks } from '../satellite/revision-of.js'
import { mark } from './file-calls.js'
import { quiet } from './quiet.js'

const [root = ''] = process.argv.slice(2)
const at = (...names: string[]) => join(root, ...names)
const logger = createLogger('test', quiet)
const slow = {
  write: (folder: string, files: readonly { name: string; content: Uint8Array }[], mode: number) =>
    writeAllDurable(
      files.map(({ name, content }) => ({ path: join(folder, name), content })),
      mode
    ),
  remove: (folder: string, names: readonly string[]) =>
    removeAllDurable(names.map((name) => join(folder, name)))
}

/** Runs a step between two marks on stdout. The second is what others get to know: that it is done. */
async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  writeSync(1, mark(name, 'begin'))
  await work()
  writeSync(1, mark(name, 'ack'))
}

mkdirSync(at('files'))
for (const name of ['old', 'gone', 'gone-1', 'gone-2']) writeFileSync(at('files', name), 'old')

await step('writeDurable', () => writeDurable(at('files/old'), 'new'))
await step('writeAllDurable', () =>
  writeAllDurable(['one', 'two'].map((name) => ({ path: at('files', name), content: name })))
)
await step('createDurable', () => createDurable(at('files/made'), 'made'))
await step('removeDurable', () => removeDurable(at('files/gone')))
await step('removeAllDurable', () => removeAllDurable([at('files/gone-1'), at('files/gone-2')]))
await step('ensureFolder', () => ensureFolder(at('a/b')))

const store = await openDirectoryStore(at('objects'))
await step('store.apply', () => store.apply('SeccompProfile', profileOf('shop', 'web')))
await step('store.update', () =>
  store.update('SeccompProfile', { namespace: 'shop', name: 'web' }, (profile) => ({
    ...profile,
    spec: { ...profile.spec, extends: ['secco-system/nodejs'] }
  }))
)
await step('store.update of the status', () =>
  store.update('SeccompProfile', { namespace: 'shop', name: 'web' }, (profile) =>
    observe(profile, ['read'])
  )
)
await step('store.delete', () => store.delete('SeccompProfile', { namespace: 'shop', name: 'web' }))
await store.close()

const since = new Date().toISOString()
const denials = createDenialSaver(
  at('denials.json'),
  () => ({ since, rows: [], runs: {} }),
  0,
  logger
)
await step('denials', () => {
  denials.changed()
  return denials.settled()
})
await denials.close()
const nodes = createNodeLog(root, createNodes([]), 0, logger)
for (const name of ['nodes', 'nodes: append']) {
  await step(name, () => {
    nodes.changed()
    return nodes.settled()
  })
}
await nodes.close()
const revisions = await openRevisionFiles(at('revisions'))
await step('revision of the hub', () => revisions.keep(digestOf('{}'), '{}'))

const spooled = { id: 'node/boot/1', bytes: new Uint8Array([1, 2, 3]) }
for (const [name, files] of [
  ['spool', slow],
  ['spool by the addon', durableFiles()]
] as const) {
  if (files === undefined) continue
  const spool = await openSpool(at(name), files)
  await step(`${name}: save`, () => spool.save([spooled, { ...spooled, id: 'node/boot/2' }]))
  await step(`${name}: remove`, () => spool.remove([spooled.id]))
}

const origin = { generation: 1, createdAt: since }
const revision = revisionOf(allowing('read'), origin)
await step('revision of a node', () =>
  installRevision(at('kubelet'), revision, { trial: trialThatWorks })
)
const generations = await openGenerations(at('kubelet'), logger)
await step('generations', () => {
  generations.note(revision)
  return generations.flush()
})
