import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import { admit, type Webhook } from './admit.js'
import { startContainerd } from './containerd.js'
import { makeBundle, makeRootfs, run } from './runc-bundle.js'
import { runSecco, spawnSecco } from './secco-command.js'
import { uiToken } from './state-folder.js'
import { until } from './until.js'
import { removeUpPins } from './up-recorder.js'
import { words } from '../../src/seccomp/data/words.js'

/** Others may keep this machine busy. */
export const patience = { timeoutMs: 180_000, everyMs: 100 }

/** What a small static program asks by itself. */
const own = words(`
  pause read write mmap mprotect arch_prctl brk set_tid_address set_robust_list rseq prlimit64 readlink
  readlinkat getrandom munmap fstat clock_nanosleep nanosleep
`)

/** Asks again and again: what is denied once before anybody looks is counted, but nobody knows by whom. */
const again = `
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(int count, char **args)
{
	struct timespec rest = { 0, 100000000 };
	for (;;) {
		for (int at = 1; at < count; at++) {
			if (!strcmp(args[at], "getpgid")) syscall(SYS_getpgid, 0);
			if (!strcmp(args[at], "getsid")) syscall(SYS_getsid, 0);
			if (!strcmp(args[at], "times")) syscall(SYS_times, 0);
			if (!strcmp(args[at], "memfd_create")) close(syscall(SYS_memfd_create, "a", 0));
		}
		nanosleep(&rest, NULL);
	}
}
`

