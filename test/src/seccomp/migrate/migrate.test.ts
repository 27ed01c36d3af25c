import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { migrateText } from '../../../../src/seccomp/migrate/migrate.js'
import { unifiedDiff } from '../../../../src/seccomp/migrate/unified-diff.js'
import { runs } from '../../../helpers/fuzz.js'

const pod = 'seccomp.security.alpha.kubernetes.io/pod'
const container = (name: string) => `container.seccomp.security.alpha.kubernetes.io/${name}`

function changed(text: string): { text: string; diff: string; findings: string[] } {
  const result = migrateText(text, 'test')
  if (result.state === 'skipped') throw new Error(result.reason)
  return {
    text: result.text,
    diff: unifiedDiff('f.yaml', text, result.edits),
    findings: result.findings.map(({ path, message }) => `${path}: ${message}`)
  }
}

test('annotations become fields, line by line', (t) => {
  const cases: { name: string; from: string; to: string }[] = [
    {
      name: 'pod and container, comments, quotes and order kept',
      from: `# head
kind: Pod
metadata:
  name: "web"   # the name
  annotations:
    # kept
    ${pod}: "runtime/default" # goes with its line
    other: 'x'
    ${container('app')}: localhost/profiles/app.json
spec:
  # of containers
  containers:
  - name: app
    image: 'nginx'   # image
    ports: [ {containerPort: 80} ]
`,
      to: `# head
kind: Pod
metadata:
  name: "web"   # the name
  annotations:
    # kept
    other: 'x'
spec:
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  # of containers
  containers:
  - name: app
    image: 'nginx'   # image
    securityContext:
      seccompProfile:
        type: Localhost
        localhostProfile: profiles/app.json
    ports: [ {containerPort: 80} ]
`
    },
    {
      name: 'an emptied mapping goes, its comments stay',
      from: `kind: CronJob
spec:
  jobTemplate:
    spec:
      template:
        metadata:
          annotations:
            # why
            ${pod}: unconfined
        spec:
          securityContext:
            # user
            runAsUser: 1
          containers: []
`,
      to: `kind: CronJob
spec:
  jobTemplate:
    spec:
      template:
            # why
        spec:
          securityContext:
            seccompProfile:
              type: Unconfined
            # user
            runAsUser: 1
          containers: []
`
    },
    {
      name: 'flow style',
      from: `kind: Deployment
spec: {template: {metadata: {annotations: {a: b, ${pod}: docker/default}}, spec: {containers: []}}}
`,
      to: `kind: Deployment
spec: {template: {metadata: {annotations: {a: b}}, spec: {securityContext: {seccompProfile: {type: RuntimeDefault}}, containers: []}}}
`
    },
    {
      name: 'JSON',
      from: `{
  "kind": "Pod",
  "metadata": {
    "annotations": {
      "${container('a')}": "localhost/x y.json",
      "k": "v"
    }
  },
  "spec": {
    "containers": [
      {
        "name": "a"
      }
    ]
  }
}
`,
      to: `{
  "kind": "Pod",
  "metadata": {
    "annotations": {
      "k": "v"
    }
  },
  "spec": {
    "containers": [
      {
        "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "x y.json"}},
        "name": "a"
      }
    ]
  }
}
`
    },
    {
      name: 'a list, a field that is set already, and no line break at the end',
      from: `kind: List
items:
- kind: Pod
  metadata:
    name: p
    annotations:
      ${pod}: runtime/default
  spec:
    securityContext: {seccompProfile: {type: RuntimeDefault}}
- kind: Pod
  metadata: {annotations: {${container('i')}: runtime/default}}
  spec:
    initContainers:
    - image: i
      name: i`,
      to: `kind: List
items:
- kind: Pod
  metadata:
    name: p
  spec:
    securityContext: {seccompProfile: {type: RuntimeDefault}}
- kind: Pod
  spec:
    initContainers:
    - image: i
      securityContext:
        seccompProfile:
          type: RuntimeDefault
      name: i`
    },
    {
      name: 'carriage returns',
      from: `kind: Pod\r\nmetadata:\r\n  annotations:\r\n    k: v\r\n    ${pod}: runtime/default\r\nspec:\r\n  containers: []\r\n`,
      to: [
        'kind: Pod',
        'metadata:',
        '  annotations:',
        '    k: v',
        'spec:',
        '  securityContext:',
        '    seccompProfile:',
        '      type: RuntimeDefault',
        '  containers: []',
        ''
      ].join('\r\n')
    }
  ]
  for (const { name, from, to } of cases) {
    const result = changed(from)
    t.equal(result.text, to, name)
    t.same(result.findings, [], name)
    t.equal(changed(to).text, to, `${name}: again changes nothing`)
    t.equal(changed(to).diff, '', name)
  }
  t.end()
})

