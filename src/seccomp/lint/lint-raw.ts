import { apiVersion } from '../../api/names.js'
import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { seccompProblem } from '../../api/validate-seccomp.js'
import { validateObject } from '../../api/validate.js'
import { SeccoError } from '../../lib/errors.js'
import type { RuntimeVersion } from '../render/base.js'
import { bySeverity, type LintFinding, type LintUse } from './lint-finding.js'
import { lintSeccomp } from './lint.js'
import { compareVersions } from '../../lib/version-order.js'

type Bag = Readonly<Record<string, unknown>>

const isBag = (value: unknown): value is Bag =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** Keys of Docker's own format. Other runtimes ignore them, and so allow what they should deny. */
const dockerKeys = ['archMap', 'includes', 'excludes', 'comment', 'name', 'minKernel']
const profileKeys = ['defaultAction', 'defaultErrnoRet', 'architectures', 'syscalls']
const ruleKeys = ['names', 'action', 'errnoRet', 'args']
/** Keys of the OCI runtime-spec that Secco never writes. */
const specKeys = ['flags', 'listenerPath', 'listenerMetadata']
const knownFlags = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'
]

interface RawLintOptions {
  /** The runtime that will load the profile: it decides which keys are rejected. */
  runtime?: RuntimeVersion
}

interface SeccompPart {
  use: LintUse
  /** Path of the seccomp object, empty when it is the document. */
  path: string
  seccomp: unknown
}

/** The seccomp object of an OCI profile, a config.json, a SeccompProfile or the operator's resource. */
function seccompIn(document: Bag): SeccompPart | undefined {
  const spec = isBag(document['spec']) ? document['spec'] : undefined
  if (document['apiVersion'] === apiVersion) {
    return { use: 'spec', path: 'spec.seccomp', seccomp: spec?.['seccomp'] }
  }
  if (isBag(document['linux'])) {
    return { use: 'oci', path: 'linux.seccomp', seccomp: document['linux']['seccomp'] }
  }
  if (spec !== undefined && 'defaultAction' in spec)
    return { use: 'oci', path: 'spec', seccomp: spec }
  return { use: 'oci', path: '', seccomp: document }
}

const error = (rule: string, subject: string, message: string, fix: string): LintFinding => ({
  severity: 'error',
  rule,
  subject,
  message,
  fix
})

function unknownKey(key: string, path: string): LintFinding {
  const subject = path === '' ? key : `${path}.${key}`
  if (dockerKeys.includes(key)) {
    const harmless = key === 'comment'
    return {
      severity: harmless ? 'warning' : 'error',
      rule: 'docker-only',
      subject,
      message: harmless
        ? "a key of Docker's format; other runtimes ignore it"
        : "a key of Docker's format; other runtimes ignore it and allow what it should deny",
      fix: 'resolve it for the given capabilities and kernel, then remove it'
    }
  }
  return error('unknown-key', subject, 'no runtime knows this key', 'correct or remove it')
}

function lintFlags(seccomp: Bag, runtime: RuntimeVersion | undefined): LintFinding[] {
  const found: LintFinding[] = []
  for (const key of ['listenerPath', 'listenerMetadata']) {
    if (key in seccomp) {
      const message =
        'passes syscalls to an external program: without that program no container starts'
      found.push(error('listener', key, message, 'remove it'))
    }
  }
  if (!('flags' in seccomp)) return found
  for (const flag of listOf(seccomp['flags'])) {
    if (typeof flag === 'string' && knownFlags.includes(flag)) continue
    const message = `${typeof flag === 'string' ? JSON.stringify(flag.slice(0, 60)) : 'a value'} is not a seccomp flag`
    found.push(error('flags', 'flags', message, `choose from ${knownFlags.join(', ')}`))
  }
  const old = runtime?.name === 'runc' && compareVersions(runtime.version, '1.2.0') < 0
  found.push({
    severity: old ? 'error' : 'warning',
    rule: 'flags',
    subject: 'flags',
    message: old
      ? `runc ${runtime.version} rejects the container: "seccomp flags are not yet supported by runc"`
      : 'runc before 1.2 rejects a container with this key',
    fix: 'remove it'
  })
  return found
}

