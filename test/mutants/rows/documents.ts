import { mutants } from '../mutant.js'

const lint = 'src/seccomp/lint/lint'
const migrate = 'src/seccomp/migrate/migrate'
const profiles = 'src/seccomp/import/profiles'
const strace = 'src/seccomp/import/strace'

/** Linting, import, export and migration. */
export const documents = mutants('documents', [
  [
    'lint-execve',
    'A file under which no container starts is an error.',
    'src/seccomp/lint/lint.ts',
    'const serious = !partly && vital.includes(name)',
    'const serious = partly && vital.includes(name)',
    lint
  ],
  [
    'lint-allow-all',
    'A file that allows what it does not name is an error.',
    'src/seccomp/lint/lint.ts',
    "severity: bounded ? 'warning' : 'error',",
    "severity: 'warning',",
    lint
  ],
  [
    'lint-abi-hole',
    'A hole through socketcall is reported.',
    'src/seccomp/lint/lint.ts',
    "verdicts.always('socketcall') && !verdicts.always('socket')",
    "verdicts.always('socketcall') && verdicts.always('socket')",
    lint
  ],
  [
    'lint-io-uring',
    'io_uring next to limited sockets is reported.',
    'src/seccomp/lint/lint.ts',
    "limited && verdicts.sometimes('io_uring_setup')",
    "!limited && verdicts.sometimes('io_uring_setup')",
    lint
  ],
  [
    'lint-unknown-key',
    "A key of Docker's format in a file is an error, because other runtimes ignore it.",
    'src/seccomp/lint/lint-raw.ts',
    "severity: harmless ? 'warning' : 'error',",
    "severity: 'warning',",
    lint
  ],
  [
    'lint-flags-of-old-runc',
    'Flags are an error for a runc that rejects them.',
    'src/seccomp/lint/lint-raw.ts',
    "compareVersions(runtime.version, '1.2.0') < 0",
    "compareVersions(runtime.version, '1.0.0') < 0",
    lint
  ],
  [
    'lint-misbuilt-arguments',
    'Conditions that libseccomp builds wrongly are reported.',
    'src/seccomp/lint/lint-arguments.ts',
    "const wrong = use === 'oci' ? !isBuiltAsStated(built.get(name) ?? []) : inexact",
    'const wrong = false',
    lint
  ],
  [
    'lint-dangerous',
    'A syscall of high risk beyond RuntimeDefault is a warning.',
    'src/seccomp/lint/lint-names.ts',
    "risk.level === 'high' && !inside ? 'warning' : 'note'",
    "'note'",
    lint
  ],
  [
    'lint-order',
    'The most serious finding comes first.',
    'src/seccomp/lint/lint-finding.ts',
    'order.indexOf(a.severity) - order.indexOf(b.severity)',
    'order.indexOf(b.severity) - order.indexOf(a.severity)',
    lint
  ],
  [
    'errors-are-not-accepted',
    'A profile with a lint error is not accepted.',
    'src/seccomp/lint/accept.ts',
    "const found = forbidden(lintSeccomp(seccomp, 'spec'))",
    "const found = forbidden(lintSeccomp(seccomp, 'spec')).slice(1)",
    'src/seccomp/lint/accept'
  ],
  [
    'import-docker-capabilities',
    "Docker's rules for a capability apply only to containers that have it.",
    'src/seccomp/import/docker.ts',
    'includes.caps.every((cap) => caps.has(cap)) &&',
    'includes.caps.length >= 0 &&',
    profiles
  ],
  [
    'import-docker-excludes',
    "Docker's excludes are respected.",
    'src/seccomp/import/docker.ts',
    'return included && !excluded',
    'return included',
    profiles
  ],
  [
    'import-docker-kernel',
    "Docker's rules for newer kernels apply only there.",
    'src/seccomp/import/docker.ts',
    'kernel[0] === least[0] && kernel[1] >= least[1]',
    'kernel[0] === least[0]',
    profiles
  ],
  [
    'import-docker-loss',
    'That conditions were decided is reported as a loss.',
    'src/seccomp/import/docker.ts',
    'if (decided > 0) {',
    'if (decided < 0) {',
    profiles
  ],
  [
    'import-kubelet-docker',
    "A file of a kubelet's folder in Docker's format is rejected.",
    'src/seccomp/import/import.ts',
    "if (format === 'kubelet' && found === 'docker') {",
    "if (format === 'docker' && found === 'docker') {",
    profiles
  ],
  [
    'import-two-of-one-name',
    'Two imported profiles do not overwrite each other.',
    'src/seccomp/import/import.ts',
    "if (before.kind !== 'trace' || next.kind !== 'trace') {",
    "if (before.kind !== 'trace' && next.kind === 'trace') {",
    ['src/seccomp/import/bad-input', profiles]
  ],
  [
    'import-operator-base',
    "The operator's profile is imported with the rules of its base.",
    'src/seccomp/import/spo.ts',
    'syscalls: [...(base.syscalls ?? []), ...(own.syscalls ?? [])]',
    'syscalls: [...(own.syscalls ?? [])]',
    profiles
  ],
  [
    'import-unknown-names',
    'A name that no table has is left out and reported.',
    'src/seccomp/import/seccomp-object.ts',
    'if (unknown.length > 0) {',
    'if (unknown.length < 0) {',
    profiles
  ],
  [
    'import-faked-success',
    'A rule with errno 0 is imported as a denial.',
    'src/seccomp/import/seccomp-object.ts',
    "if (errno !== 0 || action !== 'SCMP_ACT_ERRNO') return errno",
    "if (errno !== 0 || action === 'SCMP_ACT_ERRNO') return errno",
    profiles
  ],
  [
    'import-joined-conditions',
    'Two conditions on one argument are imported as what runs.',
    'src/seccomp/import/seccomp-object.ts',
    'return args.map((arg) => [arg])',
    'return [args]',
    profiles
  ],
  [
    'import-supervised',
    'NOTIFY and TRACE become ENOSYS.',
    'src/seccomp/import/seccomp-object.ts',
    'const errnoRet = supervised ? enosys :',
    'const errnoRet = supervised ? 1 :',
    profiles
  ],
  [
    'import-strace-start',
    "strace's own preparation is not part of a trace.",
    'src/seccomp/import/strace.ts',
    'else if (!isExec || !succeeded(tail)) continue',
    'else if (name === "") continue',
    strace
  ],
  [
    'import-strace-modes',
    'Syscalls of a 32 bit process are recorded as i386.',
    'src/seccomp/import/strace.ts',
    "switched[2] === '32 bit' ? 'i386'",
    "switched[2] === '31 bit' ? 'i386'",
    strace
  ],
  [
    'migrate-comment-in-flow',
    'Migration does not delete a comment inside a flow mapping.',
    'src/seccomp/migrate/remove.ts',
    'return edits.some(({ start, end }) => / #|\\n\\s*#/.test(text.slice(start, end)))',
    'return edits.some(({ start, end }) => start > end)',
    migrate
  ],
  [
    'migrate-comment-in-block',
    'Migration keeps comments between the entries of a mapping that goes.',
    'src/seccomp/migrate/remove.ts',
    '  if (!isMap(value) || value.flow === true) {',
    '  if (value !== undefined) {',
    migrate
  ],
  [
    'migrate-comment-above',
    'A new field stands above the comments that belong to the first entry.',
    'src/seccomp/migrate/insert.ts',
    'while (at > 0 && /^[ \\t]*#/.test(text.slice(lineStart(text, at - 1), at))) {',
    'while (at < 0) {',
    migrate
  ],
  [
    'migrate-checks-its-result',
    'A migrated file says exactly what was planned, or nothing is changed.',
    'src/seccomp/migrate/migrate.ts',
    'if (result === undefined || !says(result, wanted)) return byHand(text, findings, changes)',
    'if (result === undefined) return byHand(text, findings, changes)',
    migrate
  ],
  [
    'migrate-conflict',
    'A field that says something else than the annotation is left to a person.',
    'src/seccomp/migrate/plan.ts',
    'present !== null && !isDeepStrictEqual(present, field)',
    'present !== null && isDeepStrictEqual(present, [])',
    migrate
  ],
  [
    'migrate-path',
    'A path that climbs is not migrated.',
    'src/seccomp/migrate/legacy.ts',
    " && !path.split('/').includes('..')",
    '',
    migrate
  ],
  [
    'migrate-docker-default',
    'The annotation docker/default means RuntimeDefault.',
    'src/seccomp/migrate/legacy.ts',
    "value === 'runtime/default' || value === 'docker/default'",
    "value === 'runtime/default'",
    migrate
  ],
  [
    'migrate-line-ends',
    'A file keeps its line ends.',
    'src/seccomp/migrate/insert.ts',
    "text.includes('\\r\\n') ? '\\r\\n' : '\\n'",
    "'\\n'",
    migrate
  ]
])
