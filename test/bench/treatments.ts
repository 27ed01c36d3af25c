import { loadAddon } from '../../native/addon.js'
import { nativeBuild } from '../../native/paths.js'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder, RecorderOptions } from '../../native/types.js'
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

/** Every number is denied in the slots of these loops, as by a tight profile; not the one that the filter allows. */
async function watch(recorder: Recorder, loops: Loops): Promise<void> {
  for (const subject of ['filter', 'deny'] as const) {
    const loop = loops.get(subject)
    await loop?.measure(10)
    const slot = recorder.slots().find((one) => one.pid === loop?.pid)
    if (slot === undefined) throw new Error(`the loop '${subject}' was not met`)
    const native = Array.from({ length: 480 }, (_, nr) => nr)
    recorder.watchDenials(slot.index, slot.generation, {
      native: native.filter((nr) => subject === 'deny' || nr !== getppid),
      compat: [],
      x32: []
    })
  }
}

/**
 * The recorder, loaded again each time as the references are: where the kernel happens to put a program and its maps
 * is worth some percent either way, and would else be one case's luck in all rounds.
 */
function attached(options: RecorderOptions = {}): Recorder {
  const recorder = openRecorder(options)
  recorder.attach()
  return recorder
}

/** All treatments. Attaching one throws NativeUnavailable where nothing can be traced. */
export const treatments: readonly Treatment[] = [
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
      const recorder = attached()
      return Promise.resolve(() => {
        recorder.stop()
      })
    }
  },
  {
    // As 4,096 slots have them on a machine with more than two CPUs.
    name: 'recorder, shared stripes',
    subjects: ['filter'],
    calls,
    against: ['recorder', 'empty', 'untraced'],
    attach: () => {
      const recorder = attached({ stripes: 1 })
      return Promise.resolve(() => {
        recorder.stop()
      })
    }
  },
  {
    name: 'recorder, denials watched',
    subjects: all,
    calls,
    against: ['empty', 'untraced'],
    attach: async (loops) => {
      const recorder = attached()
      await watch(recorder, loops)
      return () => {
        recorder.stop()
      }
    }
  },
  {
    name: 'after detach',
    subjects: all,
    calls,
    against: ['untraced'],
    attach: async (loops) => {
      const recorder = attached()
      for (const loop of loops.values()) await loop.measure(1000)
      recorder.detach()
      return () => {
        recorder.stop()
      }
    }
  },
  reference('reference: hash map by mount namespace', 'reference/hash.bpf.o', calls),
  reference('reference: ring buffer event per call', 'reference/ring.bpf.o', calls),
  reference('reference: perf event per call', 'reference/perf.bpf.o', calls / 10)
]
