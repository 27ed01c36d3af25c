import { constants } from 'node:os'
import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { defaultCapabilities } from '../policy/runtime-default.js'
import { list, mapping, type Mapping, onlyKeys, type Place, invalidField } from './fields.js'
import { shown, text, under, whole } from './fields.js'
import { limits } from '../../api/limits.js'
import { type Lose, listed } from './loss.js'
import { readSeccomp } from './seccomp-object.js'

/** Values for which docker's conditions are decided. */
export interface Conditions {
  /** Default: the capabilities that runtimes give a container. */
  capabilities?: readonly string[]
  /** MAJOR.MINOR; default 6.1. */
  kernel?: string
  /** `uname -m`; default x86_64. */
  machine?: string
}

/** Names that docker's `arches` use for a machine, and the ABI that archMap lists it under. */
const machines: Readonly<Record<string, { arches: readonly string[]; scmp: string }>> = {
  x86_64: { arches: ['amd64', 'x86', 'x32'], scmp: 'SCMP_ARCH_X86_64' },
  aarch64: { arches: ['arm64', 'arm'], scmp: 'SCMP_ARCH_AARCH64' }
}

function version(value: unknown, place: Place): [number, number] {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})(?:[.-].*)?$/.exec(text(value, place)) ?? []
  if (major === undefined || minor === undefined) {
    throw invalidField(place, `must be a kernel version such as 4.8, not ${shown(value)}`)
  }
  return [Number(major), Number(minor)]
}

function names(value: unknown, place: Place): string[] {
  if (value === undefined || value === null) return []
  return list(value, place, limits.names).map((each, index) => text(each, under(place, index)))
}

interface DockerCondition {
  caps: string[]
  arches: string[]
  minKernel: [number, number] | undefined
}

function readFilter(rule: Mapping, key: 'includes' | 'excludes', place: Place): DockerCondition {
  const at = under(place, key)
  const filter = rule[key] === undefined || rule[key] === null ? {} : mapping(rule[key], at)
  onlyKeys(filter, at, ['caps', 'arches', 'minKernel'])
  const least = filter['minKernel']
  return {
    caps: names(filter['caps'], under(at, 'caps')),
    arches: names(filter['arches'], under(at, 'arches')),
    minKernel:
      least === undefined || least === null ? undefined : version(least, under(at, 'minKernel'))
  }
}

const isEmpty = ({ caps, arches, minKernel }: DockerCondition) =>
  caps.length === 0 && arches.length === 0 && minKernel === undefined

/** errnoRet, or docker's and podman's errno name where the number is missing. */
function readErrno(from: Mapping, key: string, wordKey: string, place: Place): number | undefined {
  const number = from[key]
  if (number !== undefined && number !== null) return whole(number, under(place, key), 0, 4095)
  const word = from[wordKey]
  if (word === undefined || word === null || word === '') return undefined
  const known = Object.entries(constants.errno).find(([name]) => name === word)
  if (known === undefined) throw invalidField(under(place, wordKey), `${shown(word)} is no errno`)
  return known[1]
}

function archMap(object: Mapping, place: Place, scmp: string): string[] | undefined {
  const at = under(place, 'archMap')
  if (object['archMap'] === undefined || object['archMap'] === null) return undefined
  const rows = list(object['archMap'], at, 64).map((row, index) => {
    const here = under(at, index)
    const entry = mapping(row, here)
    onlyKeys(entry, here, ['architecture', 'subArchitectures'])
    return {
      architecture: text(entry['architecture'], under(here, 'architecture')),
      others: names(entry['subArchitectures'], under(here, 'subArchitectures'))
    }
  })
  const own = rows.find((row) => row.architecture === scmp)
  return own === undefined ? undefined : [own.architecture, ...own.others]
}

/**
 * Docker's format: `archMap`, and rules that apply for some capabilities, architectures and kernels
 * only (github.com/moby/profiles/seccomp). The conditions are decided for what is given, and that
 * they were is a loss: the result is right for such containers only.
 */
export function importDocker(
  value: unknown,
  place: Place,
  lose: Lose,
  given: Conditions = {}
): LinuxSeccomp {
  const object = mapping(value, place)
  const machine = given.machine ?? 'x86_64'
  const here = machines[machine]
  if (here === undefined) {
    throw invalidField(
      place,
      `docker's conditions cannot be decided for the machine ${shown(machine)}`
    )
  }
  const caps = new Set(given.capabilities ?? defaultCapabilities)
  const kernelText = given.kernel ?? '6.1'
  const kernel = version(kernelText, { where: '--kernel', path: '' })
  const reached = (least: [number, number] | undefined) =>
    least !== undefined &&
    (kernel[0] > least[0] || (kernel[0] === least[0] && kernel[1] >= least[1]))
  const onThis = (arches: readonly string[]) => arches.some((each) => here.arches.includes(each))
  let decided = 0
  const applies = (rule: Mapping, at: Place): boolean => {
    const includes = readFilter(rule, 'includes', at)
    const excludes = readFilter(rule, 'excludes', at)
    if (!isEmpty(includes) || !isEmpty(excludes)) decided++
    const included =
      includes.caps.every((cap) => caps.has(cap)) &&
      (includes.arches.length === 0 || onThis(includes.arches)) &&
      (includes.minKernel === undefined || reached(includes.minKernel))
    const excluded =
      excludes.caps.some((cap) => caps.has(cap)) ||
      onThis(excludes.arches) ||
      reached(excludes.minKernel)
    return included && !excluded
  }
  const rest = Object.fromEntries(
    Object.entries(object).filter(([key]) => key !== 'archMap' && key !== 'defaultErrno')
  )
  const errno = readErrno(object, 'defaultErrnoRet', 'defaultErrno', place)
  const architectures = archMap(object, place, here.scmp)
  const both = Array.isArray(rest['architectures']) && rest['architectures'].length > 0
  if (both && architectures !== undefined) {
    throw invalidField(under(place, 'architectures'), 'and archMap cannot both be given')
  }
  const seccomp = readSeccomp(
    {
      ...rest,
      ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
      ...(architectures === undefined ? {} : { architectures })
    },
    place,
    lose,
    {
      profileKeys: ['$schema', 'source'],
      ruleKeys: ['name', 'comment', 'includes', 'excludes', 'errno'],
      applies,
      errno: (rule, at) =>
        readErrno(rule, 'errnoRet', 'errno', {
          where: at.where,
          path: at.path.replace(/\.?errnoRet$/, '')
        })
    }
  )
  if (decided > 0) {
    const capabilities =
      given.capabilities === undefined
        ? "a container's default capabilities"
        : `capabilities ${listed([...caps])}`
    lose({
      path: under(place, 'syscalls').path,
      what: `the conditions of ${decided} rules (includes, excludes)`,
      why: 'runtimes ignore them in a file, and Secco writes files for runtimes',
      fix: `decided for ${machine}, kernel ${kernelText} and ${capabilities}; choose with --capabilities and --kernel`
    })
  }
  return seccomp
}
