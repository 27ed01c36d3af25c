import { until } from '../../helpers/until.js'
import type { ReadPage } from './truth.js'
import { askAll, denials, patience, roll, runJob, type Way } from './way.js'

/** Returns how many things wait for a person, by the first page, and what they are. */
export async function needs(read: ReadPage): Promise<{ waiting: number; words: string }> {
  const page = await read('/')
  const [words = '', number] = /Needs you: (\d+)[^]*/.exec(page) ?? []
  if (number === undefined) throw new Error(`the first page counts nothing: ${page}`)
  return { waiting: Number(number), words }
}

/** Decides that what an intruder called stays denied: it is all that the former steps left open. */
export async function decide(way: Way): Promise<void> {
  const { t, person, namespace } = way
  const open = new Set((await denials(way)).map((one) => `${one.profile} ${one.syscall}`))
  t.not(open.size, 0, 'something is left to decide')
  for (const one of open) {
    await person.type(
      `secco denials mute ${namespace}/${one} --reason 'no program of ours calls it'`
    )
  }
  t.strictSame(await denials(way), [], 'nothing is listed that was decided')
}

/** Starts every workload again, which does its work. */
export async function runAgain(way: Way): Promise<void> {
  await roll(way)
  await runJob(way)
  await askAll(way, '/', 'ok\n')
}

/** Waits until nothing needs a person. */
export async function nothingWaits({ t }: Way, read: ReadPage): Promise<void> {
  await until(
    'nothing to need a person',
    async (note) => {
      const { waiting, words } = await needs(read)
      note(words)
      return waiting === 0 || undefined
    },
    patience
  )
  t.match(await read('/'), /Nothing waits for you/)
}
