import { test } from 'tap'
import {
  maxDocumentBytes,
  parseDocument,
  parseDocuments,
  parseProfileDocument,
  parseStored,
  serializeDocument
} from '../../../src/api/parse.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { codeOf, profileOf } from '../../helpers/seccomp-profiles.js'

test('documents: what bad input gets', (t) => {
  const head = 'apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\n'
  const meta = `${head}metadata: {namespace: shop, name: app}\n`
  const rule =
    'apiVersion: secco.dev/v1alpha1\nkind: SeccompRule\nmetadata: {namespace: shop, name: r}\n'
  const syscall = (text: string) =>
    `${meta}spec: {seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [${text}]}}`
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]' : `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`
  ).join('\n')
  for (const [text, code, message] of [
    ['', 'INVALID_DOCUMENT', /empty/],
    ['- a', 'INVALID_DOCUMENT', /mapping/],
    ['a: [', 'INVALID_DOCUMENT', /not YAML/],
    ['kind: Pod', 'INVALID_DOCUMENT', /kind: must be one of SeccompProfile, SeccompRule/],
    [`${meta}spec: {}\nkind: SeccompProfile`, 'INVALID_DOCUMENT', /unique/],
    [`${meta}spec: {}\n---\n${meta}spec: {}`, 'INVALID_DOCUMENT', /2 documents/],
    [
      `${meta}spec: {sekcomp: {}}`,
      'INVALID_DOCUMENT',
      /spec\.sekcomp: is not a known key; accepted: extends, workload, seccomp/
    ],
    [`${meta}spec: {seccomp: {}}`, 'INVALID_DOCUMENT', /spec\.seccomp\.defaultAction: is required/],
    [
      syscall('{names: [read], action: ALLOW}'),
      'INVALID_DOCUMENT',
      /spec\.seccomp\.syscalls\[0\]\.action: must be one of SCMP_ACT_ALLOW, /
    ],
    [
      syscall('{names: read, action: SCMP_ACT_ALLOW}'),
      'INVALID_DOCUMENT',
      /syscalls\[0\]\.names: must be array/
    ],
    [
      syscall(
        '{names: [read], action: SCMP_ACT_ALLOW, args: [{index: 0, op: SCMP_CMP_EQ, value: 18446744073709551615}]}'
      ),
      'INVALID_DOCUMENT',
      /args\[0\]\.value: at most 9007199254740991 .* can be compared; to match -1, .* op SCMP_CMP_MASKED_EQ, value 4294967295/
    ],
    [
      syscall(
        '{names: [ioctl], action: SCMP_ACT_ALLOW, args: [{index: 0, op: SCMP_CMP_GT, value: 1}, {index: 0, op: SCMP_CMP_LT, value: 9}]}'
      ),
      'INVALID_DOCUMENT',
      /syscalls\[0\]\.args: ioctl: has two conditions on argument 0/
    ],
    [`${meta}spec: {__proto__: {polluted: true}}`, 'INVALID_DOCUMENT', /__proto__/],
    [`${head}metadata: {name: ../../etc}\nspec: {}`, 'INVALID_NAME', /metadata\.name/],
    [`${head}metadata: {name: a..b}\nspec: {}`, 'INVALID_NAME', /metadata\.name/],
    [`${head}metadata: {name: a, namespace: a/b}\nspec: {}`, 'INVALID_NAME', /metadata\.namespace/],
    [`${meta}spec: {extends: [a/../b]}`, 'INVALID_NAME', /spec\.extends\[0\]/],
    [
      `${meta}spec: {extends: [a, shop/b, a]}`,
      'INVALID_DOCUMENT',
      /spec\.extends\[2\]: repeats a; name each profile once/
    ],
    [`${rule}spec: {mode: enforce}`, 'INVALID_DOCUMENT', /spec\.profile: is required/],
    [`${rule}spec: {mode: learn, namespaceSelector: {}}`, 'INVALID_DOCUMENT', /secco-system only/],
    [
      `${rule}spec: {mode: learn, podSelector: {matchExpressions: [{key: a, operator: In}]}}`,
      'INVALID_DOCUMENT',
      /values: is required/
    ],
    [bomb, 'INVALID_DOCUMENT', /alias/i],
    ['['.repeat(100_000), 'INVALID_DOCUMENT', /nested/],
    ['- '.repeat(200_000), 'INVALID_DOCUMENT', /./],
    [`# ${'x'.repeat(maxDocumentBytes)}`, 'TOO_LARGE', /1048576/]
  ] as const) {
    const thrown = codeOf(() => parseDocument(text, 'app.yaml'))
    t.equal(
      thrown.code,
      code,
      `${text.slice(0, 60).replaceAll('\n', ' ')}: ${thrown.message.slice(0, 120)}`
    )
    t.match(thrown.message, message)
    t.match(thrown.message, /^app\.yaml/)
  }
  t.notOk('polluted' in {})
  // From before duplicates were rejected: such an object must not be gone after an upgrade.
  const twice = parseStored(`${meta}spec: {extends: [a, shop/b, a]}`, 'x') as SeccompProfile
  t.same(twice.spec.extends, ['a', 'shop/b', 'a'])
  t.equal(parseDocuments(`${meta}spec: {}\n---\n---\n${rule}spec: {mode: learn}`, 'x').length, 2)
  t.equal(codeOf(() => parseProfileDocument(`${rule}spec: {mode: learn}`, 'x')).field, 'kind')
  const tricky = profileOf({ workload: { kind: 'On', name: '1_000', container: 'null' } })
  t.same(parseDocument(serializeDocument(tricky), 'x'), tricky)
  t.match(
    serializeDocument(tricky),
    /^apiVersion: .*\nkind: .*\nmetadata:\n {2}namespace: shop\n {2}name: app\n/
  )
  t.end()
})
