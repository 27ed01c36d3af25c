import { compileGlob } from './glob.js'

/** The parts of an image's name. */
export interface ImageRef {
  /** With its registry: `docker.io/library/nginx` for `nginx`. */
  repository: string
  /** Empty when none is written. */
  tag: string
  /** `sha256:…`, or empty. */
  digest: string
}

const dockerHub = 'docker.io/'
const official = 'docker.io/library/'

/**
 * Short names mean Docker Hub, as for every runtime of Kubernetes; a first part with a `*` may be a registry. Docker Hub
 * has an older name, and its own images a short one there too (ParseDockerRef in distribution/reference).
 */
function withRegistry(name: string): string {
  const slash = name.indexOf('/')
  if (slash === -1) return name.startsWith('*') ? name : official + name
  const first = name.slice(0, slash)
  const isRegistry = first === 'localhost' || /[.:*]/.test(first)
  if (!isRegistry) return dockerHub + name
  if (first !== 'docker.io' && first !== 'index.docker.io') return name
  const rest = name.slice(slash + 1)
  return /[/*]/.test(rest) ? dockerHub + rest : official + rest
}

/** Parses the name of an image, or a pattern for names. Pure; no name is an error, a wrong name just never matches. */
export function parseImage(name: string): ImageRef {
  const at = name.indexOf('@')
  const digest = at === -1 ? '' : name.slice(at + 1)
  const named = at === -1 ? name : name.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon === -1 ? '' : named.slice(colon + 1)
  return { repository: withRegistry(colon === -1 ? named : named.slice(0, colon)), tag, digest }
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
  const matchers = patterns.map(matcherOf)
  const repositories = [...new Set(patterns.map((pattern) => parseImage(pattern).repository))]
  return {
    repositories: repositories.some((name) => name.includes('*')) ? undefined : repositories,
    matches: (image) => matchers.some((matches) => matches(image))
  }
}
