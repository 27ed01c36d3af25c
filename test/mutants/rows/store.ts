import { mutants } from '../mutant.js'

const order = 'src/lib/durable-file-order'
const durable = 'src/lib/durable-file'
const directory = 'src/store/directory'
const pair = 'src/store/directory-pair'
const crash = 'src/store/directory-crash'
const objects = 'src/store/directory-objects.ts'
const worker = 'src/lib/worker'

/** Files that survive a crash, the directory store, and what runs in the background. */
export const store = mutants('store', [
  [
    'fsync',
    'The content of a file is durable before its name is.',
    'src/lib/durable-file.ts',
    '    await handle.sync()\n    await handle.close()',
    '    await handle.close()',
    order
  ],
  [
    'temporary-name',
    'A file is replaced as a whole, never written in place.',
    'src/lib/durable-file.ts',
    'const temporary = join(dirname(path), unique)',
    "const temporary = unique === '' ? unique : path",
    [durable, order]
  ],
  [
    'rename',
    'A file gets its name by a rename, not by a second write.',
    'src/lib/durable-file.ts',
    'await writeAside(path, content, mode, (temporary) => rename(temporary, path))\n  await syncAfter(path)',
    `await writeAside(path, content, mode, async (temporary) => {
    await (await open(path, 'w', mode)).writeFile(content)
    await unlink(temporary)
  })
  await syncAfter(path)`,
    order
  ],
  [
    'fsync-of-the-folder',
    'The name of a file is durable before a write is acknowledged.',
    'src/lib/durable-file.ts',
    'rename(temporary, path))\n  await syncAfter(path)',
    'rename(temporary, path))',
    order
  ],
  [
    'fsync-of-the-folder-of-many',
    'The names of files that are written together are durable before the write is acknowledged.',
    'src/lib/durable-file.ts',
    'if (first !== undefined) await syncAfter(first.path)',
    '',
    order
  ],
  [
    'fsync-of-a-new-folder',
    'A new folder is durable in the folder above.',
    'src/lib/durable-file.ts',
    'for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))',
    '',
    order
  ],
  [
    'fsync-after-a-removal',
    'A removed file does not come back after a crash.',
    'src/lib/durable-file.ts',
    '    await unlink(path)\n    await syncFolder(dirname(path))',
    '    await unlink(path)',
    order
  ],
  [
    'created-once',
    'Of several processes that create a file one wins.',
    'src/lib/durable-file.ts',
    'await link(temporary, path)',
    'await rename(temporary, path)',
    durable
  ],
  [
    'failed-write-leaves-nothing',
    'A failed write leaves no temporary file.',
    'src/lib/durable-file.ts',
    '    await unlink(temporary).catch(() => undefined)\n    throw error instanceof',
    '    throw error instanceof',
    durable
  ],
  [
    'folder-mode',
    'A new folder has the rights that were asked for.',
    'src/lib/durable-file.ts',
    'await mkdir(path, mode)',
    'await mkdir(path)',
    durable
  ],
  [
    'sweep-age',
    'A write in progress is not swept away.',
    'src/lib/durable-file.ts',
    'if (ageMs > 0 && Date.now() - (await stat(path)).mtimeMs < ageMs) continue',
    '',
    directory
  ],
  [
    'revision-of-a-node-fsync',
    'A revision is durable on its node before it is reported as ready.',
    'satellite/revisions/installer.ts',
    '      await file.sync()\n',
    '',
    order
  ],
  [
    'revision-of-a-node-folder',
    'The name of a revision is durable on its node before it is reported as ready.',
    'satellite/revisions/installer.ts',
    '    throw error\n  }\n  await syncFolder(dirname(path))',
    '    throw error\n  }',
    order
  ],
  [
    'revision-of-a-node-rename',
    "A runtime never reads half of a revision's file.",
    'satellite/revisions/installer.ts',
    'const temporary = `${path}.${process.pid}.tmp`',
    'const temporary = path',
    order
  ],
  [
    'spool-by-addon-fsync',
    'Spooled observations are durable before the recorder forgets them.',
    'native/addon/files/durable-files.cc',
    'write_all(fd, file.content) && fsync(fd) == 0',
    'write_all(fd, file.content)',
    order
  ],
  [
    'conflict',
    'An object that somebody changed meanwhile is not overwritten.',
    objects,
    'if (resourceVersion !== undefined && resourceVersion !== present) {',
    'if (resourceVersion === "") {',
    directory
  ],
  [
    'generation',
    'The generation grows with the spec only.',
    objects,
    'generation: sameSpec ? (generation ?? 1) : (generation ?? 1) + 1',
    'generation: (generation ?? 1) + 1',
    directory
  ],
  [
    'corrupt-document',
    'A document that cannot be read is not overwritten.',
    objects,
    "throw new SeccoError('STORE_CORRUPT', `${where}: ${message}`)",
    'return message === where ? undefined : undefined',
    directory
  ],
  [
    'place-of-a-document',
    'A document must match its folder and file name.',
    'src/store/directory-document.ts',
    'if (object.metadata.name !== name) {',
    "if (object.metadata.name === '') {",
    directory
  ],
  [
    'document-size',
    'Nothing is written that could not be read again.',
    'src/store/directory-document.ts',
    'if (size <= maxDocumentBytes) return text',
    'if (size >= 0) return text',
    directory
  ],
  [
    'bookkeeping-of-another-store',
    "Another store's version numbers are not taken over.",
    objects,
    '  delete metadata.uid\n',
    '',
    directory
  ],
  [
    'one-writer',
    'Several writers of one object lose nothing.',
    objects,
    `() => withFileLock(lock, lockTimeoutMs, work),
      () => withFileLock(lock, lockTimeoutMs, work)`,
    `() => work(),
      () => work()`,
    crash
  ],
  [
    'object-before-its-yaml',
    'An object is durable before the YAML that shows it.',
    'src/lib/durable-file.ts',
    `    await writeDurable(first.path, first.content, mode)
    await ((await isStill()) ? rename(temporary, second.path) : unlink(temporary))`,
    `    await rename(temporary, second.path)
    await writeDurable(first.path, first.content, mode)`,
    order
  ],
  [
    'interrupted-write',
    'A write that was interrupted has happened as a whole.',
    'src/store/directory-load.ts',
    'status.file?.replaces === identity',
    'status.file?.replaces === digest',
    pair
  ],
  [
    'yaml-put-back',
    'Who puts an old YAML back means it.',
    'src/store/directory-status.ts',
    '`${file.ino}:${file.mtimeNs}:${digest}`',
    '`${file.ino >= 0n}:${digest}`',
    pair
  ],
  [
    'status-digest',
    'A status whose bytes have changed is not believed.',
    'src/store/directory-status.ts',
    "head['content'] !== contentDigest(content)",
    "head['content'] === undefined",
    pair
  ],
  [
    'status-set-aside',
    'A status that cannot be read is kept for people.',
    objects,
    'await setAside(path, (stamp) => lostPath(root, kind, ref, stamp))',
    'lostPath(root, kind, ref)',
    pair
  ],
  [
    'edit-by-hand',
    'An edit by hand is a new generation.',
    'src/store/directory-document.ts',
    'generation: isSameSpec ? generation : generation + 1',
    'generation',
    pair
  ],
  [
    'comments',
    'A write of the status leaves the YAML as people wrote it.',
    objects,
    'before?.isYamlCurrent === true && isSameDocument(before.object, valid)',
    'before?.isYamlCurrent === true && before.object === valid',
    pair
  ],
  [
    'earlier-version',
    'A store of an earlier version is taken over.',
    'src/store/directory-load.ts',
    'isYamlCurrent: !isOld',
    'isYamlCurrent: isOld || !isOld',
    pair
  ],
  [
    'stale-lock',
    'The lock of a killed process is broken.',
    'src/lib/file-lock.ts',
    "return alive === 'unknown' ? owner.ageMs > foreignStaleMs : !alive",
    "return alive === 'unknown' ? owner.ageMs > foreignStaleMs : false",
    directory
  ],
  [
    'lock-of-another',
    'A process that was slow to break a stale lock leaves the lock that another one took meanwhile.',
    'src/lib/file-lock.ts',
    'await unlink(file)',
    'await rm(path, { recursive: true })',
    'src/lib/file-lock'
  ],
  [
    'retry-grows',
    'The wait after failures doubles.',
    'src/lib/worker.ts',
    'retry.firstMs * 2 ** (this.#failures - 1)',
    'retry.firstMs',
    worker
  ],
  [
    'retry-is-bounded',
    'The wait after failures has an upper bound.',
    'src/lib/worker.ts',
    'Math.min(retry.mostMs, retry.firstMs * 2',
    'Math.max(0, retry.firstMs * 2',
    worker
  ],
  [
    'request-during-a-run',
    'A change during a run leads to one more run.',
    'src/lib/worker.ts',
    'return this.#closed ? undefined : this.#start()',
    'return undefined',
    worker
  ],
  [
    'bucket',
    'A rate limit fills at its rate.',
    'src/lib/pace.ts',
    'if (tokens < 1) return false',
    'if (tokens < -1000) return false',
    'src/lib/pace'
  ],
  [
    'pace',
    'A rate limit says how long to wait.',
    'src/lib/pace.ts',
    'return tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / perSecond)',
    'return tokens >= 0 ? 0 : 0',
    'src/lib/pace'
  ],
  [
    'clock-set-back',
    'A clock that is set back takes nothing from a limit of rate.',
    'src/lib/pace.ts',
    'Math.max(0, nowMs - (last ?? nowMs))',
    '(nowMs - (last ?? nowMs))',
    'src/lib/pace'
  ],
  [
    'owner-of-what-changes',
    'A change makes Secco an owner of nothing but what it changes.',
    'src/store/kubernetes-objects.ts',
    'written = await this.#change(kind, ref, existing, changed)',
    'written = await this.#patch(kind, ref, changed, existing)',
    'src/store/kubernetes'
  ]
])