test('what is left for a person', (t) => {
  const base = (annotation: string, spec: string) =>
    `kind: Pod\nmetadata:\n  annotations:\n    ${annotation}\nspec:\n${spec}`
  const cases: { name: string; text: string; says: RegExp }[] = [
    {
      name: 'conflict',
      text: base(
        `${pod}: unconfined`,
        '  securityContext: {seccompProfile: {type: RuntimeDefault}}\n'
      ),
      says: /spec\.securityContext\.seccompProfile: is .*RuntimeDefault.* already/
    },
    { name: 'value', text: base(`${pod}: anything`, '  containers: []\n'), says: /anything/ },
    {
      name: 'path',
      text: base(`${pod}: localhost/../x`, '  containers: []\n'),
      says: /was never an accepted value/
    },
    {
      name: 'no such container',
      text: base(`${container('x')}: unconfined`, '  containers: [{name: a}]\n'),
      says: /no container is called x/
    },
    {
      name: 'on the workload itself',
      text: `kind: Job\nmetadata: {annotations: {${pod}: unconfined}}\nspec: {template: {spec: {}}}\n`,
      says: /is on the Job itself/
    },
    {
      name: 'a kind of somebody else',
      text: `kind: Rollout\nspec: {template: {metadata: {annotations: {${pod}: unconfined}}, spec: {}}}\n`,
      says: /spec\.template\.metadata\.annotations.*is in a Rollout, whose pod template/
    },
    {
      name: 'values of a chart',
      text: `podAnnotations: {${pod}: unconfined}\n`,
      says: /^podAnnotations.*is in a document without a kind/
    },
    {
      name: 'anchors',
      text: [
        'kind: List',
        'items:',
        '- kind: Pod',
        `  metadata: {annotations: &a {${pod}: runtime/default}}`,
        '  spec: &s {containers: []}',
        '- kind: Pod',
        '  metadata: {annotations: *a}',
        '  spec: *s',
        ''
      ].join('\n'),
      says: /uses YAML that is not edited/
    },
    {
      name: 'a comment inside a flow mapping',
      text: `kind: Pod\nmetadata:\n  annotations: {\n    k: v,\n    ${pod}: unconfined, # why\n    l: w\n  }\nspec: {a: b}\n`,
      says: /uses YAML that is not edited/
    },
    {
      name: 'an anchor whose other use means something else',
      text: [
        'kind: List',
        'items:',
        '- kind: Pod',
        `  metadata: {annotations: {${pod}: runtime/default, k: v}}`,
        '  spec: &s {hostNetwork: true, containers: []}',
        '- kind: Pod',
        '  metadata: {name: other}',
        '  spec: *s',
        ''
      ].join('\n'),
      says: /uses YAML that is not edited/
    },
    {
      name: "the operator's binding",
      text: [
        'apiVersion: security-profiles-operator.x-k8s.io/v1alpha1',
        'kind: ProfileBinding',
        'spec: {profileRef: {kind: SeccompProfile, name: web}, image: nginx}',
        ''
      ].join('\n'),
      says: /binds web to pods with the image nginx/
    },
    {
      name: "the operator's file",
      text: [
        'kind: Pod',
        'spec: {containers: [{name: a, securityContext: {seccompProfile:',
        '  {type: Localhost, localhostProfile: operator/shop/web.json}}}]}',
        ''
      ].join('\n'),
      says: /is a file of the operator/
    }
  ]
  for (const { name, text, says } of cases) {
    const result = changed(text)
    t.equal(result.text, text, `${name}: unchanged`)
    t.match(result.findings.join('\n'), says, name)
  }
  for (const text of [
    `kind: Pod\nmetadata:\n  annotations:\n    {{- if .x }}\n    ${pod}: a\n    {{- end }}\n`,
    `kind: Pod\nmetadata: {annotations: {${pod}: "{{ .Values.seccomp }}"}}\n`
  ]) {
    t.matchOnly(migrateText(text, 'chart'), { state: 'skipped', reason: /template/ })
  }
  t.match(
    changed(
      `# {{ a comment }}\nkind: Pod\nmetadata: {annotations: {k: v, ${pod}: unconfined}}\nspec: {a: b}\n`
    ).text,
    /Unconfined/,
    'braces in a comment are no template'
  )
  for (const bad of [`${pod}: [`, `${pod}: {a: *missing}`, `a: ${'['.repeat(100_000)} seccomp`]) {
    t.throws(() => migrateText(bad, 'bad'), { code: 'INVALID_DOCUMENT' })
  }
  t.end()
})

const plainText = fc.string({ unit: fc.constantFrom(...Array.from('ab:# -\'"}\n')), maxLength: 6 })
const values = fc.constantFrom(
  'runtime/default',
  'docker/default',
  'unconfined',
  'localhost/a/b.json'
)

