import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { mapping, type Place, invalidField, under } from './fields.js'
import type { Lose } from './loss.js'
import { readSeccomp } from './seccomp-object.js'

/** `linux.seccomp` of the OCI runtime-spec, as CRI runtimes read it from a file. */
export function importOci(value: unknown, place: Place, lose: Lose): LinuxSeccomp {
  const docker = ['archMap', 'includes', 'excludes']
  const object = mapping(value, place)
  const rules = Array.isArray(object['syscalls']) ? (object['syscalls'] as unknown[]) : []
  const used = [object, ...rules].some(
    (part) => typeof part === 'object' && part !== null && docker.some((key) => key in part)
  )
  if (used) {
    throw invalidField(
      place,
      "has docker's conditions (includes, excludes, archMap), which a runtime ignores",
      'import it with --format docker, which decides them for given capabilities'
    )
  }
  return readSeccomp(value, place, lose)
}

/** An OCI runtime's `config.json`: its `linux.seccomp` is taken. */
export function importConfigJson(value: unknown, place: Place, lose: Lose): LinuxSeccomp {
  const linux = mapping(mapping(value, place)['linux'], under(place, 'linux'))
  const at = under(under(place, 'linux'), 'seccomp')
  if (linux['seccomp'] === undefined || linux['seccomp'] === null) {
    throw invalidField(
      at,
      'is missing: this container runs without a filter',
      'learn a profile for it instead'
    )
  }
  return importOci(linux['seccomp'], at, lose)
}
