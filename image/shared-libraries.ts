import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Parses the output of ldd(1): paths of the libraries and of the dynamic loader. Throws if one is missing. */
export function parseLdd(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    if (line.includes('=> not found')) throw new Error(`ldd: ${line.trim()}`)
    const path = /(?:=>\s*)?(\/\S+) \(0x/.exec(line)?.[1]
    return path === undefined ? [] : [path]
  })
}

/** Returns the shared libraries that these programs need, as their loader finds them, sorted and without duplicates. */
export async function sharedLibraries(programs: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    programs.map(async (program) => {
      // ldd fails for static programs, which have none.
      const asked = await run('ldd', [program]).catch((error: unknown) => {
        const { stdout, stderr } = error as { stdout?: string; stderr?: string }
        const output = `${stdout ?? ''}${stderr ?? ''}`
        if (/not a dynamic executable|statically linked/.test(output)) return { stdout: '' }
        throw error
      })
      return parseLdd(asked.stdout)
    })
  )
  return [...new Set(lists.flat())].sort()
}