/** A manifest in one of many layouts, with annotations or without. */
const manifest = fc
  .record({
    kind: fc.constantFrom('Pod', 'Deployment', 'CronJob', 'ConfigMap'),
    others: fc.dictionary(fc.constantFrom('k', 'l', 'm'), plainText),
    podValue: fc.option(values, { nil: undefined }),
    containers: fc.array(
      fc.record({
        value: fc.option(values, { nil: undefined }),
        keys: fc.uniqueArray(fc.constantFrom('image', 'env', 'ports'), { maxLength: 3 }),
        context: fc.constantFrom('none', 'empty', 'some')
      }),
      { maxLength: 3 }
    ),
    context: fc.constantFrom('none', 'empty', 'some'),
    indent: fc.constantFrom(2, 4),
    indentSeq: fc.boolean(),
    flow: fc.boolean(),
    comments: fc.boolean(),
    crlf: fc.boolean()
  })
  .map((made) => {
    const contextOf = (which: string) =>
      which === 'none' ? {} : { securityContext: which === 'empty' ? {} : { runAsUser: 1 } }
    const annotations = {
      ...made.others,
      ...(made.podValue === undefined ? {} : { [pod]: made.podValue }),
      ...Object.fromEntries(
        made.containers.flatMap(({ value }, index) =>
          value === undefined ? [] : [[container(`c${index}`), value]]
        )
      )
    }
    const inner = {
      metadata: { labels: { a: 'b' }, annotations },
      spec: {
        ...contextOf(made.context),
        containers: made.containers.map(({ keys, context }, index) => ({
          name: `c${index}`,
          ...Object.fromEntries(keys.map((key) => [key, key === 'image' ? 'i' : [{ name: 'n' }]])),
          ...contextOf(context)
        }))
      }
    }
    const template = { template: inner }
    const object =
      made.kind === 'Pod' || made.kind === 'ConfigMap'
        ? { kind: made.kind, ...inner }
        : made.kind === 'Deployment'
          ? { kind: made.kind, spec: template }
          : { kind: made.kind, spec: { jobTemplate: { spec: template } } }
    const { indent, indentSeq } = made
    let text = made.flow
      ? JSON.stringify(object, undefined, indent)
      : stringify(object, { indent, indentSeq, lineWidth: 0 })
    if (made.comments && !made.flow) {
      text = text.replace(/^( *)(labels|containers|securityContext):/gm, '$1# about $2\n$1$2:')
    }
    return { ...made, text: made.crlf ? text.replaceAll('\n', '\r\n') : text, object }
  })

test('laws of migration', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-migrate-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  let edited = 0
  const tries = runs(300)
  fc.assert(
    fc.property(manifest, ({ text, kind, podValue, containers }) => {
      const result = migrateText(text, 'law')
      if (result.state === 'skipped') throw new Error(result.reason)
      const asked = podValue !== undefined || containers.some(({ value }) => value !== undefined)
      if (!asked || kind === 'ConfigMap') return result.text === text && result.edits.length === 0
      edited++
      const now = parse(result.text) as unknown
      const flat = JSON.stringify(now)
      const wanted = (value: string) =>
        value === 'unconfined'
          ? 'Unconfined'
          : value.startsWith('localhost')
            ? 'Localhost'
            : 'RuntimeDefault'
      const said = [podValue, ...containers.map(({ value }) => value)].filter(
        (value) => value !== undefined
      )
      // Few lines go: one for each annotation, the emptied mappings, and those that a field is put into.
      const diff = unifiedDiff('f', text, result.edits)
      const removed = diff.split('\n').filter((line) => /^-(?!--)/.test(line)).length
      return (
        result.findings.length === 0 &&
        !flat.includes('seccomp.security.alpha') &&
        (flat.match(/"seccompProfile"/g) ?? []).length === said.length &&
        said.every((value) => flat.includes(wanted(value))) &&
        removed <= said.length * 3 + 4 &&
        migrateText(result.text, 'again').state === 'same'
      )
    }),
    { numRuns: tries, seed: 5 }
  )
  t.ok(edited > tries / 3, `${edited} files were edited`)
  fc.assert(
    fc.property(manifest, ({ text }) => {
      const result = migrateText(text, 'patch')
      if (result.state !== 'changed') return true
      writeFileSync(join(folder, 'f.yaml'), text)
      execFileSync('patch', ['-p1', '--binary', '-s'], {
        cwd: folder,
        input: unifiedDiff('f.yaml', text, result.edits)
      })
      return readFileSync(join(folder, 'f.yaml'), 'utf8') === result.text
    }),
    { numRuns: runs(20), seed: 7 }
  )
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(
          ...Array.from('a:-#{}[]&*|>\'"\n ,!'),
          pod,
          'kind: Pod\n',
          'metadata',
          'spec'
        )
      }),
      (text) => {
        try {
          const result = migrateText(text, 'random')
          if (result.state === 'changed') parseAllDocuments(result.text)
          return true
        } catch (error) {
          return (error as { code?: string }).code === 'INVALID_DOCUMENT'
        }
      }
    ),
    { numRuns: runs(2000), seed: 3 }
  )
  t.end()
})
