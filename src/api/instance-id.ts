/*
 * Ids of container instances, as satellites make them: `node/boot+epoch/mntns.cgroup.generation`, with a pid at the end where the
 * container has no cgroup of its own, and with the part (`.probe`, `.session`) unless it is the entry point.
 */

/**
 * Returns the run that an observation is about. A satellite that starts again may count the same container under
 * another generation, and a recorder that was made again, which counts from zero, under another epoch: that is not another
 * start. A cgroup id is not used again.
 */
export function runOf(instance: string): string {
  const place = /^(.*\/\d+\.\d+)\.\d+((?:\.\d+)?)(?:\.(?:probe|session))?$/.exec(instance)
  const run = place === null ? instance.replace(/\.(probe|session)$/, '') : `${place[1]}${place[2]}`
  return run.replace(/^([^/]*\/[^/+]*)\+[^/]*\//, '$1/')
}

/** Returns what tells the recorder that counted an instance from one that was made again: its node, boot and epoch. */
export function recorderOf(instance: string): string {
  return instance.slice(0, instance.lastIndexOf('/'))
}

/** Returns the node of a run or an instance. */
export function nodeOf(run: string): string {
  return run.split('/')[0] ?? ''
}
