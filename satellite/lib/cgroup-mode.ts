export type CgroupMode = 'v2' | 'hybrid' | 'v1' | 'none'

/** Returns which cgroup hierarchies are mounted, from the text of /proc/self/mountinfo (cgroups(7)). */
export function cgroupMode(mountinfo: string): CgroupMode {
  const types = mountinfo
    .split('\n')
    .map((line) => line.split(' - ')[1]?.split(' ')[0])
    .filter((type) => type === 'cgroup' || type === 'cgroup2')
  if (types.length === 0) return 'none'
  if (!types.includes('cgroup')) return 'v2'
  return types.includes('cgroup2') ? 'hybrid' : 'v1'
}
