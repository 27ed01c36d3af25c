import { Compile } from 'typebox/compile'
import { LinuxSeccomp } from './seccomp-profile.js'

const validator = Compile(LinuxSeccomp)

/** Returns where a value is not a valid `linux.seccomp`, and why; undefined when it is valid. */
export function seccompProblem(value: unknown): { field: string; message: string } | undefined {
  if (validator.Check(value)) return undefined
  const [first] = validator.Errors(value)
  return { field: first?.instancePath ?? '', message: first?.message ?? 'is invalid' }
}
