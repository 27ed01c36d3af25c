import { startMarker } from './launcher.js'
import type { Recorder, SelfTest } from './types.js'

const markerCalls = 1000

/** Runs a filtered child that makes a known number of calls, and looks how many were counted. */
export async function runSelfTest(recorder: Recorder): Promise<SelfTest> {
  const marker = await startMarker(markerCalls)
  const [mntns = 0, syscall = -1] = marker.numbers
  try {
    recorder.admit({ pid: marker.pid, mntns })
    await marker.go()
    await marker.ended
  } finally {
    await marker.kill()
  }
  const slot = recorder.slots().find((one) => one.mntns === mntns && one.pid === marker.pid)
  const counted =
    slot === undefined ? 0 : (recorder.read(slot.index, slot.generation)?.native.get(syscall) ?? 0)
  if (slot !== undefined) recorder.release(slot.index, slot.generation)
  return { expected: markerCalls, counted, ok: counted === markerCalls }
}
