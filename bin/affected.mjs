// Which compiled files load which, read from their text: a string that ends in `.js` and begins with a dot is a path.
import { dirname, join } from 'node:path'

/** Returns the files of `texts` (path → content) that load a changed file, directly or through others; with these. */
export function affectedBy(changed, texts) {
  const loaders = new Map()
  for (const [path, text] of texts) {
    for (const [, target] of text.matchAll(/['"](\.{1,2}\/[^'"]+\.js)['"]/g)) {
      const loaded = join(dirname(path), target)
      if (!loaders.has(loaded)) loaders.set(loaded, [])
      loaders.get(loaded).push(path)
    }
  }
  const found = new Set(changed)
  for (const path of found) for (const loader of loaders.get(path) ?? []) found.add(loader)
  return [...found]
}
