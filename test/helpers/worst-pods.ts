import { maxContainers } from '../../src/rules/limits.js'
import type { Json } from './kube.js'

/** The most that the API server reads of one request (MaxRequestBodyBytes), less what surrounds one long text. */
const requestBytes = 3 * 2 ** 20 - 2000
/** What etcd stores of one object, less the rest of the pod and its managedFields. */
const storedBytes = 700_000
/** The most that the annotations of a pod may have together (TotalAnnotationSizeLimitB). */
const annotationBytes = 256 * 2 ** 10 - 100

export interface PodParts {
  labels?: Json
  annotations?: Json
  containers?: readonly Json[]
  spec?: Json
}

export const worstPod = ({ labels, annotations, containers, spec = {} }: PodParts): Json => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: { name: 'probe', labels: { app: 'web', ...labels }, annotations },
  spec: { containers: containers ?? [{ name: 'app', image: 'web:1' }], ...spec }
})

const file = (localhostProfile: string): Json => ({
  seccompProfile: { type: 'Localhost', localhostProfile }
})
/** A name of at least `length` characters that no other number has. */
const named = (at: number, length: number): string =>
  `c${at.toString(36).padStart(length - 1, '0')}`
const many = (count: number, change: (at: number) => Json = () => ({}), length = 63): Json[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ name: named(at, length), image: 'i' },
    ...change(at)
  }))
const withPaths = (count: number, path: (at: number) => string, length = 63) =>
  many(count, (at) => ({ securityContext: file(path(at)) }), length)

const longNames = ['n'.repeat(63), 'p'.repeat(253)] as const
const hex = (at: number): string => at.toString(16).padStart(64, '0')
/** The longest path of Secco. */
const longest = (at: number): string => `secco/${longNames.join('/')}/${hex(at)}.json`
const entry = (at: number): string =>
  `"${named(at, 63)}":{"rule":"r","profile":"${longNames.join('/')}","revision":"sha256:${hex(at)}"}`
const entries = (count: number): string =>
  Array.from({ length: count }, (_, at) => entry(at)).join()
const assigned = (text: string): Json => ({ 'secco.dev/assigned': text.slice(0, annotationBytes) })
const keys = (count: number, prefix: string): Json =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [prefix + at.toString(36), '']))
const dots = (length: number): string => './'.repeat(length / 2)
const full = maxContainers

/** Pods that anybody can write to make a policy exceed its cost limit, and what the policies say of them at least. */
export const worstPods: readonly [what: string, pod: () => PodParts, answer: RegExp][] = [
  ['an ordinary pod', () => ({}), /no seccomp filter on container app/],
  ['a path as long as a request', () => path('a'.repeat(requestBytes)), /paths/],
  ['… behind ./', () => path(dots(requestBytes)), /paths/],
  ['… of the pod', () => ofPod('a'.repeat(requestBytes)), /paths/],
  ['… of the pod, behind ./', () => ofPod(dots(requestBytes)), /paths/],
  ['… below secco/', () => path(`secco/${'a'.repeat(requestBytes)}`), /paths/],
  ['256 paths of 11,000', () => paths(full, () => 'a'.repeat(11_000)), /paths/],
  ['256 paths of 2,048', () => paths(full, () => dots(2048)), /./],
  ['256 paths of 2,048 below secco/', () => paths(full, () => dots(2040) + 'secco/x'), /paths/],
  ['256 paths of Secco by hand', () => paths(full, longest), /by hand/],
  [
    '256 paths of Secco, and as many entries',
    () => ({ ...paths(full, longest), annotations: assigned(`{${entries(full)}}`) }),
    /^(?![^]*secco-paths)/
  ],
  [
    'one path of Secco, and an annotation as long as can be',
    () => ({ ...path(longest(0)), annotations: assigned(`{${' '.repeat(annotationBytes)}`) }),
    /by hand/
  ],
  [
    '… of braces',
    () => ({ ...path(longest(0)), annotations: assigned('}'.repeat(annotationBytes)) }),
    /paths/
  ],
  [
    '… of quotes',
    () => ({ ...path(longest(0)), annotations: assigned('"'.repeat(annotationBytes)) }),
    /paths/
  ],
  ['257 paths', () => paths(full + 1, () => 'mine.json'), /paths/],
  ['4,000 paths', () => paths(4000, (at) => `f${at}`), /paths/],
  ['4,000 paths of Secco', () => paths(4000, longest), /paths/],
  ['4,000 containers', () => ({ containers: many(4000, () => ({}), 1) }), /256 containers/],
  [
    '4,000 containers, the last with a path',
    () => ({ containers: [...many(4000, () => ({}), 1), ...withPaths(1, longest)] }),
    /paths/
  ],
  ['30,000 labels', () => ({ labels: keys(30_000, 'k') }), /labels/],
  ['9,000 long labels', () => ({ labels: keys(9000, `${'a'.repeat(250)}/`) }), /labels/],
  ['256 long names', () => ({ containers: many(full) }), /names selects.* too many patterns/],
  ['as many as are compared', () => ({ containers: many(54) }), /names enforces/],
  ['256 images', () => images(full, 64), /images selects.* too many patterns/],
  ['as many long ones as are compared', () => images(128, 120), /literals enforces/],
  ['as many short ones', () => images(100, 20), /shorts enforces/],
  ['an image as long as a request', () => images(1, requestBytes), /16384 characters/],
  ['a port of 16,000 zeros', () => image(`i.io:${'0'.repeat(16_000)}443/b`), /literals enforces/],
  ['128 ids of images', () => ids(128), /literals enforces/],
  ['256 ids of images', () => ids(full), /16384 characters/]
]

