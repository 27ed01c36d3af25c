import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import { type ImportOptions, importSources } from '../../../../src/seccomp/import/import.js'
import { limits } from '../../../../src/api/limits.js'
import { decodeText } from '../../../../src/seccomp/import/text.js'
import { lintSeccomp } from '../../../../src/seccomp/lint/lint.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { serializeDocument } from '../../../../src/api/parse.js'
import { isKnownSyscall, knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import { seededRandom } from '../../../helpers/random.js'
import { importText, source, group, oci } from '../../../helpers/imports.js'

/** Each of eight anchors repeats the one before it nine times. */
const billionLaughs = Array.from('abcdefgh')
  .map((key, at, keys) => {
    const item = at === 0 ? 'x' : `*${keys[at - 1] ?? ''}`
    return `${key}: &${key} [${Array(9).fill(item).join()}]\n`
  })
  .join('')

test('what bad input gets', (t) => {
  const bytes = (text: string, encoding: BufferEncoding) => Buffer.from(text, encoding)
  for (const [name, given, says] of [
    [
      'UTF-16 with its mark',
      Buffer.concat([Buffer.from([0xff, 0xfe]), bytes('{}', 'utf16le')]),
      /UTF-16/
    ],
    ['UTF-16 without', bytes(oci(), 'utf16le'), /NUL byte at offset 1: it looks like UTF-16/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /UTF-32/],
    ['NUL', Buffer.from('{"a": "\0"}'), /NUL byte at offset 7/],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8/]
  ] as const) {
    t.throws(() => decodeText(given, 'x', 1000), { code: 'INVALID_DOCUMENT', message: says }, name)
  }
  t.equal(decodeText(Buffer.from('\ufeff{}'), 'x', 1000), '{}', 'a mark of UTF-8 is taken off')
  t.throws(() => decodeText(Buffer.alloc(11, 97), 'x', 10), { code: 'TOO_LARGE' })
  const cases: [string, string, RegExp, ImportOptions?][] = [
    ['nothing', '', /is empty/],
    ['a word', 'hello', /looked for an OCI or docker profile.*strace/],
    ['a list', '[1]', /is a list; looked for/],
    ['broken JSON', '{"defaultAction": ', /not JSON/],
    [
      'action',
      oci({ defaultAction: 'ALLOW' }),
      /web\.json: defaultAction: must be one of SCMP_ACT_ALLOW/
    ],
    [
      'notify by default',
      oci({ defaultAction: 'SCMP_ACT_NOTIFY' }),
      /defaultAction: must be one of/
    ],
    ['unknown key', oci({ syscals: [] }), /syscals: is not a known key/],
    [
      'rule',
      oci({}, [{ names: ['read'], action: 'SCMP_ACT_ALLOW', arg: [] }]),
      /syscalls\[0\]\.arg: is not a known key/
    ],
    [
      'names',
      oci({}, [{ names: 'read', action: 'SCMP_ACT_ALLOW' }]),
      /syscalls\[0\]\.names: must be a list/
    ],
    [
      'a name',
      oci({}, [{ names: [7], action: 'SCMP_ACT_ALLOW' }]),
      /syscalls\[0\]\.names\[0\]: must be text/
    ],
    [
      'argument',
      oci({}, [
        {
          names: ['read'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }]
        }
      ]),
      /args\[0\]\.index: must be a whole number from 0 to 5, not 6/
    ],
    [
      'a value that JavaScript cannot hold',
      oci({}, [
        {
          names: ['read'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
        }
      ]).replace('"value":1', '"value":18446744073709551615'),
      /args\[0\]\.value: at most 9007199254740991 .* can be compared; to match -1, .* op SCMP_CMP_MASKED_EQ, value 4294967295/
    ],
    ['errno', oci({ defaultErrnoRet: 5000 }), /defaultErrnoRet: must be a whole number/],
    [
      'only another architecture',
      oci({ architectures: ['SCMP_ARCH_PPC64LE'] }),
      /SCMP_ARCH_PPC64LE: none of them/
    ],
    ['config.json without', '{"ociVersion": "1.0.2", "linux": {}}', /linux\.seccomp: is missing/],
    ['__proto__', oci().replace('{', '{"__proto__": {},'), /__proto__: is not a known key/],
    [
      'own kind',
      'apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\n',
      /is already a SeccompProfile of Secco/
    ],
    ['deep', '['.repeat(500_000), /nested deeper/],
    [
      'deep blocks',
      Array.from({ length: 300 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'),
      /nested deeper|not YAML/
    ],
    ['aliases', billionLaughs, /accepted|alias/i],
    ['many values', `[${'1,'.repeat(200_000)}1]`, /more than 100000 values/],
    [
      'many rules',
      oci({}, Array(1025).fill({ names: ['read'], action: 'SCMP_ACT_ALLOW' }) as object[]),
      /syscalls: has 1025 entries/
    ],
    [
      'operator version',
      `apiVersion: ${group}/v9\nkind: SeccompProfile\nmetadata: {name: a}\nspec: {}\n`,
      /apiVersion: must be one of/
    ],
    [
      'operator name',
      `apiVersion: ${group}/v1\nkind: SeccompProfile\nmetadata: {}\nspec: {}\n`,
      /metadata\.name|spec\.defaultAction/
    ],
    [
      'strace without a start',
      'execve("/a") = -1 ENOENT (No)\n',
      /never started/,
      { format: 'strace' }
    ],
    ['no strace', 'hello\n', /no line that strace writes/, { format: 'strace' }],
    ['no table', 'hello\n', /no table of strace -c/, { format: 'strace-count' }],
    [
      'gadget',
      '{"defaultAction": "SCMP_ACT_LOG"}',
      /defaultAction: must be one of SCMP_ACT_ERRNO/,
      { format: 'gadget' }
    ]
  ]
  for (const [name, text, says, options] of cases) {
    const started = process.cpuUsage()
    t.throws(() => importText(text, options), { code: 'INVALID_DOCUMENT', message: says }, name)
    const used = process.cpuUsage(started)
    t.ok(used.user + used.system < 3_000_000, `${name}: bounded time`)
  }
  t.throws(() => importText(' '.repeat(limits.documentBytes + 1)), { code: 'TOO_LARGE' })
  t.throws(() => importText('a(\n'.repeat(limits.traceLines + 1), { format: 'strace' }), {
    code: 'TOO_LARGE'
  })
  t.throws(() => importText(oci(), {}, '???'), { code: 'INVALID_NAME' })
  t.throws(() => importText(oci(), { name: '../x' }), { code: 'INVALID_NAME' })
  t.throws(() => importSources([source(oci(), 'a/b.json'), source(oci(), 'a.b.json')]), {
    code: 'CONFLICT'
  })
  t.throws(() => importSources([source(oci(), 'a'), source(oci(), 'b')], { name: 'x' }), {
    code: 'INVALID_ARGUMENT'
  })
  t.end()
})

/** A document that is nearly right: pieces of every format, put together at random. */
function randomDocument(random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const scalar = (): unknown =>
    pick<() => unknown>([
      () =>
        pick([
          'SCMP_ACT_ALLOW',
          'SCMP_ACT_ERRNO',
          'SCMP_ACT_LOG',
          'SCMP_ACT_NOTIFY',
          'SeccompProfile'
        ]),
      () =>
        pick([
          'SCMP_ARCH_X86_64',
          'SCMP_ARCH_S390X',
          `${group}/v1`,
          'web',
          '',
          'oci://x',
          '4.8',
          'CAP_BPF'
        ]),
      () => pick(knownSyscalls),
      () => Math.floor(random() * 2 ** pick([3, 12, 60])),
      () => pick([null, true, -1, 0.5, '\u0000', '__proto__'])
    ])()
  const keys = [
    ...['defaultAction', 'defaultErrnoRet', 'architectures', 'syscalls', 'names', 'name', 'action'],
    ...['args', 'index', 'value', 'valueTwo', 'op', 'includes', 'excludes', 'caps', 'minKernel'],
    ...['apiVersion', 'kind', 'metadata', 'spec', 'baseProfileName', 'archMap', 'linux', 'seccomp'],
    ...['ociVersion', 'items', 'flags', 'errnoRet', 'x']
  ]
  const value = (depth: number): unknown => {
    const kind = random()
    if (depth > 4 || kind < 0.35) return scalar()
    const size = Math.floor(random() * 4)
    if (kind < 0.6) return Array.from({ length: size }, () => value(depth + 1))
    return Object.fromEntries(Array.from({ length: size }, () => [pick(keys), value(depth + 1)]))
  }
  const shape = random()
  if (shape < 0.15) {
    const bits = [
      '12 ',
      '[pid 3] ',
      'read(',
      'execve("a") = 0',
      ') = 0',
      '<... read resumed>',
      '% time syscall',
      '\n',
      ' 1.00 0.0 1 1 read',
      '// web\n',
      '{',
      '- a: ',
      '&a ',
      '*a',
      '---\n',
      '\t',
      ': '
    ]
    return Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(bits)).join('')
  }
  const rule = () => ({
    names: Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(knownSyscalls)),
    action: pick(['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE']),
    ...(random() < 0.3 ? { [pick(keys)]: value(2) } : {})
  })
  const good = {
    defaultAction: pick(['SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW', 'SCMP_ACT_KILL']),
    syscalls: Array.from({ length: Math.floor(random() * 4) }, rule),
    ...(random() < 0.3 ? { [pick(keys)]: value(1) } : {})
  }
  if (shape < 0.55) return JSON.stringify(good)
  if (shape < 0.7)
    return JSON.stringify({
      apiVersion: `${group}/v1`,
      kind: 'SeccompProfile',
      metadata: { name: 'a' },
      spec: good
    })
  const text = JSON.stringify(value(0))
  return shape < 0.9 ? text : text.slice(0, Math.floor(random() * text.length))
}

