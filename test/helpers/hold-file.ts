import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './runc-bundle.js'

const source = `
#include <fcntl.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <unistd.h>
int main(int count, char **args)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	if (fd < 0)
		return perror("fanotify"), 1;
	for (int at = 1; at < count; at++)
		if (fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, args[at]) != 0)
			return perror("fanotify"), 1;
	puts("holds"), fflush(stdout);
	char end;
	return read(0, &end, 1) < 0;
}
`

/**
 * Holds every open(2) of files, as a file system does whose server does not answer (fanotify(7), FAN_OPEN_PERM; root
 * only). Returns a function that lets go; undefined where the kernel has no permission events.
 * @param folder for the program that holds them.
 */
export async function holdFiles(
  folder: string,
  files: readonly string[]
): Promise<(() => Promise<void>) | undefined> {
  await writeFile(join(folder, 'hold.c'), source)
  await run('gcc', ['-O1', '-o', join(folder, 'hold'), join(folder, 'hold.c')])
  const holder = spawn(join(folder, 'hold'), files, { stdio: ['pipe', 'pipe', 'ignore'] })
  const gone = once(holder, 'exit')
  const [first] = (await Promise.race([once(holder.stdout, 'data'), gone])) as [unknown]
  if (!Buffer.isBuffer(first)) return undefined
  return async () => {
    holder.stdin.end()
    await gone
  }
}
