import type { SyscallCounts } from '../../syscalls/syscall-set.js'
import { mapping, oneOf, onlyKeys, type Place, invalidField, text, under, list } from './fields.js'
import { limits } from '../../api/limits.js'
import type { Lose } from './loss.js'
import { createTally, nativeAbi } from './observed.js'
import { readValues } from '../../api/read-value.js'

/** Profile of one container. */
interface GadgetProfile {
  /** Name of the container, if the gadget printed it. */
  name: string | undefined
  counts: SyscallCounts
}

const comment = /^\/\/ ?(.*)$/

/** True for text whose first words are the gadget's comment with the container's name. */
export function looksLikeGadget(source: string): boolean {
  return /^\s*\/\/ .*\r?\n\s*\{/.test(source.slice(0, 2000))
}

/** The parts between comment lines: the newer gadget prints one for each container. */
function partsOf(source: string): { name: string | undefined; source: string }[] {
  const parts: { name: string | undefined; lines: string[] }[] = [{ name: undefined, lines: [] }]
  for (const line of source.split('\n')) {
    const name = comment.exec(line.trimEnd())?.[1]
    if (name !== undefined) parts.push({ name: name.trim(), lines: [] })
    else parts.at(-1)?.lines.push(line)
  }
  return parts
    .map((part) => ({ name: part.name, source: part.lines.join('\n') }))
    .filter((part) => part.source.trim() !== '')
}

function importPart(value: unknown, place: Place, lose: Lose, machine: string): SyscallCounts {
  const object = mapping(value, place)
  onlyKeys(object, place, ['defaultAction', 'architectures', 'syscalls'])
  oneOf(object['defaultAction'], under(place, 'defaultAction'), ['SCMP_ACT_ERRNO'])
  const tally = createTally(machine)
  const at = under(place, 'syscalls')
  for (const [index, given] of list(object['syscalls'], at, limits.rules).entries()) {
    const here = under(at, index)
    const rule = mapping(given, here)
    onlyKeys(rule, here, ['names', 'action', 'args'])
    oneOf(rule['action'], under(here, 'action'), ['SCMP_ACT_ALLOW'])
    const names = list(rule['names'], under(here, 'names'), limits.names)
    for (const [position, name] of names.entries()) {
      tally.add(nativeAbi(machine), text(name, under(under(here, 'names'), position)))
    }
  }
  if (object['architectures'] !== undefined) {
    lose({
      path: under(place, 'architectures').path,
      what: 'the list of ABIs',
      why: 'the gadget always lists X86 and X32 and does not distinguish them',
      fix: `everything counts as ${nativeAbi(machine)}`
    })
  }
  return tally.finish(at.path, lose)
}

/**
 * What `kubectl gadget advise seccomp-profile` (Inspektor Gadget) prints: an OCI-shaped profile of
 * names that were seen, or several with the container's name as a comment before each.
 */
export function importGadget(
  source: string,
  place: Place,
  lose: Lose,
  machine = 'x86_64'
): GadgetProfile[] {
  const parts = partsOf(source)
  if (parts.length === 0) throw invalidField(place, 'is empty')
  return parts.map((part, index) => {
    const here = {
      where: parts.length > 1 ? `${place.where} (part ${index + 1})` : place.where,
      path: ''
    }
    const [value, ...others] = readValues(part.source, here.where)
    if (others.length > 0) throw invalidField(here, 'has several documents in one part')
    return { name: part.name, counts: importPart(value, here, lose, machine) }
  })
}
