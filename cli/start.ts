import { mkdirSync, statSync } from 'node:fs'
import module from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { main } from './main.js'

/** Returns where programs of this user keep what they can make again. */
function cacheOfUser(uid: number): string | undefined {
  if (uid === 0) return '/var/cache/secco'
  const { XDG_CACHE_HOME: cache, HOME: home } = process.env
  if (cache?.startsWith('/') === true) return join(cache, 'secco')
  return home?.startsWith('/') === true ? join(home, '.cache', 'secco') : undefined
}

/**
 * Keeps what V8 compiled for the next run, where Node can (22.8 and later). V8 trusts what it reads there, so the folder
 * belongs to this user and no other one may write in it; without such a folder nothing is kept.
 */
function keepCompiled(given: string | undefined): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown }
  const uid = process.getuid?.() ?? -1
  // In a checkout of somebody else root would leave what its owner cannot remove.
  const folder = uid === 0 ? cacheOfUser(uid) : (given ?? cacheOfUser(uid))
  if (enableCompileCache === undefined || folder === undefined) return
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch {
    // It is there already, or cannot be made.
  }
  try {
    const found = statSync(folder)
    if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) return
  } catch {
    return
  }
  enableCompileCache(folder)
}

/** Runs the program. It is what the bundle exports. */
export async function start(cacheFolder?: string): Promise<void> {
  keepCompiled(cacheFolder)
  process.exitCode = await main(process.argv.slice(2))
}