/** The same of `kubectl debug`. */
export const worstDebugs: readonly [what: string, pod: () => PodParts, answer: RegExp][] = [
  ['255 paths of Secco', () => paths(full - 1, longest), /and 254 more points? below/],
  ['255 paths of 2,048', () => paths(full - 1, () => dots(2048)), /^(?![^]*secco-paths)/],
  ['255 paths of 2,049', () => paths(full - 1, () => 'a'.repeat(2049)), /not a secco revision/],
  ['a path as long as a request', () => path(dots(requestBytes)), /not a secco revision/],
  ['256 paths', () => paths(full, () => 'mine.json'), /localhostProfile and more than 256/],
  ['as many long images as are compared', () => images(127, 120), /literals enforces/],
  ['255 images', () => images(full - 1, 64), /images selects.* too many patterns/],
  ['an image as long as a request', () => images(1, requestBytes), /16384 characters/]
]

/** Updates of stored pods: the parts that are stored, and the parts that change. */
export const worstUpdates: readonly [
  what: string,
  stored: () => PodParts,
  change: () => PodParts
][] = [
  ['an image beside 127 long ones', () => images(128, 120), () => firstImage('i.io/b')],
  ['an image beside 99 short ones', () => images(100, 20), () => firstImage('c0')],
  ['a long image', () => images(1, storedBytes), () => firstImage('i')],
  [
    'an image beside 255 others',
    () => ({ containers: many(full) }),
    () => ({ containers: [{ name: named(0, 63), image: 'j' }] })
  ],
  ['one of 2,000 labels', () => ({ labels: keys(2000, 'k') }), () => ({ labels: { k0: 'x' } })],
  [
    'a label of a pod with 4,000 containers',
    () => ({ containers: many(4000, () => ({}), 1) }),
    () => ({ labels: { x: 'y' } })
  ]
]
const firstImage = (image: string): PodParts => ({ containers: [{ name: named(0, 3), image }] })

function path(text: string): PodParts {
  return { containers: withPaths(1, () => text, 3) }
}

function paths(count: number, text: (at: number) => string): PodParts {
  return { containers: withPaths(count, text) }
}

function ofPod(text: string): PodParts {
  return { spec: { securityContext: file(text) } }
}

function images(count: number, length: number): PodParts {
  return { containers: many(count, (at) => ({ image: named(at, length) }), 3) }
}

function image(name: string): PodParts {
  return { containers: [{ name: named(0, 3), image: name }] }
}

function ids(count: number): PodParts {
  return { containers: many(count, (at) => ({ image: `sha256:${hex(at)}` }), 3) }
}

/** Rules with as much as the schema lets them have: what a pod is compared with costs, too. */
export const worstRules: Readonly<Record<string, { containers?: string[]; images?: string[] }>> = {
  plain: {},
  names: { containers: patterns((end) => `${'c*0*'.repeat(15)}${end}`) },
  images: { images: patterns((end) => `${'i.io/a*b*'.repeat(50)}${end}`) },
  literals: { images: [...patterns((end) => `i.io/${'a'.repeat(480)}${end}`).slice(1), '*'] },
  shorts: { images: patterns((end) => `c*0${end}`) }
}

/** Returns 64 patterns, of which the last fits any name here. */
function patterns(of: (end: string) => string): string[] {
  const all = Array.from({ length: 63 }, (_, at) => of(at.toString(36).padStart(2, '0')))
  return [...all, 'c*']
}
