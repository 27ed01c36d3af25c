// Writes src/seccomp/policy/gen/known-defaults.ts: every default profile that the authors of runtimes published. Needs Go, and
// clones with their history:
//
//   node bin/gen-defaults.mjs MOBY.git CONTAINERD.git CONTAINERS_COMMON.git
//
// Sources, all Apache-2.0:
//   github.com/moby/moby profiles/seccomp/default.json, and github.com/moby/profiles/seccomp since (Docker)
//   github.com/containerd/containerd contrib/seccomp/seccomp_default.go (containerd, Kubernetes)
//   github.com/containers/common pkg/seccomp/seccomp.json (Podman)
//   github.com/cri-o/cri-o internal/config/seccomp/seccomp.go: what CRI-O changes of that, below
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [moby, containerd, common] = process.argv.slice(2)
const mobyProfiles = ['v0.1.0', 'v0.2.3', 'v0.2.4', 'v0.3.0']
const run = (file, args) =>
  execFileSync(file, args, {
    cwd: '/',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'ignore']
  }).toString()

/** Returns each content that a file had, the oldest first. */
function contentsOf(git, path) {
  const at = ['--git-dir', git]
  const commits = run('git', [
    ...at,
    'log',
    '--branches',
    '--tags',
    '--format=%H',
    '--reverse',
    '--',
    path
  ])
    .trim()
    .split('\n')
  const found = new Set()
  for (const commit of commits) {
    try {
      const text = run('git', [...at, 'show', `${commit}:${path}`])
      // A link to another file has a path as its text.
      if (text.includes('\n')) found.add(text)
    } catch {
      // The commit removed it.
    }
  }
  return [...found]
}

const machines = { x86_64: 'amd64', aarch64: 'arm64' }
const every = Object.keys(machines)

/** Returns the machines on which a rule with these conditions is used. */
const machinesOf = ({ includes = [], excludes = [] }) =>
  every.filter(
    (one) =>
      (includes.length === 0 || includes.includes(machines[one])) &&
      !excludes.includes(machines[one])
  )

function fromJson(text) {
  const { syscalls, defaultAction, defaultErrnoRet } = JSON.parse(text)
  const rules = syscalls.flatMap((rule) => {
    const { names = [rule.name], action, args, includes, excludes, errnoRet } = rule
    // A kernel is at least 4.8.
    if (excludes?.minKernel !== undefined) return []
    return [
      {
        ...{ names, action, errnoRet, args: args ?? [] },
        ...{ caps: includes?.caps ?? [], without: excludes?.caps ?? [] },
        on: machinesOf({ includes: includes?.arches, excludes: excludes?.arches })
      }
    ]
  })
  return { defaultAction, defaultErrnoRet, rules }
}

const constants = {
  ...{ CLONE_NEWNS: 0x20000, CLONE_NEWCGROUP: 0x2000000, CLONE_NEWUTS: 0x4000000 },
  ...{ CLONE_NEWIPC: 0x8000000, CLONE_NEWUSER: 0x10000000, CLONE_NEWPID: 0x20000000 },
  ...{ CLONE_NEWNET: 0x40000000, AF_VSOCK: 40, AF_ALG: 38 }
}
const operators = {
  ...{ OpEqualTo: 'EQ', OpNotEqual: 'NE', OpLessThan: 'LT', OpGreaterThan: 'GT' },
  ...{ OpLessEqual: 'LE', OpGreaterEqual: 'GE', OpMaskedEqual: 'MASKED_EQ' }
}

function valueOf(text) {
  const total = text.split('|').map((part) =>
    part.split('+').reduce((sum, one) => {
      const name = one.trim().replace(/^(unix|syscall)\./, '')
      const value = constants[name] ?? Number(name)
      if (Number.isNaN(value)) throw new Error(`unknown constant ${name}`)
      return sum + value
    }, 0)
  )
  return total.reduce((bits, one) => Number(BigInt(bits) | BigInt(one)), 0)
}

