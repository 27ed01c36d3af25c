import { loadAddon } from '../../native/addon.js'
import { nativeBuild } from '../../native/paths.js'
import { openRecorder } from '../../native/recorder.js'
import type { Loop } from './loop.js'

export const subjects = {
  plain: 'process outside any container',
  filter: 'container with a filter',
  deny: 'denied call in a container'
} as const
export type Subject = keyof typeof subjects
export type Loops = ReadonlyMap<Subject, Loop>

/** What is attached while a cell is measured. */
export interface Treatment {
  name: string
  subjects: readonly Subject[]
  calls: number
  /** Treatments that its ratios are about. */
  against: readonly string[]
  /** Attaches; returns how to take it off again. */
  attach(loops: Loops): Promise<() => void>
}

const calls = 100_000
const all = Object.keys(subjects) as Subject[]
const getppid = 110

/** Another recorder's design, rebuilt minimally in native/reference. */
function reference(name: string, object: string, calls: number): Treatment {
  return {
    name,
    subjects: ['plain', 'filter'],
    calls,
    against: ['empty', 'untraced'],
    attach: () => {
      const attached = loadAddon().attachObject(nativeBuild(object))
      return Promise.resolve(() => {
        attached.stop()
      })
    }
  }
}

/**
 * All treatments, and how to free what they own.
 * @throws NativeUnavailable where nothing can be traced.
 */
export function makeTreatments(): { list: Treatment[]; stop: () => void } {
  const recorder = openRecorder()
  const watching = openRecorder()

  /** Every number but `but` is refused in the slots of these loops, as a tight profile does. */
  async function watch(loops: Loops): Promise<void> {
    for (const subject of ['filter', 'deny'] as const) {
      const loop = loops.get(subject)
      await loop?.measure(10)
      const slot = watching.slots().find((one) => one.pid === loop?.pid)
      if (slot === undefined) throw new Error(`the loop '${subject}' was not met`)
      const native = Array.from({ length: 480 }, (_, nr) => nr)
      watching.watchDenials(slot.index, slot.generation, {
        native: native.filter((nr) => subject === 'deny' || nr !== getppid),
        compat: [],
        x32: []
      })
    }
  }

  const list: Treatment[] = [
    {
      name: 'untraced',
      subjects: all,
      calls,
      against: [],
      attach: () => Promise.resolve(() => undefined)
    },
    { ...reference('empty', 'empty.bpf.o', calls), subjects: all, against: ['untraced'] },
    {
      name: 'recorder',
      subjects: all,
      calls,
      against: ['empty', 'untraced'],
      attach: () => {
        recorder.attach()
        return Promise.resolve(() => {
          recorder.detach()
        })
      }
    },
    {
      name: 'recorder, denials watched',
      subjects: all,
      calls,
      against: ['empty', 'untraced'],
      attach: async (loops) => {
        watching.attach()
        await watch(loops)
        return () => {
          watching.detach()
        }
      }
    },
    {
      name: 'after detach',
      subjects: all,
      calls,
      against: ['untraced'],
      attach: async (loops) => {
        recorder.attach()
        for (const loop of loops.values()) await loop.measure(1000)
        recorder.detach()
        return () => undefined
      }
    },
    reference('reference: hash map by mount namespace', 'reference/hash.bpf.o', calls),
    reference('reference: ring buffer event per call', 'reference/ring.bpf.o', calls),
    reference('reference: perf event per call', 'reference/perf.bpf.o', calls / 10)
  ]
  return {
    list,
    stop: () => {
      recorder.stop()
      watching.stop()
    }
  }
}
