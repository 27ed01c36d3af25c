import { compileGlob } from './glob.js'

/** The parts of an image's name. */
export interface ImageRef {
  /** With its registry: `docker.io/library/nginx` for `nginx`. */
  repository: string
  /** Empty when none is written. */
  tag: string
  /** `sha256:…`, or empty. */
  digest: string
  /** The name is the id of an image that nodes have: nothing tells what it is called, so it matches every pattern. */
  isId?: true
}

const dockerHub = 'docker.io/'
const official = 'docker.io/library/'

/** Names of the registry of Docker Hub: the API under the last two serves what the first one names. */
const hubHosts = new Set([
  ...['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']
])

/**
 * Matches the id of an image, also a short one: containerd looks for an image that the node has by it (LocalResolve in
 * internal/cri/server/images and Lookup in go-digest/digestset), whatever registry that image is from.
 */
const imageId = /^sha(256|384|512):[0-9a-f]+$/

/** Returns a registry as runtimes reach it: its host has no case, a port no leading zeros, and 443 is the port of HTTPS. */
function registryOf(written: string): string {
  const host = written
    .replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    .replace(/:0+([1-9][0-9*]*)$/, ':$1')
  return /.:443$/.test(host) ? host.slice(0, host.lastIndexOf(':')) : host
}

/**
 * Short names mean Docker Hub, as for every runtime of Kubernetes; a first part with a `*` may be a registry, and one with a
 * capital letter is one. Docker Hub has older names, and its own images a short one there too (ParseDockerRef and
 * splitDockerDomain in distribution/reference). `webhook/admission/image-expressions.ts` does the same in CEL.
 */
function withRegistry(name: string): string {
  const slash = name.indexOf('/')
  if (slash === -1) return name.startsWith('*') ? name : official + name
  const first = name.slice(0, slash)
  if (first !== 'localhost' && !/[.:*A-Z]/.test(first)) return dockerHub + name
  const registry = registryOf(first)
  const rest = name.slice(slash + 1)
  if (!hubHosts.has(registry)) return `${registry}/${rest}`
  return /[/*]/.test(rest) ? dockerHub + rest : official + rest
}

/**
 * Returns a pattern, and for a registry with a `*` in its port that stands for 443, too, the one without a port: its images
 * may be named without.
 */
function everyPort(pattern: string): string[] {
  const slash = pattern.indexOf('/')
  const registry = pattern.slice(0, Math.max(slash, 0))
  const port = /:([0-9*]*\*[0-9*]*)$/.exec(registry)?.[1]
  if (port === undefined || !compileGlob(port)('443')) return [pattern]
  return [pattern, `${registry.slice(0, -port.length)}443${pattern.slice(slash)}`]
}

/** Parses the name of an image, or a pattern for names. Pure; no name is an error, a wrong name just never matches. */
export function parseImage(name: string): ImageRef {
  const at = name.indexOf('@')
  const digest = at === -1 ? '' : name.slice(at + 1)
  const named = at === -1 ? name : name.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon === -1 ? '' : named.slice(colon + 1)
  const repository = withRegistry(colon === -1 ? named : named.slice(0, colon))
  return { repository, tag, digest, ...(imageId.test(name) ? { isId: true } : {}) }
}

/** The compiled `images` of a rule. */
export interface ImageMatcher {
  /** Repositories, when every pattern names one without a `*`: the index hangs the rule on them. */
  repositories: readonly string[] | undefined
  matches(image: ImageRef): boolean
}

function matcherOf(pattern: string): (image: ImageRef) => boolean {
  const { repository, tag, digest } = parseImage(pattern)
  const isNamed = compileGlob(repository)
  // `docker.io/ngin*` means the images that Docker Hub has without a folder, too.
  const isRepository = !repository.includes('*')
    ? isNamed
    : (name: string) =>
        isNamed(name) ||
        (name.startsWith(official) && isNamed(dockerHub + name.slice(official.length)))
  const isTag = tag === '' ? () => true : compileGlob(tag)
  return (image) =>
    isRepository(image.repository) &&
    // No tag means `latest` to every runtime, unless a digest says what is meant.
    isTag(image.tag === '' && image.digest === '' ? 'latest' : image.tag) &&
    (digest === '' || digest === image.digest)
}

/** Compiles a rule's `images`; absent means every image. */
export function compileImages(patterns: readonly string[] | undefined): ImageMatcher | undefined {
  if (patterns === undefined) return undefined
  const all = patterns.flatMap(everyPort)
  const matchers = all.map(matcherOf)
  const repositories = [...new Set(all.map((pattern) => parseImage(pattern).repository))]
  return {
    repositories: repositories.some((name) => name.includes('*')) ? undefined : repositories,
    matches: (image) => image.isId === true || matchers.some((matches) => matches(image))
  }
}
