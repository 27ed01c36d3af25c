import { constants } from 'node:fs'
import { open, readdir, readFile, readlink } from 'node:fs/promises'

/** Those that start runc for others: what they find is what containers get. */
const starters = new Set(['containerd', 'dockerd', 'crio'])
const namespaces = ['mnt', 'pid', 'user'] as const

const namespacesOf = (process: string): Promise<string[]> =>
  Promise.all(namespaces.map((name) => readlink(`${process}/ns/${name}`)))

/**
 * The environment of a process that is a container manager of the node. A name is anybody's to take:
 * it must be root's and in the namespaces of the node's first process, where no container is.
 */
async function environmentOf(pid: string, ofNode: readonly string[]): Promise<string | undefined> {
  // An open folder of /proc stays this process's: its id may be another's by the next read.
  const handle = await open(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const process = `/proc/self/fd/${handle.fd}`
    const comm = await readFile(`${process}/comm`, 'utf8')
    if (!starters.has(comm.trim())) return undefined
    const own = await namespacesOf(process)
    if (own.some((namespace, index) => namespace !== ofNode[index])) return undefined
    const status = await readFile(`${process}/status`, 'utf8')
    if (!/^Uid:\t0\t0\t0\t0$/m.test(status)) return undefined
    return await readFile(`${process}/environ`, 'utf8')
  } finally {
    await handle.close()
  }
}

/** `PATH` of each container manager of the node, undefined where one has none; needs the node's process ids. */
export async function hostManagerPaths(): Promise<(string | undefined)[]> {
  const ofNode = await namespacesOf('/proc/1').catch(() => undefined)
  if (ofNode === undefined) return []
  const paths: (string | undefined)[] = []
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const environment = await environmentOf(pid, ofNode).catch(() => undefined)
    if (environment === undefined) continue
    const path = environment.split('\0').find((one) => one.startsWith('PATH='))
    paths.push(path?.slice('PATH='.length))
  }
  return paths
}
