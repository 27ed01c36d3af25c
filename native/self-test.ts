import { startMarker } from './launcher.js'
import type { Recorder, SelfTest } from './types.js'

const markerCalls = 1000

/** Runs a filtered child that makes a known number of calls, and compares the count. */
export async function runSelfTest(recorder: Recorder): Promise<SelfTest> {
  const marker = await startMarker(markerCalls)
  const [mntns = 0, syscall = -1] = marker.numbers
  const find = () => recorder.slots().find((one) => one.mntns === mntns && one.pid === marker.pid)
  try {
    recorder.admit({ pid: marker.pid, mntns })
    await marker.go()
    await marker.ended
    const slot = find()
    const counts = slot === undefined ? undefined : recorder.read(slot.index, slot.generation)
    const counted = counts?.native.get(syscall) ?? 0
    return { expected: markerCalls, counted, ok: counted === markerCalls }
  } finally {
    await marker.kill()
    const slot = find()
    if (slot !== undefined) recorder.release(slot.index, slot.generation)
  }
}
