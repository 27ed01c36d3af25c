import fc from 'fast-check'
import { test } from 'tap'
import { learnedName, objectNameOf } from '../../../src/rules/object-name.js'

test('every text has an object name of its own', (t) => {
  t.match(objectNameOf('My_App'), /^my-app-[0-9a-f]{8}$/)
  t.not(objectNameOf('My_App'), objectNameOf('my_app'), 'different texts, different names')
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      const name = objectNameOf(text)
      return (
        /^[a-z0-9]([-a-z0-9.]{0,198}[a-z0-9])?$/.test(name) &&
        (name.length > 120 || objectNameOf(name) === name) &&
        !name.includes('..')
      )
    })
  )
  t.end()
})

test('a container that is called like the digest of another one gets a profile of its own', (t) => {
  const victim = learnedName('w'.repeat(185), 'c'.repeat(20))
  const dot = victim.indexOf('.')
  t.not(learnedName(victim.slice(0, dot), victim.slice(dot + 1)), victim)
  const hyphens = learnedName('w'.repeat(150), `a${'-'.repeat(50)}b`)
  const at = hyphens.indexOf('.')
  t.not(learnedName(hyphens.slice(0, at), hyphens.slice(at + 1)), hyphens)
  t.equal(learnedName('web-7d9f', 'app-1234abcd'), 'web-7d9f.app-1234abcd', 'ordinary names stay')
  t.end()
})
