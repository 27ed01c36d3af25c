import { namePattern, namespacePattern } from '../api/names.js'

export const digestForm = /^sha256:[0-9a-f]{64}$/

const nameForm = new RegExp(namePattern)
const namespaceForm = new RegExp(namespacePattern)

/** Parses `namespace/profile@sha256:…`; undefined for other texts. */
export function namedRevision(text: string): { profile: string; digest: string } | undefined {
  const at = text.lastIndexOf('@')
  const profile = text.slice(0, Math.max(0, at))
  const digest = text.slice(at + 1)
  const [namespace = '', name = '', ...more] = profile.split('/')
  if (more.length > 0 || !namespaceForm.test(namespace) || !nameForm.test(name)) return undefined
  return digestForm.test(digest) ? { profile, digest } : undefined
}

/** The profile of a file's path below the seccomp root; undefined when it is none of ours. */
export function profileOfPath(path: string): string | undefined {
  const [, namespace, name] = /^secco\/([^/]+)\/([^/]+)\/[0-9a-f]{64}\.json$/.exec(path) ?? []
  return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`
}

/** Returns the short form for people: `web@3f2a9c01`. */
export function shortRevision(profile: string, digest: string): string {
  const name = profile.slice(profile.indexOf('/') + 1)
  return `${name}@${digest.replace(/^sha256:/, '').slice(0, 8)}`
}