/** Reads the Go function that makes containerd's profile, line by line. */
function fromGo(text) {
  const rules = []
  const switches = []
  let depth = 0
  let isWithoutAdmin = false
  let rule
  let isInNames = false
  const body = text.slice(text.indexOf('func DefaultProfile'))
  for (const full of body.split('\n')) {
    const line = full.replace(/\/\/.*/, '').trim()
    if (/^switch /.test(line))
      switches.push({ isArch: line.includes('GOARCH'), depth, labels: [], all: [] })
    const top = switches.at(-1)
    const label = /^case (.*):$/.exec(line)
    if (top !== undefined && label) {
      top.labels = [...label[1].matchAll(/"(\w+)"/g)].map(([, one]) => one)
      top.all.push(...top.labels)
    }
    if (top !== undefined && line === 'default:') top.labels = undefined
    if (/^if !admin /.test(line)) isWithoutAdmin = true
    if (/Names:/.test(line)) {
      const arch = switches.find(({ isArch }) => isArch)
      const caps = switches.find(({ isArch }) => !isArch)
      const on =
        arch === undefined
          ? every
          : arch.labels === undefined
            ? machinesOf({ excludes: arch.all })
            : every.filter((one) => arch.labels.includes(machines[one]))
      rule = { names: [], action: '', errnoRet: undefined, args: [], on }
      rule.caps = caps?.labels ?? []
      rule.without = isWithoutAdmin ? ['CAP_SYS_ADMIN'] : []
      rules.push(rule)
      isInNames = true
    }
    if (rule !== undefined) {
      if (isInNames) rule.names.push(...[...line.matchAll(/"(\w+)"/g)].map(([, one]) => one))
      if (isInNames && /\}/.test(line)) isInNames = false
      const action = /^Action: +\w+\.Act(\w+)/.exec(line)
      if (action) rule.action = `SCMP_ACT_${action[1].toUpperCase()}`
      if (/^ErrnoRet: +&nosys/.test(line)) rule.errnoRet = 38
      const member = /^(Index|Value|ValueTwo|Op): +(.*?),?$/.exec(line)
      if (member) {
        const [, name, value] = member
        if (name === 'Index') rule.args.push({ index: Number(value), value: 0, op: '' })
        const arg = rule.args.at(-1)
        if (name === 'Value') arg.value = valueOf(value)
        if (name === 'ValueTwo') arg.valueTwo = valueOf(value)
        if (name === 'Op') arg.op = `SCMP_CMP_${operators[value.replace(/^\w+\./, '')]}`
      }
    }
    depth += (line.match(/\{/g) ?? []).length - (line.match(/\}/g) ?? []).length
    while (switches.length > 0 && depth <= switches.at(-1).depth) switches.pop()
  }
  return { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: undefined, rules }
}

