import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { mapping, type Mapping, oneOf, onlyKeys, type Place, invalidField } from './fields.js'
import { shown, text, under, whole } from './fields.js'
import { isMapping } from './fields.js'
import { limits } from '../../api/limits.js'
import type { Lose } from './loss.js'
import { readSeccomp } from './seccomp-object.js'

export const spoGroup = 'security-profiles-operator.x-k8s.io'
const versions = ['v1alpha1', 'v1beta1', 'v1'] as const

/** True for a security-profiles-operator SeccompProfile of any version. */
export function isSpoProfile(value: unknown): value is Mapping {
  return (
    isMapping(value) &&
    value['kind'] === 'SeccompProfile' &&
    typeof value['apiVersion'] === 'string' &&
    value['apiVersion'].startsWith(`${spoGroup}/`)
  )
}

/** One of the operator's profiles and where it was found. */
export interface SpoSource {
  value: Mapping
  place: Place
}

interface SpoProfile {
  name: string
  namespace: string | undefined
  labels: Record<string, string>
  seccomp: LinuxSeccomp
}

const metaOf = ({ value, place }: SpoSource) => mapping(value['metadata'], under(place, 'metadata'))

function nameOf(source: SpoSource): string {
  const at = under(under(source.place, 'metadata'), 'name')
  return text(metaOf(source)['name'], at)
}

function namespaceOf(source: SpoSource): string | undefined {
  const value = metaOf(source)['namespace']
  return typeof value === 'string' ? value : undefined
}

/** v1beta1 spells errnoRet as text, v1 as a number; 0 is as if unset there. */
function errnoOf(rule: Mapping, at: Place): number | undefined {
  const value = rule['errnoRet']
  if (value === undefined || value === null || value === '' || value === 0) return undefined
  if (typeof value === 'string' && /^\d{1,4}$/.test(value)) return whole(Number(value), at, 0, 4095)
  return whole(value, at, 0, 4095)
}

function ownSeccomp(source: SpoSource, lose: Lose): { seccomp: LinuxSeccomp; base?: string } {
  const { value, place } = source
  onlyKeys(value, place, ['apiVersion', 'kind', 'metadata', 'spec', 'status'])
  const version = String(value['apiVersion']).slice(spoGroup.length + 1)
  oneOf(version, under(place, 'apiVersion'), versions)
  const at = under(place, 'spec')
  const { baseProfileName, disabled, ...rest } = mapping(value['spec'], at)
  if (disabled === true) {
    lose({
      path: under(at, 'disabled').path,
      what: 'true',
      why: 'profiles of Secco have no such switch: a profile is used when a rule names it',
      fix: 'imported as it is; write no rule for it'
    })
  }
  const seccomp = readSeccomp(rest, at, lose, { profileKeys: [], ruleKeys: [], errno: errnoOf })
  if (baseProfileName === undefined || baseProfileName === '') return { seccomp }
  return { seccomp, base: text(baseProfileName, under(at, 'baseProfileName')) }
}

/** Merges a profile with its base as the operator does: rules of both, and the child's other fields. */
function joined(own: LinuxSeccomp, base: LinuxSeccomp): LinuxSeccomp {
  return { ...own, syscalls: [...(base.syscalls ?? []), ...(own.syscalls ?? [])] }
}

/**
 * One of the operator's profiles with its base profiles put into it. Bases are looked for among `all`
 * by name (v1beta1: in the same namespace). NOT_FOUND for one that is not there, EXTENDS_CYCLE; a
 * base in a registry (`oci://`) is a loss: nothing is fetched.
 */
export function importSpo(source: SpoSource, all: readonly SpoSource[], lose: Lose): SpoProfile {
  const visit = (current: SpoSource, path: readonly string[]): LinuxSeccomp => {
    const name = nameOf(current)
    const at = under(under(current.place, 'spec'), 'baseProfileName')
    if (path.includes(name)) {
      throw new SeccoError(
        'EXTENDS_CYCLE',
        `${at.where}: ${at.path}: base profiles in a circle: ${[...path, name].map(shown).join(' → ')}`,
        { field: at.path }
      )
    }
    if (path.length >= limits.bases) {
      throw invalidField(at, `has more than ${limits.bases} levels of base profiles`)
    }
    const { seccomp, base } = ownSeccomp(current, lose)
    if (base === undefined) return seccomp
    if (base.startsWith('oci://')) {
      lose({
        path: at.path,
        what: shown(base),
        why: 'its base profile lies in a registry, and an import fetches nothing',
        fix: 'pull it (`spoc pull`), and give its file with another -f'
      })
      return seccomp
    }
    const found = all.find(
      (other) => nameOf(other) === base && namespaceOf(other) === namespaceOf(current)
    )
    if (found === undefined) {
      throw new SeccoError(
        'NOT_FOUND',
        `${at.where}: ${at.path}: the base profile ${shown(base)} is in none of the given files`,
        { field: at.path, hint: 'give its file with another -f' }
      )
    }
    return joined(seccomp, visit(found, [...path, name]))
  }
  const labels = metaOf(source)['labels']
  return {
    name: nameOf(source),
    namespace: namespaceOf(source),
    labels: isMapping(labels)
      ? Object.fromEntries(
          Object.entries(labels).flatMap(([key, value]) =>
            typeof value === 'string' ? [[key, value] as const] : []
          )
        )
      : {},
    seccomp: visit(source, [])
  }
}
