import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { bundleConfig } from '../../../cli/walk-through/bundle.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { syscallName } from '../../../src/syscalls/syscall-table.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { ProofArgs, ProofResult } from '../proofs.js'

const run = promisify(execFile)

/** Errnos above everything that the kernel gives (include/uapi/asm-generic/errno.h ends at 133). */
const denial = 2001
const answer = 2002

/** The same decisions, with errnos that can only come from the filter. */
function marked(seccomp: LinuxSeccomp): LinuxSeccomp {
  return {
    ...seccomp,
    ...(seccomp.defaultAction === 'SCMP_ACT_ERRNO' ? { defaultErrnoRet: denial } : {}),
    syscalls: (seccomp.syscalls ?? []).map((rule) =>
      rule.action === 'SCMP_ACT_ERRNO'
        ? { ...rule, errnoRet: rule.errnoRet === 38 ? answer : denial }
        : rule
    )
  }
}

/** Makes every call under a filter in a real container; variant and name → errno. */
async function callsUnder(
  work: string,
  name: string,
  seccomp: LinuxSeccomp
): Promise<Map<string, number>> {
  const bundle = join(work, name)
  await mkdir(bundle, { recursive: true })
  const config = bundleConfig({
    rootfs: join(work, 'rootfs'),
    args: ['/call-table'],
    files: [],
    writable: ['/tmp'],
    seccomp,
    profile: name,
    noNewPrivileges: true
  })
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
  const id = `secco-audit-${process.pid}-${name}`
  const { stdout } = await run('runc', ['--root', join(work, 'runc'), 'run', '-b', bundle, id], {
    timeout: 300_000,
    maxBuffer: 2 ** 24
  })
  const results = new Map<string, number>()
  for (const [, variant = '', nr, errno] of stdout.matchAll(/^(\S+) (\d+) (\d+)$/gm)) {
    const call = syscallName('x86_64', Number(nr))
    results.set(variant === 'zero' ? call : variant, Number(errno))
  }
  return results
}

export interface AuditComparison {
  calls: number
  deniedByRuntimeDefault: number
  /** Calls that one denies and the other does not. */
  different: string[]
}

const deniedBy = (errno: number | undefined): string =>
  errno === denial ? 'denied' : errno === answer ? 'answered' : 'asked'

/** Audit of a profile that approves little, against RuntimeDefault, call by call. */
export async function compareAudit(
  work: string,
  approved: readonly string[]
): Promise<AuditComparison> {
  await mkdir(join(work, 'rootfs'), { recursive: true })
  for (const folder of ['proc', 'dev', 'sys', 'tmp'])
    await mkdir(join(work, 'rootfs', folder), { recursive: true })
  const source = join(repositoryRoot, 'test/bench/enforced/call-table.c')
  await run('gcc', [
    '-static',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    join(work, 'rootfs/call-table'),
    source
  ])
  const profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { name: 'audited', namespace: 'default' },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: [...approved], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  const audit = renderProfile(profile, {
    mode: 'audit',
    resolve: () => undefined,
    machine: machine()
  })
  const ours = await callsUnder(work, 'audit', marked(audit.seccomp))
  const theirs = await callsUnder(work, 'default', marked(runtimeDefault()))
  const different = [...theirs.keys()].filter(
    (call) => deniedBy(theirs.get(call)) !== deniedBy(ours.get(call))
  )
  return {
    calls: theirs.size,
    deniedByRuntimeDefault: [...theirs.values()].filter((errno) => errno >= denial).length,
    different
  }
}

/** Audit mode denies exactly what the runtimes' default profile denies. */
export async function benchAudit(args: ProofArgs): Promise<ProofResult> {
  const work = await mkdtemp(join(tmpdir(), 'secco-audit-'))
  try {
    const result = await compareAudit(work, ['read', 'write', 'socket', 'clone'])
    const text = args.json
      ? `${JSON.stringify(result, null, 2)}\n`
      : '| calls made | denied by RuntimeDefault | decided otherwise in audit mode |\n' +
        '| --- | --- | --- |\n' +
        `| ${result.calls} | ${result.deniedByRuntimeDefault} | ` +
        `${result.different.join(', ') || '–'} |\n`
    return { text, holds: result.different.length === 0 && result.calls > 400 }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