const admin = ['CAP_SYS_ADMIN']
const forAdmin = (names) => ({ ...plain, names, caps: admin })
const plain = {
  action: 'SCMP_ACT_ALLOW',
  errnoRet: undefined,
  args: [],
  caps: [],
  without: [],
  on: every
}
const ofFlags = (value, valueTwo) => [{ index: 0, value, valueTwo, op: 'SCMP_CMP_MASKED_EQ' }]
const namespaces = Object.entries(constants).flatMap(([name, one]) =>
  /^CLONE_/.test(name) ? [one] : []
)
const allNamespaces = namespaces.reduce((sum, one) => sum + one, 0)
const cloneOfCrio = [
  { ...plain, names: ['clone'], args: ofFlags(allNamespaces, 0) },
  ...namespaces.map((one) => ({
    ...{ ...plain, names: ['clone'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, without: admin },
    args: ofFlags(one, one)
  })),
  { ...plain, names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38, without: admin }
]

/** Returns the profile of CRI-O: these names need CAP_SYS_ADMIN, and some flags of clone, too. */
function ofCrio(profile, names, more) {
  const isMoved = (rule) =>
    rule.caps.length + rule.args.length === 0 && rule.action === 'SCMP_ACT_ALLOW'
  const rules = profile.rules.map((rule) =>
    isMoved(rule) ? { ...rule, names: rule.names.filter((name) => !names.includes(name)) } : rule
  )
  return { ...profile, rules: [...rules, forAdmin(names), ...more] }
}

const mobyModule = (version) => {
  const module = `github.com/moby/profiles/seccomp@${version}`
  return readFileSync(
    join(JSON.parse(run('go', ['mod', 'download', '-json', module])).Dir, 'default.json'),
    'utf8'
  )
}
const podman = contentsOf(common, 'pkg/seccomp/seccomp.json').map(fromJson)
const histories = {
  docker: [
    ...contentsOf(moby, 'profiles/seccomp/default.json'),
    ...mobyProfiles.map(mobyModule)
  ].map(fromJson),
  containerd: contentsOf(containerd, 'contrib/seccomp/seccomp_default.go').map(fromGo),
  podman,
  'CRI-O': podman.flatMap((one) => [
    ofCrio(one, ['unshare'], []),
    ofCrio(one, ['clone', 'clone3', 'unshare'], cloneOfCrio)
  ])
}

/** What a rule says of one name, apart from the name. */
const kinds = new Map()
/** `kind name` → index. */
const atoms = new Map()
const indexIn = (map, key) => map.get(key) ?? (map.set(key, map.size), map.size - 1)

function atomsOf({ rules }) {
  const own = new Set()
  for (const { names, action, errnoRet = 1, args, caps, without, on } of rules) {
    if (on.length === 0) continue
    const conditions = args.map(({ index, value, valueTwo, op }) => ({
      ...{ index, value, op },
      ...(op === 'SCMP_CMP_MASKED_EQ' ? { valueTwo: valueTwo ?? 0 } : {})
    }))
    const kind = {
      action,
      ...(action === 'SCMP_ACT_ERRNO' ? { errnoRet } : {}),
      ...(conditions.length === 0 ? {} : { args: conditions }),
      ...(caps.length === 0 ? {} : { caps: [...caps].sort() }),
      ...(without.length === 0 ? {} : { without: [...without].sort() }),
      ...(on.length === every.length ? {} : { on: on[0] })
    }
    const at = indexIn(kinds, JSON.stringify(kind))
    for (const name of names) own.add(indexIn(atoms, `${at} ${name}`))
  }
  return own
}

const versions = []
const seen = new Set()
for (const [runtime, history] of Object.entries(histories)) {
  let before = new Set()
  for (const each of history) {
    // Docker's first ones, for which actions were numbers: no runtime of today reads them.
    if (each.rules.some(({ action }) => typeof action !== 'string')) continue
    const own = atomsOf(each)
    const errnoRet = each.defaultErrnoRet ?? 1
    const key = `${errnoRet} ${[...own].sort((a, b) => a - b).join()}`
    if (seen.has(key)) continue
    seen.add(key)
    const added = [...own].filter((one) => !before.has(one))
    const removed = [...before].filter((one) => !own.has(one))
    versions.push({ runtime, errnoRet, added, removed })
    before = own
  }
}

const names = new Map([...kinds.values()].map((at) => [at, []]))
// Atoms are numbered in the order in which they were met: the table keeps it.
const table = [...atoms.keys()].map((key) => key.split(' '))
for (const [kind, name] of table) names.get(Number(kind)).push(name)
const ranges = (list) => {
  const parts = []
  for (const one of [...list].sort((a, b) => a - b)) {
    const last = parts.at(-1)
    if (last !== undefined && last[1] === one - 1) last[1] = one
    else parts.push([one, one])
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ')
}
// Numbered again by kind, so that names of a kind are one text.
const place = new Map()
for (const [kind, list] of names) for (const name of list) place.set(`${kind} ${name}`, place.size)
const renumber = (list) => list.map((at) => place.get(table[at].join(' ')))
const text = `// Generated by bin/gen-defaults.mjs from the histories of moby, containerd and containers/common (Apache-2.0). DO NOT EDIT.
/** What rules say of their names: action, conditions on arguments, capabilities and machine. */
export const defaultRules: readonly (readonly [rule: string, names: string])[] = [
${[...kinds.keys()].map((kind, at) => `  [${JSON.stringify(kind)}, ${JSON.stringify(names.get(at).join(' '))}]`).join(',\n')}
]

/** Versions of each runtime's default, the oldest first: the entries of the rules' names that each adds and removes. */
export const defaultVersions = [
${versions
  .map(
    ({ runtime, errnoRet, added, removed }) =>
      `  ${JSON.stringify({ runtime, errnoRet, added: ranges(renumber(added)), removed: ranges(renumber(removed)) })}`
  )
  .join(',\n')}
]
`
writeFileSync(join(import.meta.dirname, '../src/seccomp/policy/gen/known-defaults.ts'), text)
