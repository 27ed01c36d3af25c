import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { approvedDigest, boundApproval } from '../../src/seccomp/policy/approval.js'
import { serializeDocument } from '../../src/api/parse.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { Outcome } from './secco-command.js'
import { until } from './until.js'

/** An installation with a hub that renders, and somebody who may approve. */
export interface Ground {
  /** The command, as that person. */
  secco: (...args: string[]) => Promise<Outcome>
  /** A request to pages and API, as that person. */
  api: (method: 'POST' | 'PUT', path: string, body: object) => Promise<Response>
  get: (ref: ObjectRef) => Promise<SeccompProfile | undefined>
  /** Whether the API server checks approvals. */
  isCluster: boolean
  /** Runs a printed command as that person; absent where there is no API server. */
  shell?: (command: string) => Promise<Outcome>
  /** The person's name where approvals are checked. */
  person: string
  folder: string
}

export const ref = { namespace: 'shop', name: 'web' }
const key = 'shop/web'
export const overlayRef = { namespace: 'secco-system', name: 'emergency' }

/** Before anybody approves: what it may do, and what it was seen to do besides. */
export const unapproved: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile', metadata: { ...ref } },
  spec: {
    workload: { kind: 'Deployment', name: 'web', container: 'app' },
    extends: ['secco-system/musl'],
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['accept4', 'read'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}
export const observed = { x86_64: ['accept4', 'getsid', 'read'] }

type Document = Pick<SeccompProfile, 'spec'>
/** A document that allows one more call, and still carries an approval of what it was before. */
function editedUnder(profile: Document, name: string): SeccompProfile {
  const { seccomp = { defaultAction: 'SCMP_ACT_ERRNO' as const } } = profile.spec
  const old = { by: 'somebody', at: '2026-11-20T09:00:00.000Z' }
  const approval = profile.spec.approval ?? boundApproval(profile.spec, old)
  const more = { names: [name], action: 'SCMP_ACT_ALLOW' as const }
  const syscalls = [...(seccomp.syscalls ?? []), more]
  return {
    ...unapproved,
    spec: { ...profile.spec, approval, seccomp: { ...seccomp, syscalls } }
  }
}

const foreign = (name: string) => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read', name], action: 'SCMP_ACT_ALLOW' }]
})

type Done = Outcome | Response
/** [what, how it is done, what it prints or answers]. In this order, on one profile. */
type Change = [string, (ground: Ground) => Promise<Done>, RegExp?]

async function written(ground: Ground, name: string, text: string): Promise<string> {
  const path = join(ground.folder, name)
  await writeFile(path, text)
  return path
}

