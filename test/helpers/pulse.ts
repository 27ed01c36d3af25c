import { mkdir, writeFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import { syscallNumber } from '../../src/syscalls/syscall-table.js'
import { run } from './runc-bundle.js'

/**
 * `/pulse MILLISECONDS NUMBER…` makes one new system call after the other, each exactly once, and all
 * of them again on SIGUSR1. First arguments of -1 make every one of them fail without an effect.
 */
const source = `
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
static volatile sig_atomic_t again;
static void note(int signal) { (void)signal; again = 1; }
static void call(const char *number) { syscall(atol(number), -1L, 0L, 0L, 0L, 0L, 0L); }
int main(int count, char **args)
{
	long ms = atol(args[1]);
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
	signal(SIGUSR1, note);
	for (int at = 2;; at++) {
		if (at < count) call(args[at]);
		if (again) for (int each = 2; each < count; each++) call(args[each]);
		again = 0;
		nanosleep(&pause, NULL);
	}
}
`

/** Calls that RuntimeDefault allows, that no start of a static program makes, and that -1 makes harmless. */
const candidates = `getpgid getsid sched_getparam sched_getscheduler sched_get_priority_max
sched_get_priority_min sched_rr_get_interval getitimer getrusage times sysinfo umask mincore msync
inotify_init1 inotify_add_watch inotify_rm_watch epoll_create1 epoll_ctl eventfd2 timerfd_create
timerfd_settime timerfd_gettime signalfd4 readahead fadvise64 flock fsync fdatasync getxattr lgetxattr
fgetxattr listxattr llistxattr flistxattr lseek preadv pwritev pread64 pwrite64 readv writev sendfile
splice tee vmsplice listen bind connect accept accept4 getsockname getpeername setsockopt getsockopt
shutdown sendto recvfrom sendmsg recvmsg recvmmsg sendmmsg copy_file_range io_destroy io_cancel
timer_gettime timer_getoverrun timer_delete semctl semop shmdt shmctl msgctl msgrcv mq_notify
sched_setaffinity setpriority getpriority ioprio_get ioprio_set sync_file_range fchdir fchmod`

/** The calls of /pulse on this machine, in the order in which it makes them. */
export function pulseCalls(): { name: string; number: number }[] {
  const [abi] = abisOfMachine(machine())
  if (abi === undefined) return []
  return candidates.split(/\s+/).flatMap((name) => {
    const number = syscallNumber(abi, name)
    return number === undefined ? [] : [{ name, number }]
  })
}

/** A rootfs with nothing but the static program in it. */
export async function makePulseRootfs(folder: string): Promise<string> {
  const rootfs = join(folder, 'rootfs')
  for (const name of ['proc', 'dev']) await mkdir(join(rootfs, name), { recursive: true })
  await writeFile(join(folder, 'pulse.c'), source)
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'pulse'), join(folder, 'pulse.c')])
  return rootfs
}
