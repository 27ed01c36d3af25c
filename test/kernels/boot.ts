import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { KernelImage } from './image.js'

export interface Boot {
  image: KernelImage
  cgroup: 'v1' | 'v2'
  /** A shell script; what it writes to /run/share/answer is the answer. */
  job: string
  timeoutMs: number
}

export interface BootResult {
  /** What the job wrote; undefined when it did not come that far. */
  answer: string | undefined
  /** The guest's console. */
  console: string
  seconds: number
}

/**
 * Boots a kernel in qemu without hardware help, this machine's files below it read-only, runs the job
 * in it and powers it off. A guest that hangs is ended at `timeoutMs`.
 */
export async function boot({ image, cgroup, job, timeoutMs }: Boot): Promise<BootResult> {
  const started = performance.now()
  const share = await mkdtemp(join(tmpdir(), 'secco-guest-'))
  try {
    await writeFile(join(share, 'job.sh'), job)
    const fsdev = (id: string, path: string, tag: string, more: string): string[] => [
      '-fsdev',
      `local,id=${id},path=${path},security_model=none,multidevs=remap${more}`,
      '-device',
      `virtio-9p-pci,fsdev=${id},mount_tag=${tag}`
    ]
    const guest = spawn(
      'qemu-system-x86_64',
      [
        // One thread for both CPUs: with one for each, code that the kernel patches while it runs (static keys, int3)
        // is at times met half-patched by the other CPU, and the guest dies of it.
        ...['-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', '2', '-m', '3072'],
        ...['-nographic', '-no-reboot', '-nodefaults', '-serial', 'stdio'],
        ...['-kernel', image.vmlinuz, '-initrd', image.initrd],
        '-append',
        `console=ttyS0 quiet panic=-1 audit=0 secco.cgroup=${cgroup} secco.job=job.sh`,
        ...fsdev('r', '/', 'hostroot', ',readonly=on'),
        ...fsdev('s', share, 'share', '')
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] }
    )
    const limit = setTimeout(() => guest.kill('SIGKILL'), timeoutMs)
    const closed = once(guest, 'close')
    const [output, errors] = await Promise.all([text(guest.stdout), text(guest.stderr), closed])
    clearTimeout(limit)
    const answer = await readFile(join(share, 'answer'), 'utf8').catch(() => undefined)
    return { answer, console: output + errors, seconds: (performance.now() - started) / 1000 }
  } finally {
    await rm(share, { recursive: true, force: true })
  }
}
