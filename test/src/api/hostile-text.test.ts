import { test } from 'tap'
import { parseDocument, parseDocuments, parseProfileDocument } from '../../../src/api/parse.js'
import { assignedOf } from '../../../src/confinement/assigned.js'
import { durationMs } from '../../../src/lib/duration.js'
import { parseImage } from '../../../src/rules/image.js'
import { parseSelector } from '../../../src/rules/parse-selector.js'
import { emergencyTemplates } from '../../../src/seccomp/data/emergency-templates.js'
import { dataWords, parseFilter, runFilter } from '../../../src/seccomp/filter/cbpf.js'
import { importSources } from '../../../src/seccomp/import/import.js'
import { migrateText } from '../../../src/seccomp/migrate/migrate.js'
import { parseBlock } from '../../../src/seccomp/render/block.js'
import {
  firstFault,
  hostileText,
  throwsNothing,
  throwsSeccoError
} from '../../helpers/hostile-text.js'
import { oci, source } from '../../helpers/imports.js'

const profile = `apiVersion: secco.dev/v1alpha1
kind: SeccompProfile
metadata: {namespace: shop, name: app, labels: {a: b}}
spec:
  extends: [secco-system/base]
  seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [{names: [read], action: SCMP_ACT_ALLOW}]}
`
const rule = `apiVersion: secco.dev/v1alpha1
kind: SeccompRule
metadata: {namespace: shop, name: r}
spec: {podSelector: {matchLabels: {app: web}}, profile: {name: app}, mode: enforce}
`
const strace = `4711 execve("/bin/sh", ["sh"], 0x7ffd /* 3 vars */) = 0
[pid 9] read(3, "\\177ELF", 832) = 832
4711 futex(0x1, FUTEX_WAIT <unfinished ...>
4711 <... futex resumed>) = 0
4711 +++ exited with 0 +++
`
const count = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.000010           1         7           read
100.00    0.000010                     7           total
`
const document = JSON.stringify(JSON.parse(oci()))
const texts = [profile, rule, `${profile}---\n${rule}`, document]
const templates = emergencyTemplates.map(({ name }) => name)
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {seccomp.security.alpha.kubernetes.io/pod: runtime/default}}
spec: {template: {spec: {containers: [{name: app, image: nginx}]}}}
`

/** Loads the number, compares it, and answers. */
const filter = Buffer.from(
  '2000000000000000150001003c00000006000000010005000600000000000000',
  'hex'
)

const parsers: [
  string,
  readonly string[],
  (text: string) => unknown,
  (error: unknown) => boolean
][] = [
  ['documents', texts, (text) => parseDocuments(text, 'a.yaml'), throwsSeccoError],
  ['a document', texts, (text) => parseDocument(text, 'a.yaml'), throwsSeccoError],
  ['a profile', texts, (text) => parseProfileDocument(text, 'a.yaml'), throwsSeccoError],
  [
    'an import',
    [document, ...texts, strace, count],
    (text) => importSources([source(text)]),
    throwsSeccoError
  ],
  [
    'a selector',
    ['app=web,tier!=db,stage in (a, b),owner,!legacy'],
    parseSelector,
    throwsSeccoError
  ],
  [
    'a block',
    ['socket:domain=AF_ALG', 'clone:flags&0x10000000', ...templates],
    parseBlock,
    throwsSeccoError
  ],
  ['a migration', [deployment, profile], (text) => migrateText(text, 'a.yaml'), throwsSeccoError],
  [
    "an image's name",
    ['docker.io/library/web:1.2', `r:5000/a@sha256:${'a'.repeat(64)}`],
    parseImage,
    throwsNothing
  ],
  [
    'a filter',
    [filter.toString('latin1')],
    (text) => runFilter(parseFilter(Buffer.from(text, 'latin1')), dataWords({ nr: 1, arch: 2 })),
    (error) => throwsSeccoError(error) || error instanceof RangeError
  ],
  ['a duration', ['90s', '7d'], durationMs, throwsNothing],
  [
    'an assignment',
    [`{"app":{"profile":"shop/web","revision":"sha256:${'a'.repeat(64)}","mode":"enforce"}}`],
    (text) => assignedOf(text, 'app'),
    throwsNothing
  ]
]

for (const [what, samples, parse, mayThrow] of parsers) {
  test(`any text as ${what}`, (t) => {
    for (const sample of samples.slice(0, 1))
      t.doesNotThrow(() => parse(sample), 'the sample itself')
    t.equal(firstFault(hostileText(samples), parse, mayThrow), undefined)
    t.end()
  })
}
