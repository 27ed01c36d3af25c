import { constants } from 'node:fs'
import { open, readdir, readFile, readlink } from 'node:fs/promises'

/** Programs that start runc: the runc that they find is the one that containers get. */
const managers = new Set(['containerd', 'dockerd', 'crio'])
const namespaces = ['mnt', 'pid', 'user'] as const

const namespacesOf = (process: string): Promise<string[]> =>
  Promise.all(namespaces.map((name) => readlink(`${process}/ns/${name}`)))

/**
 * Returns the environment of a process if it is a container manager of the node. Any process can have such a name: it
 * must also belong to root and be in the namespaces of the node's first process, where no container is.
 */
async function environmentOf(pid: string, ofNode: readonly string[]): Promise<string | undefined> {
  // An open folder in /proc stays that of this process, even if its id is reused before the next read.
  const handle = await open(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const process = `/proc/self/fd/${handle.fd}`
    const comm = await readFile(`${process}/comm`, 'utf8')
    if (!managers.has(comm.trim())) return undefined
    const own = await namespacesOf(process)
    if (own.some((namespace, index) => namespace !== ofNode[index])) return undefined
    const status = await readFile(`${process}/status`, 'utf8')
    if (!/^Uid:\t0\t0\t0\t0$/m.test(status)) return undefined
    return await readFile(`${process}/environ`, 'utf8')
  } finally {
    await handle.close()
  }
}

/** Returns `PATH` of each container manager of the node, undefined for one without; needs the node's process ids. */
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