test('random documents: no crash, nothing accepted that the lint cannot read', (t) => {
  const random = seededRandom(20_261_124)
  const tries = runs(10_000)
  let [taken, rejected] = [0, 0]
  const codes = new Set<string>()
  const wrong: string[] = []
  for (let count = 0; count < tries; count++) {
    const text = randomDocument(random)
    try {
      const { imported } = importText(text)
      for (const { profile } of imported) {
        const { seccomp } = profile.spec
        if (seccomp === undefined) continue
        // Names that nothing knows never come through; the rest is a person's choice, and linted.
        if (rulesOf(seccomp).some(({ name }) => !isKnownSyscall(name))) wrong.push(text)
        if (count % 20 === 0) {
          const findings = lintSeccomp(seccomp)
          if (findings.some(({ rule }) => rule === 'unknown-name')) wrong.push(text)
        }
        if (count % 100 === 0) {
          const again = serializeDocument(profile)
          if (!again.includes(seccomp.defaultAction)) wrong.push(again)
        }
      }
      taken++
    } catch (error) {
      rejected++
      if (!(error instanceof SeccoError) || error.code === 'INTERNAL')
        wrong.push(`${String(error)}: ${text}`)
      else codes.add(error.code)
    }
  }
  t.same(wrong.slice(0, 3), [])
  t.comment(`${taken} taken, ${rejected} rejected`)
  t.ok(taken > tries / 5 && rejected > tries / 5, `${taken} taken, ${rejected} rejected`)
  t.same(
    [...codes]
      .sort()
      .filter(
        (code) => !['INVALID_DOCUMENT', 'INVALID_NAME', 'NOT_FOUND', 'EXTENDS_CYCLE'].includes(code)
      ),
    []
  )
  t.end()
})