const why = ['--reason', 'release 2']
const changes: readonly Change[] = [
  [
    'profile extend --remove, of what was there',
    ({ secco }) => secco('profile', 'extend', key, '--remove', 'secco-system/musl')
  ],
  [
    'denials allow',
    ({ secco }) => secco('denials', 'allow', key, 'getpgid', '--yes', ...why),
    /\+ getpgid\nrevision sha256:\w+ → sha256:\w+\n/
  ],
  [
    'denials allow, by argument',
    ({ secco }) => secco('denials', 'allow', key, 'socket:0=38', '--yes', ...why),
    /\+ socket\n/
  ],
  [
    'denials allow, several',
    ({ secco }) =>
      secco('denials', 'allow', key, 'fgetxattr', 'socket:0=16', 'flistxattr', '--yes', ...why),
    /\+ fgetxattr\n\+ flistxattr\n/
  ],
  [
    'the command that denials allow --dry-run prints',
    async ({ secco, shell, get }) => {
      const calls = ['getrlimit', 'socket:0=38,1=5']
      // A shell must not read anything in a reason.
      const reason = ['--reason', `it's $(needed) "now" \\`]
      const before = await get(ref)
      const printed = await secco('denials', 'allow', key, ...calls, '--dry-run', ...reason)
      // On one machine nobody has kubectl.
      const wanted =
        shell === undefined
          ? /^secco .*denials allow \S+ getrlimit socket:0=38,1=5 /
          : /^kubectl patch /
      const command = printed.stdout.split('\n').find((line) => wanted.test(line))
      if (printed.code !== 0 || command === undefined) return { ...printed, code: 1 }
      const isSame = JSON.stringify((await get(ref))?.spec) === JSON.stringify(before?.spec)
      if (!isSame) return { ...printed, code: 1, stderr: 'a dry run changes something' }
      return shell === undefined
        ? secco('denials', 'allow', key, ...calls, '--yes', ...why)
        : shell(command)
    },
    /patched|\+ getrlimit\n/
  ],
  [
    'the page: allow, several',
    ({ api }) => {
      const syscalls = ['getgroups', 'getcwd', 'getcwd']
      return api('POST', '/api/v1/allow', { profile: key, syscalls, yes: true, reason: 'r' })
    },
    /"applied":true/
  ],
  [
    'the page: allow',
    ({ api }) =>
      api('POST', '/api/v1/allow', { profile: key, syscall: 'times', yes: true, reason: 'r' }),
    /"applied":true/
  ],
  [
    'profile call',
    ({ secco }) => secco('profile', 'call', key, '--allow', 'sysinfo', '--deny', 'accept4', ...why)
  ],
  [
    'the page: calls',
    ({ api }) => api('POST', `/api/v1/profiles/${key}/calls`, { reason: 'r', allow: ['accept4'] })
  ],
  [
    'profile extend --add',
    ({ secco }) => secco('profile', 'extend', key, '--add', 'secco-system/glibc')
  ],
  [
    'profile extend --remove',
    ({ secco }) => secco('profile', 'extend', key, '--remove', 'secco-system/glibc')
  ],
  [
    'the page: extend',
    ({ api }) => api('POST', `/api/v1/profiles/${key}/extends`, { add: ['secco-system/glibc'] })
  ],
  ['profile approve', ({ secco }) => secco('profile', 'approve', key, ...why), /\+ getsid/],
  [
    'the page: approve, and deny a call',
    ({ api }) => api('POST', `/api/v1/profiles/${key}/approve`, { reason: 'r', deny: ['getpgid'] })
  ],
  [
    'profile apply, of what was changed under its approval',
    async (ground) => {
      const document = editedUnder((await ground.get(ref)) ?? unapproved, 'getpriority')
      const file = await written(ground, 'edited.yaml', serializeDocument(document))
      return ground.secco('profile', 'apply', '-f', file)
    }
  ],
  [
    'the page: apply',
    async ({ api, get }) => {
      const edited = editedUnder((await get(ref)) ?? unapproved, 'setpriority')
      return api('PUT', `/api/v1/profiles/${key}`, { document: serializeDocument(edited) })
    }
  ]
]

/** Who imports in the pages may make profiles everywhere. */
const imports: readonly Change[] = [
  [
    'import',
    async (ground) => {
      const file = await written(ground, 'web.json', JSON.stringify(foreign('getrusage')))
      return ground.secco('import', '-f', file, '--name', 'web', '-n', 'shop', '--apply')
    }
  ],
  [
    'the page: import',
    ({ api }) => {
      const files = [{ name: 'web.json', text: JSON.stringify(foreign('fremovexattr')) }]
      return api('POST', '/api/v1/import', { files, namespace: 'shop', name: 'web' })
    }
  ],
  [
    'denials allow after an import',
    ({ secco }) => secco('denials', 'allow', key, 'getresgid', 'getsid', '--yes', ...why),
    /\+ getresgid\n\+ getsid\n/
  ],
  [
    'denials allow after export and import',
    async (ground) => {
      const { stdout } = await ground.secco('profile', 'export', key, '-o', 'yaml')
      const applied = await ground.secco(
        ...['profile', 'apply', '-f', await written(ground, 'exported.yaml', stdout)]
      )
      if (applied.code !== 0) return applied
      return ground.secco('denials', 'allow', key, 'getresuid', '--yes', ...why)
    },
    /\+ getresuid\n/
  ]
]

