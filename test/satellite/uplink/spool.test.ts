import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { encodeObservation } from '../../../satellite/uplink/encode-observation.js'
import { openSpool } from '../../../satellite/uplink/spool.js'
import { observationOf } from '../../webhook/hub/rig.js'

const encoded = (id: string, names: string[]) => ({
  id,
  bytes: encodeObservation(observationOf(id, names))
})

test('a file of the spool is what its checksum and its name say, or it is not sent', async (t) => {
  const dir = t.testdir({})
  const spool = await openSpool(dir)
  await spool.save([encoded('n/b/1', ['read']), encoded('n/b/2', ['write'])])
  const load = async () => {
    const ids: string[] = []
    const problems = await (await openSpool(dir)).load(({ id }) => ids.push(id))
    return { ids: ids.sort(), problems }
  }
  t.same(await load(), { ids: ['n/b/1', 'n/b/2'], problems: [] })
  const [first = '', second = ''] = readdirSync(dir)
  const path = join(dir, first)
  const good = readFileSync(path)

  // It still decodes: only the checksum shows that it was damaged.
  const damaged = Buffer.from(good)
  const at = damaged.indexOf('x86_64')
  damaged.write('x86_46', at)
  writeFileSync(path, damaged)
  const after = await load()
  t.equal(after.ids.length, 1)
  t.matchOnly(after.problems, [/the checksum does not match/])
  t.ok(readdirSync(dir).includes(first), 'the file stays for people to look at')

  writeFileSync(path, good)
  renameSync(join(dir, second), join(dir, `${'0'.repeat(40)}.observation`))
  const moved = await load()
  t.equal(moved.ids.length, 1)
  t.matchOnly(moved.problems, [/the content does not match the file name/])

  const id = moved.ids[0] ?? ''
  t.ok(await spool.read(id))
  await spool.remove([id])
  t.equal(await spool.read(id), undefined)
})
