import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A real program that does other things in each run, as an application with features does. */
export interface EstimateWorkload {
  name: string
  /** The command of one run; `pick` gives numbers from 0 to 1. */
  command: (pick: () => number, dir: string) => string[]
}

/** Some of the features, each with its own chance: common ones, and rare ones. */
function some<T>(pick: () => number, features: readonly (readonly [number, T])[]): T[] {
  return features.filter(([chance]) => pick() < chance).map(([, feature]) => feature)
}

const shell = (lines: readonly string[]) => ['bash', '-c', lines.join('\n')]

/** What the workloads read. */
export function prepareWorkloads(dir: string): void {
  mkdirSync(join(dir, 'tree', 'deep'), { recursive: true })
  writeFileSync(join(dir, 'tree', 'a.txt'), 'alpha\nbeta\n'.repeat(500))
  writeFileSync(join(dir, 'tree', 'deep', 'b.txt'), 'gamma\n'.repeat(50))
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', join(dir, 'tree'), ...args], { stdio: 'ignore' })
  git('init', '-q')
  git('add', '.')
  git('-c', 'user.name=x', '-c', 'user.email=x@example.org', 'commit', '-qm', 'one')
}

export const estimateWorkloads: readonly EstimateWorkload[] = [
  {
    name: 'bash',
    command: (pick, dir) =>
      shell([
        'echo start',
        ...some(pick, [
          [0.7, `cat ${dir}/tree/a.txt | wc -l`],
          [0.5, 'x=$(date); echo "$x"'],
          [0.4, `t=$(mktemp ${dir}/t.XXXX); mv "$t" "$t.x"; rm "$t.x"`],
          [0.25, 'sleep 0.01 & wait'],
          [0.2, 'umask 077; ulimit -n 512'],
          [0.1, `mkfifo ${dir}/f.$$ && rm ${dir}/f.$$`],
          [0.08, 'kill -0 $$; trap : USR1; kill -USR1 $$'],
          [0.05, 'nice -n 5 true']
        ] as const)
      ])
  },
  {
    name: 'python3',
    command: (pick, dir) => [
      ...['/usr/bin/python3', '-c'],
      [
        'import os, sys',
        ...some(pick, [
          [0.6, `print(len(os.listdir("${dir}")))`],
          [0.5, 'import threading; t = threading.Thread(target=lambda: None); t.start(); t.join()'],
          [0.4, 'import subprocess; subprocess.run(["true"])'],
          [
            0.3,
            'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1); s.close()'
          ],
          [0.2, 'import mmap; m = mmap.mmap(-1, 4096); m.flush(); m.close()'],
          [0.15, 'import select; p = select.epoll(); p.close()'],
          [
            0.1,
            'import tempfile; f = tempfile.NamedTemporaryFile(); os.truncate(f.name, 10); os.fsync(f.fileno())'
          ],
          [0.07, 'import multiprocessing as m; l = m.Lock(); l.acquire()'],
          [0.05, 'os.sched_getaffinity(0); os.getloadavg(); os.getpriority(0, 0)'],
          [
            0.04,
            'import signal; signal.setitimer(signal.ITIMER_REAL, 0.001); signal.signal(14, lambda *a: 0)'
          ]
        ] as const)
      ].join('\n')
    ]
  },
  {
    name: 'node',
    command: (pick, dir) => [
      ...['node', '-e'],
      some(pick, [
        [0.6, `require("fs").readdirSync("${dir}")`],
        [0.4, 'require("crypto").randomBytes(16)'],
        [0.4, 'require("child_process").spawnSync("true")'],
        [0.3, 'const s = require("net").createServer().listen(0, "127.0.0.1", () => s.close())'],
        [0.2, `require("fs").watch("${dir}").close()`],
        [0.15, `require("fs").copyFileSync("${dir}/tree/a.txt", "${dir}/copy")`],
        [0.1, 'new (require("worker_threads").Worker)("0", {eval: true})'],
        [0.08, 'require("dns").lookup("localhost", () => 0)'],
        [0.05, `require("fs").symlinkSync("x", "${dir}/l" + process.pid)`],
        [0.05, 'require("os").setPriority(5)']
      ] as const).join(';') || '0'
    ]
  },
  {
    name: 'git',
    command: (pick, dir) =>
      shell([
        `cd ${dir}/tree`,
        'git status >/dev/null',
        ...some(pick, [
          [0.7, 'git log --oneline | cat'],
          [0.4, 'git diff HEAD | cat'],
          [0.3, 'git branch b$$ && git branch -q -D b$$'],
          [0.2, 'echo x >> a.txt; git stash -q; git stash drop -q'],
          [0.1, 'git gc -q'],
          [0.1, `git clone -q . ${dir}/clone$$`],
          [0.05, `git archive HEAD -o ${dir}/x.tar`]
        ] as const)
      ])
  },
  {
    name: 'tar',
    command: (pick, dir) =>
      shell([
        `tar -cf ${dir}/x.tar -C ${dir} tree`,
        ...some(pick, [
          [0.6, `tar -tf ${dir}/x.tar >/dev/null`],
          [0.4, `mkdir -p ${dir}/out && tar -xf ${dir}/x.tar -C ${dir}/out`],
          [0.3, `tar -czf ${dir}/x.tgz -C ${dir} tree`],
          [0.15, `tar --xattrs -cf ${dir}/y.tar -C ${dir} tree`],
          [0.1, `tar -cf ${dir}/z.tar --sparse -C ${dir} tree`],
          [0.05, `tar -rf ${dir}/x.tar -C ${dir}/tree a.txt`]
        ] as const)
      ])
  },
  {
    name: 'sqlite3',
    command: (pick, dir) => [
      'sqlite3',
      `${dir}/db-${Math.floor(pick() * 1e9)}`,
      [
        'create table if not exists t(a, b);',
        ...some(pick, [
          [0.7, 'insert into t values(1, 2);'],
          [0.5, 'select count(*) from t;'],
          [0.3, 'begin; delete from t; rollback;'],
          [0.2, 'vacuum;'],
          [0.15, 'pragma journal_mode=wal; insert into t values(3, 4);'],
          [0.1, 'pragma mmap_size=1048576; select * from t limit 1;'],
          [0.05, `vacuum into '${dir}/copy-' || hex(randomblob(8));`]
        ] as const)
      ].join('\n')
    ]
  },
  {
    name: 'openssl',
    command: (pick, dir) =>
      shell([
        'openssl version >/dev/null',
        ...some(pick, [
          [0.6, `openssl dgst -sha256 ${dir}/tree/a.txt`],
          [0.4, 'openssl rand -hex 8'],
          [0.3, `openssl genpkey -algorithm ed25519 -out ${dir}/k.pem`],
          [
            0.2,
            `openssl enc -aes-128-cbc -pass pass:x -pbkdf2 -in ${dir}/tree/a.txt -out ${dir}/e`
          ],
          [0.1, 'openssl speed -seconds 1 -multi 2 -bytes 16 sha1 >/dev/null 2>&1'],
          [0.08, 'timeout 0.3 openssl s_client -connect 127.0.0.1:1 </dev/null >/dev/null 2>&1']
        ] as const),
        'true'
      ])
  },
  {
    name: 'perl',
    command: (pick, dir) => [
      ...['perl', '-e'],
      [
        'print 1;',
        ...some(pick, [
          [0.6, `opendir(my $d, "${dir}"); my @f = readdir $d;`],
          [0.4, 'system("true");'],
          [0.3, 'my $p = fork(); if (!$p) { exit 0 } waitpid($p, 0);'],
          [0.2, 'use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0);'],
          [0.15, `open(my $f, ">", "${dir}/pl"); flock($f, 2); truncate($f, 3);`],
          [0.1, 'my @t = times; select(undef, undef, undef, 0.01);'],
          [0.06, `link("${dir}/tree/a.txt", "${dir}/l$$");`],
          [0.05, 'setpgrp(0, 0); getppid(); alarm(0);']
        ] as const)
      ].join('\n')
    ]
  },
  {
    name: 'find and awk',
    command: (pick, dir) =>
      shell([
        `find ${dir}/tree -name '*.txt'`,
        ...some(pick, [
          [0.6, `awk '{n[$1]++} END {for (k in n) print k, n[k]}' ${dir}/tree/a.txt`],
          [0.4, `sort ${dir}/tree/a.txt | uniq -c`],
          [0.3, `find ${dir}/tree -type f -exec stat {} + >/dev/null`],
          [0.2, `awk 'BEGIN {"date" | getline d; print d; system("true")}'`],
          [0.1, `sort -S 100K --parallel=2 ${dir}/tree/a.txt >/dev/null`],
          [0.07, `find ${dir} -maxdepth 1 -name 'l*' -delete`],
          [0.05, `touch -d yesterday ${dir}/tree/deep/b.txt; df ${dir} >/dev/null`]
        ] as const)
      ])
  },
  {
    name: 'curl',
    command: (pick, dir) =>
      shell([
        `curl -s file://${dir}/tree/a.txt -o ${dir}/c`,
        ...some(pick, [
          [0.5, 'curl -s --max-time 1 http://127.0.0.1:1/ '],
          [0.3, `curl -s --max-time 1 http://localhost:1/ -c ${dir}/jar`],
          [0.2, 'curl -s --max-time 1 --interface lo http://127.0.0.1:1/'],
          [0.1, 'curl -s --max-time 1 telnet://127.0.0.1:1 </dev/null'],
          [0.1, `curl -s -T ${dir}/tree/a.txt file://${dir}/up`],
          [0.05, `curl -s --unix-socket ${dir}/none http://x/`]
        ] as const),
        'true'
      ])
  }
]
