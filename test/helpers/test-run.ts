import { tmpdir } from 'node:os'
import process from 'node:process'

/** Returns the mark of the run that started this test (bin/test-run.mjs), or undefined for a file that was started by hand. */
export const testRun = (): string | undefined => /secco-run-\d+-[0-9a-z]+/.exec(tmpdir())?.[0]

/**
 * Returns a name for something that is not in the folder of temporary files, such as a cgroup. It is this process's own,
 * and begins with the mark of the run: should the run be killed, the next one removes what has this name.
 */
export const markedName = (what: string): string => `${testRun() ?? 'secco'}-${what}-${process.pid}`
