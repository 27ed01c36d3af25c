/* Single facts of a process from /proc. */
#pragma once

namespace secco {

/* mntns_of returns the inode number of a process' mount namespace (namespaces(7)); 0 if the process is gone. */
unsigned mntns_of(int pid);

/* is_there returns whether a process has that id, also one that waits to be reaped. It reads no file. */
bool is_there(int pid);

/*
 * start_time_of returns field 22 of a process' stat file (proc_pid_stat(5)); 0 if the process is gone or waits to be
 * reaped.
 */
unsigned long long start_time_of(int pid);

}  // namespace secco
