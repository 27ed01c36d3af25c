import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { readKernelFilters } from '../../native/kernel-filters.js'

/** `stack COUNT INSTRUCTIONS`: installs so many filters of this length, all of which allow, and waits. */
const stacking = `
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int count, char **args)
{
	int many = atoi(args[1]), length = atoi(args[2]);
	struct sock_filter *filter = calloc(length, sizeof(*filter));
	for (int at = 0; at < length - 1; at++)
		filter[at] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	filter[length - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = length, .filter = filter };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int at = 0; at < many; at++)
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
			return 1;
	puts("installed");
	fflush(stdout);
	pause();
}
`

test('no filter of one process keeps those of another one from being read', {
  skip: process.getuid?.() === 0 ? false : 'not root: filters cannot be read'
}, async (t) => {
  const dir = t.testdir({})
  await writeFile(join(dir, 'stack.c'), stacking)
  await promisify(execFile)('gcc', ['-O1', '-o', join(dir, 'stack'), join(dir, 'stack.c')])
  const children: ChildProcess[] = []
  t.teardown(() => children.map((child) => child.kill('SIGKILL')))
  const start = async (many: number, length: number): Promise<number> => {
    const child = spawn(join(dir, 'stack'), [`${many}`, `${length}`], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    children.push(child)
    await once(child.stdout, 'data')
    return child.pid ?? 0
  }
  // [filters, instructions of each, the lengths that are read, the newest first; 0: too large]
  const table: [many: number, length: number, read: number[]][] = [
    [1, 40, [40]],
    // As much as one process may write, or more.
    [2, 2200, [2200, 0]],
    [8, 500, [500, 500, 500, 500, 500, 500, 500, 500]],
    [1, 4096, [0]],
    [1, 40, [40]],
    // The output is full in the midst of these.
    ...Array.from({ length: 6 }, (): [number, number, number[]] => [1, 2500, [2500]]),
    [1, 40, [40]]
  ]
  const pids = []
  for (const [many, length] of table) pids.push(await start(many, length))
  const { byPid, how, reason } = await readKernelFilters(pids)
  t.equal(how, 'iterator', reason)
  for (const [at, [many, length, read]] of table.entries()) {
    const found = byPid.get(pids[at] ?? 0) ?? []
    const what = `process ${at}: ${many} of ${length}`
    t.same(
      found.map((filter) => (filter?.length ?? 0) / 8),
      read,
      what
    )
  }
})
