import { namePattern, namespacePattern } from '../api/names.js'

const inner = (pattern: string) => pattern.replace(/^\^|\$$/g, '')
/** The only form in which Secco writes a `localhostProfile`; a regular expression that CEL knows too. */
export const pathForm = `^secco/${inner(namespacePattern)}/${inner(namePattern)}/[0-9a-f]{64}\\.json$`
/** Matches paths into the folder of Secco. */
export const pathIntoTree = '^([.]?/)*secco(/|$)'
const form = new RegExp(pathForm)
const intoTree = new RegExp(pathIntoTree)

/** Whether a `localhostProfile` is in the folder of Secco: an earlier decision of Secco, or an imitation of one. */
export function isOurs(path: string): boolean {
  return intoTree.test(path)
}

/** Whether a path leads into or through the folder of Secco but is not a path that Secco writes. */
export function isStrange(path: string | undefined): boolean {
  if (path === undefined) return false
  const through = path.split('/').includes('..') && path.split('/').includes('secco')
  return through || (isOurs(path) && (!form.test(path) || path.includes('..')))
}
