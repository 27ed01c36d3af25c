import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'

export const run = promisify(execFile)

/**
 * The program of test containers: `/probe CALL… [wait]`. Small, static, and known call by call.
 * `wait` stays in pause(2), which never exits: only a look at blocked calls can see it. `read` writes a byte and then waits
 * for one. `again` executes the program again, with the calls that follow.
 */
const source = `
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **args)
{
	for (int at = 1; at < count; at++) {
		if (!strcmp(args[at], "getpgid")) syscall(SYS_getpgid, 0);
		if (!strcmp(args[at], "getsid")) syscall(SYS_getsid, 0);
		if (!strcmp(args[at], "getpriority")) syscall(SYS_getpriority, 0, 0);
		if (!strcmp(args[at], "socket")) syscall(SYS_socket, 1, 1, 0);
		if (!strcmp(args[at], "wait")) pause();
		if (!strcmp(args[at], "read") && (write(1, "r", 1) != 1 || read(0, args[at], 1) < 0)) return 1;
		if (!strcmp(args[at], "again")) execv("/probe", args + at);
	}
	return 0;
}
`

/** Builds the rootfs once per caller; the folder is the caller's to remove. */
export async function makeRootfs(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-rootfs-'))
  const rootfs = join(folder, 'rootfs')
  for (const name of ['proc', 'dev', 'sys', 'tmp', 'etc']) {
    await mkdir(join(rootfs, name), { recursive: true })
  }
  await writeFile(join(folder, 'probe.c'), source)
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'probe'), join(folder, 'probe.c')])
  return rootfs
}

interface BundleOptions {
  args: readonly string[]
  annotations?: Record<string, string>
  /** Default: everything is allowed, under a filter. */
  seccomp?: LinuxSeccomp | 'none'
  /** Default: named after the container. */
  cgroup?: string
}

/** A bundle of its own around a shared rootfs, from runc's own template. */
export async function makeBundle(rootfs: string, options: BundleOptions): Promise<string> {
  const bundle = await mkdtemp(join(tmpdir(), 'secco-bundle-'))
  await run('runc', ['spec', '--bundle', bundle])
  const path = join(bundle, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8')) as {
    root: { path: string; readonly: boolean }
    process: { terminal: boolean; args: readonly string[] }
    annotations?: Record<string, string>
    linux: { seccomp?: LinuxSeccomp; cgroupsPath?: string }
  }
  config.root = { path: rootfs, readonly: true }
  config.process.terminal = false
  config.process.args = options.args
  if (options.annotations !== undefined) config.annotations = options.annotations
  if (options.cgroup !== undefined) config.linux.cgroupsPath = options.cgroup
  if (options.seccomp === 'none') delete config.linux.seccomp
  else config.linux.seccomp = options.seccomp ?? { defaultAction: 'SCMP_ACT_ALLOW' }
  await writeFile(path, JSON.stringify(config))
  return bundle
}
