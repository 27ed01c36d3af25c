import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Reads ldd(1)'s answer: paths of the libraries and of the dynamic loader. A missing one is an error. */
export function parseLdd(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    if (line.includes('=> not found')) throw new Error(`ldd: ${line.trim()}`)
    const path = /(?:=>\s*)?(\/\S+) \(0x/.exec(line)?.[1]
    return path === undefined ? [] : [path]
  })
}

/** Shared libraries that these programs need, as their loader finds them, sorted and without doubles. */
export async function sharedLibraries(programs: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    programs.map(async (program) => {
      // Static programs have none: ldd says so and fails.
      const asked = await run('ldd', [program]).catch((error: unknown) => {
        const { stdout, stderr } = error as { stdout?: string; stderr?: string }
        const said = `${stdout ?? ''}${stderr ?? ''}`
        if (/not a dynamic executable|statically linked/.test(said)) return { stdout: '' }
        throw error
      })
      return parseLdd(asked.stdout)
    })
  )
  return [...new Set(lists.flat())].sort()
}
