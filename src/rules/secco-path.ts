import { namePattern, namespacePattern } from '../api/names.js'

const inner = (pattern: string) => pattern.replace(/^\^|\$$/g, '')
/** The only form in which Secco writes a `localhostProfile`; a regular expression that CEL knows too. */
export const pathForm = `^secco/${inner(namespacePattern)}/${inner(namePattern)}/[0-9a-f]{64}\\.json$`
/** What leads into our tree. */
export const pathIntoTree = '^([.]?/)*secco(/|$)'
const form = new RegExp(pathForm)
const intoTree = new RegExp(pathIntoTree)

/** Whether a `localhostProfile` is in our tree: then it is an earlier decision of ours, or somebody imitates one. */
export function isOurs(path: string): boolean {
  return intoTree.test(path)
}

/** A path into our tree, or through it, that is none of ours. */
export function isStrange(path: string | undefined): boolean {
  if (path === undefined) return false
  const through = path.split('/').includes('..') && path.split('/').includes('secco')
  return through || (isOurs(path) && (!form.test(path) || path.includes('..')))
}
