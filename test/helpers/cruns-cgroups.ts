import { existsSync } from 'node:fs'

/** Where cgroups of version 2 stand beside those of version 1 ("hybrid"), crun 1.8 starts nothing. */
const isHybrid = existsSync('/sys/fs/cgroup/unified/cgroup.procs')

const onlyUnified =
  'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@"'

/**
 * What starts a command in a mount namespace in which crun works: its own, with cgroups of version 2 alone, where the
 * machine has both versions; nothing where it has one.
 */
export const crunsCgroups: readonly string[] = isHybrid
  ? ['unshare', '--mount', 'sh', '-c', onlyUnified]
  : []
