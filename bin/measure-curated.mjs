// Measures the curated bases: runs the programs of bin/curated under `secco trace` and writes what they
// asked for to src/seccomp/data/curated/measured.ts. Needs root, a build, gcc, go, node, python3, javac;
// musl's headers and library below --musl DIR (Debian's musl-dev, unpacked) or where apt puts them.
//
//   node bin/measure-curated.mjs [--runs 5] [--musl DIR] [--check]
//
// --check: writes nothing; exit 1 when something was asked for that the file lacks.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { curatedNames } from '../build/src/seccomp/render/builtin.js'
import { runtimeDefaultNames } from '../build/src/seccomp/policy/runtime-default.js'
import { measuredFile } from './measured-file.mjs'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    musl: { type: 'string', default: '/' },
    check: { type: 'boolean' }
  }
})
const root = join(import.meta.dirname, '..')
const at = mkdtempSync(join(tmpdir(), 'secco-curated-'))
cpSync(join(root, 'bin/curated'), at, { recursive: true })
const run = (command, ...args) =>
  execFileSync(command, args, {
    cwd: at,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, GOCACHE: join(at, 'gocache'), CGO_ENABLED: '0', GO111MODULE: 'off' }
  })
const firstLine = (text) => text.split('\n')[0].trim()

function traced(command) {
  const text = run(join(root, 'bin/secco'), 'trace', '-o', 'json', '--', ...command)
  const report = JSON.parse(text.slice(text.indexOf('{')))
  if (!report.complete) throw new Error(`the trace of ${command.join(' ')} is not complete`)
  return Object.keys(report.abis.x86_64 ?? report.abis.aarch64)
}

function musl(from, to) {
  const include = join(options.musl, 'usr/include/x86_64-linux-musl')
  const lib = join(options.musl, 'usr/lib/x86_64-linux-musl')
  if (!existsSync(join(lib, 'libc.a')))
    throw new Error(`no musl below ${options.musl}: unpack musl-dev and name it with --musl`)
  const gcc = firstLine(run('gcc', '-print-libgcc-file-name'))
  run(
    'gcc',
    '-O1',
    '-static',
    '-nostdinc',
    '-isystem',
    include,
    '-nostdlib',
    '-o',
    to,
    join(lib, 'crt1.o'),
    join(lib, 'crti.o'),
    from,
    join(lib, 'libc.a'),
    gcc,
    join(lib, 'crtn.o')
  )
}

function python() {
  const real = run('python3', '-c', 'import sys; print(sys.executable)').trim()
  return {
    start: [real, 'hello.py'],
    serve: [real, 'serve.py'],
    source: `CPython ${run(real, '-V').trim().split(' ')[1]}`
  }
}

const c = (kind, ...flags) => {
  for (const name of ['hello', 'serve'])
    run('gcc', '-O1', '-pthread', ...flags, '-o', `${name}-${kind}`, `${name}.c`)
  return { start: [`./hello-${kind}`], serve: [`./serve-${kind}`] }
}

const programs = {
  'static-binary': () => ({
    ...c('static', '-static'),
    source: `static C, glibc ${firstLine(run('ldd', '--version')).split(' ').at(-1)}`
  }),
  glibc: () => ({
    ...c('glibc'),
    source: `dynamic C, glibc ${firstLine(run('ldd', '--version')).split(' ').at(-1)}`
  }),
  musl: () => {
    for (const name of ['hello', 'serve']) musl(`${name}.c`, `${name}-musl`)
    return { start: ['./hello-musl'], serve: ['./serve-musl'], source: 'static C, musl 1.2.3' }
  },
  go: () => {
    for (const name of ['hello', 'serve']) {
      cpSync(join(at, `${name}.go.txt`), join(at, `${name}.go`))
      run('go', 'build', '-o', `${name}-go`, `${name}.go`)
    }
    return {
      start: ['./hello-go'],
      serve: ['./serve-go'],
      source: `Go ${run('go', 'version').split(' ')[2].slice(2)}, without cgo`
    }
  },
  nodejs: () => ({
    start: [process.execPath, 'hello.mjs'],
    serve: [process.execPath, 'serve.mjs'],
    source: `Node ${process.versions.node}`
  }),
  python,
  jvm: () => {
    run('javac', 'Hello.java', 'Serve.java')
    const source = firstLine(run('java', '--version')).replace(/ \d{4}-.*/, '')
    return { start: ['java', '-cp', '.', 'Hello'], serve: ['java', '-cp', '.', 'Serve'], source }
  }
}

try {
  const floor = runtimeDefaultNames()
  const measured = {}
  const beyond = new Set()
  for (const [name, prepare] of Object.entries(programs)) {
    const { start, serve, source } = prepare()
    const sets = { start: new Set(), serve: new Set() }
    for (let round = 0; round < Number(options.runs); round++) {
      for (const call of traced(start)) sets.start.add(call)
      for (const call of traced(serve)) sets.serve.add(call)
    }
    for (const set of Object.values(sets))
      for (const call of [...set]) {
        if (floor.has(call)) continue
        beyond.add(call)
        set.delete(call)
      }
    measured[name] = { source, start: [...sets.start].sort(), serve: [...sets.serve].sort() }
    process.stderr.write(
      `${name}: ${sets.start.size} to start, ${sets.serve.size} to serve (${source})\n`
    )
  }
  process.stderr.write(`asked for, and denied by RuntimeDefault: ${[...beyond].sort().join(' ')}\n`)
  if (options.check) {
    let missing = 0
    for (const [name, { start, serve }] of Object.entries(measured)) {
      const lacks = [...new Set([...start, ...serve])].filter(
        (call) => !curatedNames(name).has(call)
      )
      missing += lacks.length
      if (lacks.length > 0)
        process.stderr.write(`${name}: not in the shipped base: ${lacks.join(' ')}\n`)
    }
    process.exitCode = missing > 0 ? 1 : 0
  } else {
    const file = join(root, 'src/seccomp/data/curated/measured.ts')
    const head = `// Written by bin/measure-curated.mjs, ${options.runs} runs of each program. DO NOT EDIT.
import { words } from '../words.js'

/** What real programs asked for: \`start\` from the first instruction to the end, \`serve\` with a server, threads and files. */`
    writeFileSync(file, measuredFile(head, measured, ['start', 'serve']))
    execFileSync(join(root, 'node_modules/.bin/biome'), ['format', '--write', file], { cwd: root })
  }
} finally {
  rmSync(at, { recursive: true, force: true })
}
