/**
 * This module has CEL for what `compileImages` and `parseImage` of src/rules/image.ts compute: names of images are compared
 * as runtimes read them.
 */

/** Returns CEL for the regular expression of a pattern with `*`. No pattern has other signs of regular expressions than the dot. */
const regexOf = (pattern: string) =>
  `'(?s)^' + ${pattern}.replace('.', '[.]').replace('*', '.*') + '$'`
/** Returns the same, empty for a pattern without `*`: a plain comparison costs a tenth. */
const starRegex = (pattern: string) => `${pattern}.contains('*') ? ${regexOf(pattern)} : ''`
/** Returns CEL for whether a text is what a pattern stands for, given its `starRegex`. */
const glob = (text: string, pattern: string, regex: string) =>
  `(${regex} == '' ? ${text} == ${pattern} : ${text}.matches(${regex}))`

const lastPart = (name: string) => `${name}.substring(${name}.lastIndexOf('/') + 1)`
const isTagged = (name: string) => `${lastPart(name)}.contains(':')`

/**
 * Returns CEL for a list of images as lists of repository, tag and digest, as `parseImage` computes them.
 * @param list a list of strings
 */
function parsedImages(list: string): string {
  const named = "i.split('@')[0]"
  const digest = "i.contains('@') ? i.substring(i.indexOf('@') + 1) : ''"
  const repository = `${isTagged('p[0]')} ? p[0].substring(0, p[0].lastIndexOf(':')) : p[0]`
  const tag = `${isTagged('p[0]')} ? p[0].substring(p[0].lastIndexOf(':') + 1) : ''`
  const isRegistry = "p[0].split('/')[0] == 'localhost' || p[0].split('/')[0].matches('[.:*A-Z]')"
  const withRegistry = [
    "!p[0].contains('/') ? (p[0].startsWith('*') ? p[0] : 'docker.io/library/' + p[0])",
    `(${isRegistry}) ? p[0] : 'docker.io/' + p[0]`
  ].join(' : ')
  const registry = "p[0].contains('/') ? p[0].split('/')[0].lowerAscii() : ''"
  const rest = "p[0].contains('/') ? p[0].substring(p[0].indexOf('/')) : p[0]"
  const plainPort =
    "p[0].matches(':0+[1-9][0-9*]*$')" +
    " ? p[0].substring(0, p[0].lastIndexOf(':') + 1) + p[0].find('[1-9][0-9*]*$') : p[0]"
  const reached = "p[0].matches('.:443$') ? p[0].substring(0, p[0].lastIndexOf(':')) : p[0]"
  const hubHosts =
    "['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']"
  const isHub = `p[0] in ${hubHosts}`
  const isShort = "!p[1].substring(1).contains('/') && !p[1].contains('*')"
  const whole = `(${isHub} ? 'docker.io' + (${isShort} ? '/library' : '') : p[0]) + p[1]`
  return (
    `${list}.map(i, [${named}, ${digest}])` +
    `.map(p, [${repository}, ${tag}, p[1]])` +
    `.map(p, [${withRegistry}, p[1], p[2]])` +
    `.map(p, [${registry}, ${rest}, p[1], p[2]])` +
    `.map(p, [${plainPort}, p[1], p[2], p[3]])` +
    `.map(p, [${reached}, p[1], p[2], p[3]])` +
    `.map(p, [${whole}, p[2], p[3]])`
  )
}

const host = "i.split('/')[0]"
const port = `${host}.substring(${host}.lastIndexOf(':') + 1)`
/** CEL on `i`, a pattern: the `*` in the port of its registry stands for 443, too. */
const isAnyPort =
  `i.contains('/') && ${host}.matches(':[0-9*]*[*][0-9*]*$')` +
  ` && '443'.matches('^' + ${port}.replace('*', '.*') + '$')`
/** CEL for the patterns of a rule, with the one without a port for each registry with such a port. */
const everyPort =
  `(params.spec.images + params.spec.images.filter(i, ${isAnyPort})` +
  `.map(i, i.substring(0, ${host}.lastIndexOf(':')) + ':443' + i.substring(i.indexOf('/'))))`

/** CEL on `n`, the name of an image: it is the id of one, as `parseImage` finds. */
const isId = "n.matches('^sha(256|384|512):[0-9a-f]+$')"
const shortName = "i[0].replace('docker.io/library/', 'docker.io/')"
const tag = "(i[1] == '' && i[2] == '' ? 'latest' : i[1])"
/** CEL on `i`, an image, and `p`, a pattern with the regular expressions of its repository and tag. */
const matchesPattern = [
  `(${glob('i[0]', 'p[0]', 'p[3]')} || (p[3] != '' && i[0].startsWith('docker.io/library/') && ${shortName}.matches(p[3])))`,
  `(p[1] == '' || ${glob(tag, 'p[1]', 'p[4]')})`,
  "(p[2] == '' || p[2] == i[2])"
].join(' && ')

const fits = `variables.patterns.exists(p, ${matchesPattern})`
/** CEL for the variable `patterns`: the rule's patterns, each with the regular expressions of its repository and tag. */
export const imagePatterns =
  `has(params.spec.images) ? ${parsedImages(everyPort)}` +
  `.map(p, [p[0], p[1], p[2], ${starRegex('p[0]')}, ${starRegex('p[1]')}]) : []`

/** CEL for those of the variable `images` that one of the variable `patterns` matches. */
export const fittingImages = `variables.images.filter(n, ${isId} || ${parsedImages('[n]')}.exists(i, ${fits}))`
