import fc from 'fast-check'
import { test } from 'tap'
import { compileContainers, compileGlob } from '../../../src/rules/glob.js'

test('container names with *', (t) => {
  const table: [string, string, boolean][] = [
    ['app', 'app', true],
    ['app', 'app2', false],
    ['web-*', 'web-', true],
    ['web-*', 'web', false],
    ['*-proxy', 'istio-proxy', true],
    ['a*a', 'a', false],
    ['a*b*c', 'axxbyyc', true],
    ['a*bc*c', 'abc', false],
    ['*', '', true],
    ['**', 'x', true]
  ]
  for (const [pattern, name, expected] of table) {
    t.equal(compileGlob(pattern)(name), expected, `${pattern} on ${name}`)
  }
  t.ok(compileContainers(undefined)('anything'))
  fc.assert(
    fc.property(
      fc.stringMatching(/^[ab*]{1,8}$/),
      fc.stringMatching(/^[ab]{0,8}$/),
      (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
        return compileGlob(pattern)(name) === expected
      }
    )
  )
  t.end()
})