const blocks: readonly Change[] = [
  ['block', ({ secco }) => secco('block', 'keyctl', ...why), /block keyctl/],
  ['the page: block', ({ api }) => api('POST', '/api/v1/block', { what: 'io_uring' })],
  ['a second block', ({ secco }) => secco('block', 'ptrace', ...why), /block ptrace/],
  ['block --remove', ({ secco }) => secco('block', 'keyctl', '--remove', ...why), /unblock keyctl/]
]

async function check(t: Test, what: string, done: Done, output = /(?:)/): Promise<void> {
  if (done instanceof Response) {
    const text = await done.text()
    t.equal(done.status, 200, `${what}: ${text.slice(0, 300)}`)
    t.match(text, output, what)
    return
  }
  t.equal(done.code, 0, `${what}: ${done.stderr}`)
  t.match(done.stdout, output, what)
}

/** Does every change to a profile that carries an approval, and looks at what is there after each. */
export const changeApproved = (t: Test, ground: Ground): Promise<void> => each(t, ground, changes)

/** The document for another installation: who applies it there cannot approve in another name. */
export async function exportApproved(t: Test, { secco, get }: Ground): Promise<void> {
  t.ok((await get(ref))?.spec.approval, 'it carries an approval')
  const { code, stdout } = await secco('profile', 'export', key, '-o', 'yaml')
  t.equal(code, 0)
  t.match(stdout, /seccomp:/)
  t.notMatch(stdout, /approval:/)
}

/** The same by profiles of other tools. */
export const importOver = (t: Test, ground: Ground): Promise<void> => each(t, ground, imports)

async function each(t: Test, ground: Ground, all: readonly Change[]): Promise<void> {
  const { get, person } = ground
  let before = await get(ref)
  t.ok(before?.spec.approval, 'it is approved to begin with')
  for (const [what, change, output] of all) {
    await check(t, what, await change(ground), output)
    const was = before
    const after = await get(ref)
    if (was === undefined || after === undefined) throw new Error(`${what}: the profile is gone`)
    t.not(approvedDigest(after.spec), approvedDigest(was.spec), `${what}: something changed`)
    const { approval } = after.spec
    // What another tool made replaces the whole spec, and on one machine a spec needs no approval.
    if (ground.isCluster || !what.endsWith('import')) {
      t.equal(approval?.digest, approvedDigest(after.spec), `${what}: approves what is there`)
      t.equal(approval?.by, person, what)
    }
    before = await until(`the hub to render it after ${what}`, async () => {
      const now = await get(ref)
      const ready = now?.status?.conditions?.find(({ type }) => type === 'Ready')
      return ready?.observedGeneration === now?.metadata.generation ? now : undefined
    })
    const ready = before.status?.conditions?.find(({ type }) => type === 'Ready')
    t.notMatch(ready?.reason, /ApprovalInvalid|RenderFailed/, `${what}: ${ready?.message ?? ''}`)
    t.not(before.status?.revision, was.status?.revision, `${what}: there is a new revision`)
  }
}

/** A trace is evidence: it takes nothing away from what is approved, and adds nothing to it. */
export async function importTrace(t: Test, { api, get }: Ground): Promise<void> {
  const before = await get(ref)
  const files = [{ name: 'web.strace', text: 'execve("/x") = 0\nmount(0) = 0\n' }]
  const answer = await api('POST', '/api/v1/import', { files, namespace: 'shop', name: 'web' })
  await check(t, 'import of a trace', answer, /"kind":"trace"/)
  const after = await get(ref)
  t.same(after?.spec, before?.spec, 'what is approved stays')
  t.ok(after?.status?.observed?.x86_64?.includes('mount'), 'what was seen is added')
}

/** The same for what is taken out of every profile: `bound` where the overlay carries an approval. */
export async function changeOverlay(t: Test, ground: Ground, bound: boolean): Promise<void> {
  for (const [what, change, output] of blocks) {
    await check(t, what, await change(ground), output)
    const overlay = await ground.get(overlayRef)
    if (overlay === undefined) throw new Error(`${what}: there is no overlay`)
    const { approval } = overlay.spec
    t.equal(approval?.digest, bound ? approvedDigest(overlay.spec) : undefined, what)
    if (bound) t.equal(approval?.by, ground.person, what)
  }
}
