// Reads test/unstable.md: test files that are red by chance and out of the gate until their cause is repaired.

/** How many files may be there at a time. */
export const maxListed = 5

/**
 * Returns the rows of its table: the file, a commit, what was seen to pass and to fail on it, and a suspicion. Every
 * line of the table counts, also one with cells missing: these are undefined.
 */
export function readUnstable(text) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `test/'))
    .map((line) => {
      const cells = line.split('|').slice(1, -1)
      const [file, commit, passed, failed, suspicion] = cells.map((cell) => cell.trim())
      return { file: file.replaceAll('`', ''), commit, passed, failed, suspicion }
    })
}