/** A profile of the test program that allows these calls, too. */
export function profileOf(name: string, more: readonly string[]): SeccompProfile {
  return {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'default', name },
    spec: {
      workload: { kind: 'Container', name },
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: [...own, ...more].sort(), action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
}

interface Addresses extends Webhook {
  ui: string
  /** The pinned recorder of an earlier run goes on. */
  adopted: boolean
}

interface Change {
  seccomp?: LinuxSeccomp | 'none'
  privileged?: boolean
  /** Asks again and again instead of once. */
  again?: boolean
  annotations?: Record<string, string>
  /** Its program begins with `begin`. */
  created?: boolean
}

/** A whole Secco on a state folder of its own, and real containers of runc, or of a containerd, beside it. */
export async function everything(
  options: {
    seccompFolder?: string
    containerd?: boolean
    /** A containerd that the caller has started, and stops. */
    beside?: { socket: string; runcRoot: string }
    pin?: 'off'
    /** Where the pages listen; default: a free port, another one after each start. */
    uiListen?: string
  } = {}
) {
  const state = await mkdtemp(join(tmpdir(), 'secco-truth-'))
  const rootfs = await makeRootfs()
  await writeFile(join(state, 'again.c'), again)
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'again'), join(state, 'again.c')])
  const containerd =
    options.containerd === true ? await startContainerd(join(state, 'ctd')) : undefined
  const daemon = containerd ?? options.beside
  const root = join(state, 'runc')
  const seccompRoot = join(state, options.seccompFolder ?? 'seccomp')
  const free = '127.0.0.1:0'
  const upArgs = [
    ...['up', '-o', 'json', '--state', state, '--seccomp-root', seccompRoot],
    ...['--listen', free, '--hub-listen', free, '--ui-listen', options.uiListen ?? free],
    ...['--node', 'n1'],
    ...['--runc-root', daemon?.runcRoot ?? root],
    ...['--containerd-socket', daemon?.socket ?? join(state, 'none.sock')],
    ...(options.pin === undefined ? [] : ['--pin', options.pin])
  ]
  let log = ''
  const startUp = async () => {
    const program = spawnSecco(upArgs)
    program.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const [line] = (await once(program.stdout, 'data')) as [Buffer]
    return { program, addresses: JSON.parse(line.toString()) as Addresses }
  }
  let up = await startUp()
  const bundles: string[] = []
  const ids = new Set<string>()

  const secco = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runSecco([...args, '--state', state])
    if (code !== 0) throw new Error(`secco ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const json = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await secco(...args, '-o', 'json')) as T
  const headers = { authorization: `Bearer ${await uiToken(state)}` }
  const api = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${up.addresses.ui}/api/v1/${path}`, { headers })).json()) as T

  const page = async (path: string): Promise<string> =>
    (await fetch(`${up.addresses.ui}${path}`, { headers })).text()

  return {
    ...{ state, rootfs, seccompRoot, secco, json, api, page, containerd, log: () => log },
    get addresses() {
      return up.addresses
    },
    async apply(document: object): Promise<void> {
      const path = join(state, 'document.yaml')
      await writeFile(path, stringify(document))
      const kind = (document as { kind: string }).kind === 'SeccompRule' ? 'rule' : 'profile'
      await secco(kind, 'apply', '-f', path)
    },
    /** The revision that nodes have, once they have it. */
    async revision(name: string, mode: 'enforce' | 'audit', not = '') {
      let last: unknown
      return until(
        `${mode} of ${name} on the node`,
        async () => {
          const answer = await api<{ items: ProfileState[] }>('states')
          last = answer
          const state = answer.items.find((one) => one.name === name)
          last = state ?? answer
          const found = state?.[mode]
          return found?.ready === true && found.digest !== not ? found : undefined
        },
        patience
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(last)}\n${log.slice(-4000)}`)
      })
    },
    file: (path: string) => join(seccompRoot, path),
    /** The folder of a container below `runc --root`. */
    folder: (id: string) => join(root, id),
    read: async (path: string) =>
      JSON.parse(await readFile(join(seccompRoot, path), 'utf8')) as LinuxSeccomp,
    async start(id: string, calls: readonly string[], change: Change): Promise<void> {
      const { seccomp, annotations = {}, privileged } = change
      const bundle = await makeBundle(rootfs, {
        args: change.again === true ? ['/again', ...calls] : ['/probe', ...calls, 'wait'],
        annotations,
        ...(seccomp === undefined || seccomp === 'none' ? {} : { seccomp })
      })
      bundles.push(bundle)
      const path = join(bundle, 'config.json')
      const config = JSON.parse(await readFile(path, 'utf8')) as {
        linux: Record<string, unknown>
        process: { capabilities: Record<string, string[]> }
      }
      if (seccomp === 'none') delete config.linux['seccomp']
      if (privileged === true) {
        delete config.linux['maskedPaths']
        const all = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT']
        for (const set of ['bounding', 'effective', 'permitted']) {
          config.process.capabilities[set] = [...(config.process.capabilities[set] ?? []), ...all]
        }
      }
      await writeFile(path, JSON.stringify(config))
      ids.add(id)
      const verb = change.created === true ? ['create'] : ['run', '-d']
      const child = spawn('runc', ['--root', root, ...verb, '--bundle', bundle, id], {
        stdio: 'ignore'
      })
      const [code] = (await once(child, 'exit')) as [number]
      if (code !== 0) throw new Error(`runc could not start ${id}`)
    },
    /** Starts the program of a container that was only created. */
    async begin(id: string): Promise<void> {
      await run('runc', ['--root', root, 'start', id])
    },
    async stop(id: string): Promise<void> {
      ids.delete(id)
      await run('runc', ['--root', root, 'delete', '--force', id])
    },
    /** The container as `secco ps` shows it, once that is as it should be; how long it took in ms. */
    async seen(id: string, is: (view: ContainerView) => boolean): Promise<[ContainerView, number]> {
      const began = Date.now()
      let last: ContainerView | undefined
      const view = await until(
        `${id} in secco ps`,
        async () => {
          const { items } = await api<{ items: ContainerView[] }>('containers')
          last = items.find((one) => one.id === id)
          return last !== undefined && is(last) ? last : undefined
        },
        patience
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(last)}`)
      })
      return [view, Date.now() - began]
    },
    /** The path that a pod of this name gets. */
    admit: (pod: string, labels: Record<string, string>) => admit(up.addresses, pod, labels),
    /** Ends `secco up`; containers run on. */
    async halt(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT' = 'SIGTERM'): Promise<void> {
      const { program } = up
      if (program.exitCode !== null || program.signalCode !== null) return
      program.kill(signal)
      await once(program, 'close')
    },
    /** Starts `secco up` on the same state folder, after `halt`. */
    async restart(): Promise<void> {
      up = await startUp()
    },
    async dispose() {
      for (const id of ids) await run('runc', ['--root', root, 'delete', '--force', id])
      await this.halt('SIGINT')
      removeUpPins(state)
      await containerd?.stop()
      for (const path of [...bundles, state, dirname(rootfs)]) {
        await rm(path, { recursive: true, force: true })
      }
    }
  }
}
