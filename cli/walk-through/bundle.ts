import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { annotations } from '../../src/api/names.js'

interface BundleOptions {
  rootfs: string
  args: readonly string[]
  /** Bind mounts of single files or folders, read-only. */
  files: readonly { source: string; target: string }[]
  /** Folders that are writable inside, empty at start. */
  writable: readonly string[]
  /** undefined: no filter at all. */
  seccomp: LinuxSeccomp | undefined
  /** The profile that learns from this container. */
  profile: string
  noNewPrivileges: boolean
  /** Capabilities in addition to the usual ones of runtimes. */
  extraCapabilities?: readonly string[]
}

/** Capabilities that container runtimes grant by default (moby/oci defaults). */
const usualCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE'
]

/** Returns the config.json of an OCI bundle (runtime-spec config.md) with the host's network. */
export function bundleConfig(options: BundleOptions) {
  const granted = [...usualCapabilities, ...(options.extraCapabilities ?? [])]
  const tmpfs = (destination: string) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'mode=1777', 'size=64m']
  })
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: options.args,
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/',
      noNewPrivileges: options.noNewPrivileges,
      capabilities: { bounding: granted, effective: granted, permitted: granted }
    },
    root: { path: options.rootfs, readonly: true },
    hostname: 'secco',
    annotations: { [annotations.profile]: options.profile },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k']
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666']
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']
      },
      ...options.writable.map(tmpfs),
      ...options.files.map(({ source, target }) => ({
        destination: target,
        type: 'bind',
        source,
        options: ['rbind', 'ro']
      }))
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      ...(options.seccomp === undefined ? {} : { seccomp: options.seccomp })
    }
  }
}

/**
 * Returns the cgroup of a container. By default it would be named after the container's ID: then two walk-throughs of two
 * state folders would put their containers into one.
 */
function cgroupOf(folder: string, { profile }: BundleOptions): string {
  const hash = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 12)
  return `/secco-${hash}-${profile}`
}

/** Writes the folder of a bundle; returns its path. */
export async function writeBundle(folder: string, options: BundleOptions): Promise<string> {
  await mkdir(folder, { recursive: true })
  const { linux, ...config } = bundleConfig(options)
  const placed = { ...config, linux: { ...linux, cgroupsPath: cgroupOf(folder, options) } }
  await writeFile(join(folder, 'config.json'), JSON.stringify(placed, null, 2))
  return folder
}
