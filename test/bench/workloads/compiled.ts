import { existsSync } from 'node:fs'
import { mkdir, writeFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { mustRun, run } from '../../../cli/walk-through/run.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { Workload } from './workload.js'

const sources = join(repositoryRoot, 'test')

async function goProgram(folder: string, architecture: string): Promise<string> {
  const module = join(folder, 'go')
  await mkdir(module, { recursive: true })
  await writeFile(join(module, 'go.mod'), 'module mini\n\ngo 1.19\n')
  const text = await readFile(join(sources, 'bench/workloads/mini.go.txt'))
  await writeFile(join(module, 'main.go'), text)
  const out = join(folder, `mini-${architecture}`)
  const environment = [
    `GOARCH=${architecture}`,
    'CGO_ENABLED=0',
    'GOFLAGS=-mod=mod',
    'GOTOOLCHAIN=local'
  ]
  await mustRun('env', [...environment, 'go', 'build', '-o', out, '.'], { cwd: module })
  return out
}

async function cProgram(folder: string, source: string, ...flags: string[]): Promise<string> {
  const out = join(folder, source.replace(/^.*\/(\w+)\.c$/, '$1'))
  await mustRun('gcc', ['-O1', '-static', ...flags, '-o', out, join(sources, source)])
  return out
}

const bind = (source: string, target: string) => ({ files: [{ source, target }] })

/** Java where there is one: its own folder and what it reads in /etc are mounted. */
async function java(folder: string): Promise<Workload[]> {
  const { stdout } = await run('bash', ['-c', 'readlink -f "$(command -v java)"'])
  const home = stdout.trim().replace(/\/bin\/java$/, '')
  if (home === '' || !existsSync(join(home, 'bin/javac'))) return []
  await mkdir(folder, { recursive: true })
  const source = join(folder, 'Mini.java')
  await writeFile(
    source,
    `public class Mini { public static void main(String[] a) throws Exception {
       Thread[] all = new Thread[4];
       for (int i = 0; i < all.length; i++) { all[i] = new Thread(() -> {
         long s = 0; for (int n = 0; n < 1000000; n++) s += n; System.gc(); }); all[i].start(); }
       for (Thread one : all) one.join();
       var p = new ProcessBuilder("bash", "-c", "echo child").redirectErrorStream(true).start();
       System.out.println(new String(p.getInputStream().readAllBytes()) + p.waitFor());
       java.nio.file.Files.writeString(java.nio.file.Path.of("/tmp/x"), "x");
       System.exit(0); } }`
  )
  await mustRun(join(home, 'bin/javac'), ['-d', folder, source])
  const etc = [...new Set(await readLinks(home))]
  return [
    {
      name: 'java, threads and a child',
      args: () => [join(home, 'bin/java'), '-XX:+UseSerialGC', '-Xmx128m', '-cp', '/java', 'Mini'],
      files: [
        { source: home, target: home },
        { source: folder, target: '/java' },
        ...etc.map((path) => ({ source: path, target: path }))
      ],
      output: /child/
    }
  ]
}

/** Folders outside of a Java home that its links lead to (Debian keeps configuration in /etc/java-*). */
async function readLinks(home: string): Promise<string[]> {
  const { stdout } = await run('bash', [
    '-c',
    `find ${home} -type l -exec readlink -f {} + | grep '^/etc/java' | xargs -r dirname | cut -d/ -f1-3`
  ])
  return stdout.split('\n').filter((line) => line !== '')
}

/** Programs that are compiled for the occasion, below `folder`. */
export async function compiledWorkloads(folder: string): Promise<Workload[]> {
  await mkdir(folder, { recursive: true })
  const go = await goProgram(folder, 'amd64')
  const go386 = await goProgram(folder, '386')
  const calls = await cProgram(folder, 'native/calls.c', '-pthread')
  const life = await cProgram(folder, 'bench/life.c')
  const i386 = await cProgram(folder, 'native/i386.c', '-m32', '-nostdlib', '-fno-pic')
  return [
    {
      name: 'Go, HTTP and goroutines',
      args: () => ['/mini'],
      ...bind(go, '/mini'),
      output: /true child/
    },
    {
      name: 'Go, the same as a 32-bit program',
      args: () => ['/mini'],
      ...bind(go386, '/mini'),
      output: /true child/
    },
    {
      name: '64-bit program with int 0x80, x32 calls, and a 32-bit program',
      args: () => ['bash', '-c', '/calls compat 5; /calls x32 5; /i386; /calls exec /i386'],
      files: [
        { source: calls, target: '/calls' },
        { source: i386, target: '/i386' }
      ]
    },
    {
      name: 'static C: threads, forks, signals, execveat',
      args: () => [
        'bash',
        '-c',
        'for m in "threads 500 4" "fork 6" "sigreturn 4" execveat "prctl 3" "native 9" ' +
          '"kill-thread"; do /calls $m; done; /calls kill; exit 0'
      ],
      ...bind(calls, '/calls')
    },
    {
      name: 'killed while blocked in pause',
      args: () => ['/life', '5', 'stay'],
      ...bind(life, '/life'),
      drive: async ({ signal, blocked }) => {
        await blocked('pause')
        await signal('KILL')
      },
      exits: 137
    },
    {
      name: 'killed while blocked in accept, with threads',
      args: () => [
        'python3.11',
        '-c',
        'import socket, threading, time; s = socket.create_server(("127.0.0.1", 0)); ' +
          'threading.Thread(target=time.sleep, args=(99,)).start(); ' +
          'threading.Thread(target=threading.Event().wait).start(); s.accept()'
      ],
      drive: async ({ signal, blocked }) => {
        await blocked('accept4')
        await signal('KILL')
      },
      exits: 137
    },
    {
      name: 'with an exec probe every 200 ms',
      args: () => ['bash', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'],
      drive: async ({ prints, exec, signal }) => {
        await prints('up')
        for (let probe = 0; probe < 5; probe += 1) {
          await Promise.all([
            exec(['bash', '-c', 'test -e /proc/1 && cat /proc/uptime && readlink /proc/self']),
            new Promise((resolve) => setTimeout(resolve, 200))
          ])
        }
        await signal('TERM')
      }
    },
    ...(await java(join(folder, 'java')).catch((error: unknown) => {
      process.stderr.write(
        `without Java: ${error instanceof Error ? error.message : String(error)}\n`
      )
      return []
    }))
  ]
}
