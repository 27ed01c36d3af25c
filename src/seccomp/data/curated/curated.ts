import { measured } from './measured.js'

/** A general profile that others extend, from measured runs of real programs. */
export interface CuratedBase {
  readonly name: string
  readonly description: string
  /** Programs that were run, with versions. */
  readonly source: string
  /** Another curated base. */
  readonly extends?: string
  readonly names: readonly string[]
}

const descriptions: Readonly<Record<string, string>> = {
  glibc: 'programs in C and the like on glibc: files, sockets, threads, children',
  go: 'Go programs: its runtime, net/http, files',
  jvm: 'Java programs: the virtual machine, its collector, a server, files',
  musl: 'programs in C and the like on musl: files, sockets, threads, children',
  nodejs: 'Node programs: libuv, a server and its client, workers, files',
  python: 'Python programs: a threaded server, files, subprocesses',
  'static-binary': 'static programs: files, sockets, threads, children'
}

const entries = Object.entries<{
  source: string
  start: readonly string[]
  serve: readonly string[]
}>(measured)
const starts = [...new Set(entries.flatMap(([, { start }]) => start))].sort()

/**
 * `base` lets any of the measured programs start, say something and end: the minimum viable profile.
 * The others extend it by what their server, threads and files asked for.
 */
export const curated: readonly CuratedBase[] = [
  {
    name: 'base',
    description: 'the minimum viable profile: start, print, end, whatever the language',
    source: entries.map(([, { source }]) => source).join('; '),
    names: starts
  },
  ...entries.map(([name, { source, serve }]) => ({
    name,
    description: descriptions[name] ?? name,
    source,
    extends: 'base',
    names: serve.filter((each) => !starts.includes(each))
  }))
]
