import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import type { LinuxSeccomp, SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { renderLearn, renderProfile } from '../../../../src/seccomp/render/render.js'
import { runs } from '../../../helpers/fuzz.js'

const run = promisify(execFile)

/** Asks for what an attacker asks for and says what each attempt got (0: it worked, else errno). */
const program = `
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static void say(const char *what, long got) { printf("%s=%d ", what, got < 0 ? errno : 0); }
int main(void) {
  char attr[128] = {0};
  printf("serving ");
  long asked[] = {getpid(), getppid(), gettid(), getuid(), geteuid(), getgid(), getegid(), getpgrp(),
    umask(022), sched_yield(), alarm(0)};
  long lowest = 0;
  for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) lowest = asked[i] < lowest ? asked[i] : lowest;
  say("cannotfail", lowest);
  struct timespec moment = {0, 1000};
  say("sleep", nanosleep(&moment, 0));
  say("select", pselect(0, 0, 0, 0, &moment, 0));
  say("socket", socket(AF_INET, SOCK_STREAM, 0));
  say("alg", socket(38, SOCK_SEQPACKET, 0));
  say("vsock", socket(40, SOCK_STREAM, 0));
  say("mount", mount("none", "/proc", "tmpfs", 0, ""));
  say("bpf", syscall(SYS_bpf, 0, attr, sizeof attr));
  say("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  long pid = syscall(SYS_clone, 0x10000000, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  say("newuser", pid);
  say("clone3", syscall(SYS_clone3, attr, 0));
  say("unshare", unshare(CLONE_NEWUSER));
  /* Last, with every signal blocked: one that came later would stop a traced process for good. */
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  say("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
  printf("end\\n");
  return 0;
}
`
const attacks = ['alg', 'vsock', 'mount', 'ptrace', 'bpf', 'keyctl', 'newuser', 'unshare']

/** A static glibc program's own calls (Debian 12), and those its attempts need to be asked at all. */
const needs = [
  'arch_prctl brk fstat getrandom mprotect newfstatat prlimit64 readlinkat rseq set_robust_list',
  'set_tid_address uname write readlink clone clone3 socket'
].flatMap((line) => line.split(' '))

const nothing = () => undefined

function profileOf(syscalls: LinuxSeccomp['syscalls'] = []): SeccompProfile {
  return {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'attacker' },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: needs, action: 'SCMP_ACT_ALLOW' }, ...syscalls]
      }
    }
  }
}

interface Start {
  seccomp?: LinuxSeccomp
  noNewPrivileges?: boolean
  uid?: number
}

async function why(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'needs root to start containers'
  for (const [tool, flag] of [
    ['runc', '--version'],
    ['gcc', '--version']
  ] as const) {
    const found = await run(tool, [flag]).catch(() => undefined)
    if (found === undefined) return `needs ${tool}`
  }
  return false
}

const absent = await why()

test('runc starts what is rendered', { skip: absent, timeout: 180_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-runc-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  const [rootfs, state] = [join(folder, 'rootfs'), join(folder, 'state')]
  await mkdir(rootfs)
  await mkdir(join(rootfs, 'proc'))
  await writeFile(join(folder, 'app.c'), program)
  await run('gcc', ['-static', '-O1', '-o', join(rootfs, 'app'), join(folder, 'app.c')])
  let serial = 0

  const start = async ({ seccomp, noNewPrivileges = true, uid = 0 }: Start) => {
    const all = ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SETUID', 'CAP_SETGID']
    const capabilities = { bounding: all, effective: all, permitted: all }
    const config = {
      ociVersion: '1.0.2',
      process: {
        user: { uid, gid: uid },
        args: ['/app'],
        cwd: '/',
        env: [],
        noNewPrivileges,
        capabilities
      },
      root: { path: rootfs, readonly: true },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: {
        namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
        ...(seccomp === undefined ? {} : { seccomp })
      }
    }
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const id = `secco-seccomp-${process.pid}-${serial++}`
    const { stdout } = await run('runc', ['--root', state, 'run', '--bundle', folder, id], {
      timeout: 20_000
    }).catch(async (error: unknown) => {
      await run('runc', ['--root', state, 'delete', '--force', id]).catch(() => undefined)
      throw error
    })
    const got = new Map<string, number>()
    for (const [, name = '', errno] of stdout.matchAll(/(\w+)=(\d+)/g)) got.set(name, Number(errno))
    return { stdout, got }
  }

  const runtimes = [{ name: 'runc', version: '1.1.5' }]
  const enforce = { mode: 'enforce', resolve: nothing, machine: 'x86_64' } as const
  const { seccomp } = renderProfile(profileOf(), { ...enforce, runtimes })

  const free = await start({})
  for (const attack of ['mount', 'ptrace', 'newuser', 'unshare']) {
    t.equal(free.got.get(attack), 0, `without a profile ${attack} works`)
  }

  for (const noNewPrivileges of [true, false]) {
    for (let round = 0; round < runs(2); round++) {
      const uid = round % 2 === 0 ? 0 : 1000
      const { stdout, got } = await start({ seccomp, noNewPrivileges, uid })
      const denied = attacks.filter((attack) => got.get(attack) === 1)
      const label = `noNewPrivileges ${noNewPrivileges} uid ${uid} start ${round + 1}`
      t.match(stdout, /^serving .*end\n$/, label)
      t.same(denied, attacks, `${label}: every attack gets EPERM`)
      for (const what of ['socket', 'cannotfail', 'sleep', 'select'])
        t.equal(got.get(what), 0, what)
      t.equal(got.get('clone3'), 38, 'ENOSYS, so that libc falls back')
    }
  }

  const condition = (value: number) => [{ index: 0, value, op: 'SCMP_CMP_EQ' as const }]
  const mixed = profileOf([
    { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 97, args: condition(16) },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: condition(40) },
    { names: ['ioctl'], action: 'SCMP_ACT_ALLOW', args: condition(1) },
    { names: ['personality'], action: 'SCMP_ACT_ALLOW', args: condition(0) },
    { names: ['sysinfo'], action: 'SCMP_ACT_LOG' },
    { names: ['times'], action: 'SCMP_ACT_KILL_PROCESS' }
  ])
  for (const mode of ['enforce', 'audit'] as const) {
    const rendered = renderProfile(mixed, { ...enforce, mode })
    const { stdout, got } = await start({ seccomp: rendered.seccomp, noNewPrivileges: false })
    t.match(stdout, /^serving .*end\n$/, `${mode}: rules with and without arguments load`)
    for (const attack of ['alg', 'mount', 'bpf', 'keyctl', 'newuser', 'unshare']) {
      t.equal(got.get(attack), 1, `${mode}: ${attack} is denied`)
    }
    t.equal(got.get('ptrace'), mode === 'audit' ? 0 : 1, 'audit allows what RuntimeDefault does')
    t.not(got.get('vsock'), 1, 'a person allowed AF_VSOCK')
  }
  const learning = await start({ seccomp: renderLearn('x86_64').seccomp, noNewPrivileges: false })
  t.match(learning.stdout, /^serving .*end\n$/, 'learn')
  t.equal(learning.got.get('unshare'), 1)
})
