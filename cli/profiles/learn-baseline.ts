import { apiVersion, rootNamespace } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { abis } from '../../src/syscalls/abi.js'
import { evidenceOf } from '../../src/seccomp/review/evidence.js'
import { sizeOfSet, type SyscallSet } from '../../src/syscalls/syscall-set.js'

/** Every profile needs this evidence; the other items many workloads can never have. */
const defaultRequire = ['instances', 'whole', 'abis', 'start', 'serve', 'stop', 'lost']

/** Reads a baseline: `{"x86_64": ["read", …]}`, or a document with such a `status.observed`. @throws SeccoError */
export function parseBaseline(text: string, path: string): SyscallSet {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SeccoError('INVALID_DOCUMENT', `${path}: is not JSON`, { cause })
  }
  const { status, observed } = (value ?? {}) as {
    status?: { observed?: unknown }
    observed?: unknown
  }
  const raw = (status?.observed ?? observed ?? value ?? {}) as Record<string, unknown>
  const set: SyscallSet = {}
  for (const abi of abis) {
    const names = raw[abi]
    if (Array.isArray(names))
      set[abi] = names.filter((name: unknown): name is string => typeof name === 'string').sort()
  }
  if (sizeOfSet(set) > 0) return set
  throw new SeccoError(
    'INVALID_DOCUMENT',
    `${path}: holds no names of any ABI (${abis.join(', ')})`,
    {
      hint: 'make one with: secco learn WORKLOAD -o json > baseline.json'
    }
  )
}

/** Returns the profile, as `namespace/name`, of which a baseline says that it is; undefined where it says nothing. */
export function baselineOwner(text: string): string | undefined {
  const { profile, metadata } = (JSON.parse(text) ?? {}) as {
    profile?: unknown
    metadata?: { namespace?: unknown; name?: unknown }
  }
  if (typeof profile === 'string') return profile
  const { namespace = rootNamespace, name } = metadata ?? {}
  return typeof name === 'string' && typeof namespace === 'string'
    ? `${namespace}/${name}`
    : undefined
}

/** Returns the items of --require. @throws SeccoError INVALID_ARGUMENT for an item that evidence does not have. */
export function parseRequired(text: string | undefined): readonly string[] {
  if (text === undefined) return defaultRequire
  const empty = { apiVersion, kind: 'SeccompProfile', metadata: { name: '' }, spec: {} } as const
  const known = evidenceOf(empty, 0).map(({ item }) => item)
  const items = text.split(',').map((item) => item.trim())
  const wrong = items.find((item) => !known.includes(item))
  if (wrong === undefined) return items
  throw new SeccoError('INVALID_ARGUMENT', `--require: ${JSON.stringify(wrong)} is no evidence`, {
    hint: `use some of ${known.join(', ')}`
  })
}