/** The object with the keys that Secco's schema knows, for the checks that need its shape. */
function known(seccomp: Bag): Bag {
  const pick = (bag: Bag, keys: readonly string[]) =>
    Object.fromEntries(keys.flatMap((key) => (key in bag ? [[key, bag[key]]] : [])))
  const picked = pick(seccomp, profileKeys)
  if (!Array.isArray(seccomp['syscalls'])) return picked
  const rules: unknown[] = seccomp['syscalls'].map((rule: unknown) => {
    if (!isBag(rule)) return rule
    const names =
      'names' in rule || typeof rule['name'] !== 'string' ? {} : { names: [rule['name']] }
    const { args, ...rest } = pick(rule, ruleKeys)
    return { ...rest, ...names, ...(args === undefined || args === null ? {} : { args }) }
  })
  return { ...picked, syscalls: rules }
}

function shaped(seccomp: Bag, path: string): LinuxSeccomp | LintFinding {
  const wrapped = {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { name: 'lint' },
    spec: { seccomp }
  }
  try {
    const object = validateObject(wrapped, 'lint')
    if (object.kind === 'SeccompProfile' && object.spec.seccomp !== undefined)
      return object.spec.seccomp
  } catch (thrown) {
    if (!(thrown instanceof SeccoError)) throw thrown
    // The shape is valid: lintSeccomp checks what the rules do.
    if (seccompProblem(seccomp) === undefined) return seccomp as unknown as LinuxSeccomp
    const field = (thrown.field ?? '').replace(/^spec\.seccomp\.?/, '')
    const subject = [path, field].filter((part) => part !== '').join('.') || 'the document'
    const message = thrown.message.split(': ').slice(2).join(': ') || thrown.message
    return error('invalid', subject, message, 'correct the named field')
  }
  return error('invalid', path, 'is not a seccomp object', 'write one with a defaultAction')
}

/**
 * Lints a document as it was read, before anything is left out of it: an OCI profile, an OCI
 * config.json, a SeccompProfile, or another resource with `spec.defaultAction`. Pure; anything may be
 * given, and nothing is thrown.
 */
export function lintRaw(document: unknown, options: RawLintOptions = {}): LintFinding[] {
  const found = isBag(document) ? seccompIn(document) : undefined
  if (found === undefined || !isBag(found.seccomp)) {
    const subject = found?.path ?? ''
    const none = subject === 'spec.seccomp' && found?.seccomp === undefined
    if (none) {
      const message = 'nothing is approved: the profile only learns'
      return [
        { severity: 'note', rule: 'empty', subject, message, fix: 'approve what was observed' }
      ]
    }
    return [
      error(
        'invalid',
        subject === '' ? 'the document' : subject,
        'is not a seccomp object',
        'write one with a defaultAction'
      )
    ]
  }
  const { seccomp, path, use } = found
  const inner = (key: string) => (path === '' ? key : `${path}.${key}`)
  const keys =
    path === 'spec'
      ? Object.keys(seccomp).filter((key) => key !== 'baseProfileName' && key !== 'disabled')
      : Object.keys(seccomp)
  const findings = keys
    .filter((key) => ![...profileKeys, ...specKeys].includes(key))
    .map((key) => unknownKey(key, path))
  for (const [index, rule] of listOf(seccomp['syscalls']).entries()) {
    if (!isBag(rule)) continue
    for (const key of Object.keys(rule)) {
      if (!ruleKeys.includes(key)) findings.push(unknownKey(key, inner(`syscalls[${index}]`)))
    }
  }
  findings.push(...lintFlags(seccomp, options.runtime))
  const shape = shaped(known(seccomp), path)
  if ('rule' in shape) return bySeverity([...findings, shape])
  return bySeverity([...findings, ...lintSeccomp(shape, use)])
}
