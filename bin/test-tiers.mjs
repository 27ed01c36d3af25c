// The one place that states to which tier a test file belongs and whether it can run beside others.

/**
 * unit: pure code, files in a temporary folder, sockets on loopback inside the process. Needs nothing of the machine, and
 * waits for no lease, grace period or time limit of a connection.
 * integration: programs of ours, the kernel, root, compilers; pure code with thousands of objects, or with real time
 * limits. Seconds, not minutes.
 * smoke: at most eight end-to-end files for the gate, which together touch the whole product.
 * e2e: containers, an API server, a node, a browser; and what belongs to integration but takes too long for the gate.
 * nightly: only in `npm run test:nightly`, where every fuzz test and loop also runs longer (SECCO_FUZZ).
 */
export const tiers = ['unit', 'integration', 'smoke', 'e2e', 'nightly']
/** What `npm test` runs. */
export const gate = ['unit', 'integration', 'smoke']

/**
 * Path below test/, its tier, and how it runs: `recording` where the file attaches to the kernel or starts containers: one
 * of them at a time, beside files that do neither; `waiting` where it waits most of the time, for a cluster, a virtual
 * machine or programs of its own, and has no limit of time that other files would break: never beside those that record;
 * `alone` where it measures time: nothing runs beside it. The longest path that a file's path starts with decides.
 */
export const table = [
  // The smoke tier, and what each file touches.
  // A person walks the pages in Chromium, from an unconfined container to an enforced one, a canary and an emergency.
  ['browser/operator.', 'smoke', 'recording'],
  // The loop with runc on one machine: recorded, approved, enforced, attacked.
  ['e2e/loop.', 'smoke', 'recording'],
  // The released archive, started where there is no Node.
  ['image/released-archive.', 'smoke', 'recording'],
  // A real API server calls the webhook: annotations, fields, policies.
  ['e2e/api-server.', 'smoke'],
  // A real API server keeps our resources, and rejects what the files reject.
  ['e2e/custom-resources.', 'smoke'],
  // One of two hubs is killed; the other one takes over, and nothing is lost.
  ['webhook/cluster/takeover.', 'smoke'],
  // The watch of one of two webhook replicas hangs: kubectl wait does not return before it serves the revision.
  ['webhook/cluster/replicas/served-replicas.', 'smoke'],
  // A cluster with a node, Secco from its image: a pod is learned, enforced and attacked.
  ['e2e/enforced-pod.', 'smoke', 'waiting'],
  // Pages of made-up objects.
  ['browser/', 'e2e'],
  // `secco up`, killed and started again between the steps of the operator's walk.
  ['browser/operator-restarted.', 'e2e', 'recording'],
  ['browser/smooth.', 'e2e', 'alone'],
  // `secco up`, and containers of its own.
  ['browser/stories.', 'e2e', 'recording'],
  // Keys are made by threads and programs.
  ['certs/', 'integration'],
  ['cli/', 'unit'],
  // Every verb in a process of its own: a minute.
  ['cli/cli.', 'e2e'],
  // Programs of ours.
  ['cli/commands/change-verbs.', 'integration'],
  ['cli/commands/completion.', 'integration'],
  ['cli/hubs/hub.', 'integration'],
  ['cli/loaded.', 'integration'],
  ['cli/install/install.', 'integration'],
  ['cli/install/uninstall.', 'integration'],
  ['cli/lib/options.', 'integration'],
  ['cli/lib/read-input.', 'integration'],
  ['cli/lib/surface.', 'integration'],
  ['cli/profiles/import.', 'integration'],
  ['cli/profiles/options.', 'integration'],
  ['cli/profiles/start-check.', 'integration'],
  ['cli/profiles/warnings.', 'integration'],
  ['cli/programs/satellite-options.', 'integration'],
  ['cli/programs/webhook-options.', 'integration'],
  ['cli/programs/webhook-start.', 'integration'],
  ['cli/programs/other-user.', 'integration'],
  // A satellite that records nothing.
  ['cli/programs/node-floor.', 'integration'],
  // Recording.
  ['cli/doctor/doctor.', 'integration', 'recording'],
  ['cli/recorder-options.', 'integration', 'recording'],
  ['cli/profiles/block.', 'e2e', 'recording'],
  ['cli/programs/trace.', 'e2e', 'recording'],
  ['cli/programs/up-recorder.', 'e2e', 'recording'],
  ['docs/', 'unit'],
  // It parses the tests.
  ['docs/attacks.', 'integration'],
  // The compiler reads the types of the API's answers.
  ['docs/statements.', 'integration'],
  ['e2e/', 'e2e', 'recording'],
  // An API server without a node.
  ['e2e/certificates.', 'e2e'],
  ['e2e/final-state.', 'e2e'],
  ['e2e/wrong-objects.', 'e2e'],
  ['e2e/install.', 'e2e'],
  ['e2e/identity.', 'e2e'],
  ['e2e/install-over.', 'e2e'],
  ['e2e/kinds-of-pods.', 'e2e'],
  ['e2e/rule-policy.', 'e2e'],
  ['e2e/strict.', 'e2e'],
  ['e2e/attacked-creations.', 'e2e', 'alone'],
  ['e2e/proof.', 'e2e', 'alone'],
  // A whole cluster, with kubelets and containerd.
  ['e2e/cluster-command.', 'e2e', 'waiting'],
  ['e2e/install-ha.', 'e2e', 'waiting'],
  ['e2e/install-node.', 'e2e', 'waiting'],
  ['e2e/kubernetes.', 'e2e', 'waiting'],
  ['e2e/node.', 'e2e', 'waiting'],
  ['e2e/scenarios.', 'e2e', 'waiting'],
  ['e2e/strict-node.', 'e2e', 'waiting'],
  ['e2e/workloads-on-node.', 'e2e', 'waiting'],
  ['e2e/journey-restarted.', 'e2e', 'waiting'],
  ['e2e/denials-after-restart.', 'e2e', 'waiting'],
  ['e2e/truth.', 'e2e', 'waiting'],
  ['e2e/truth-verbs.', 'e2e', 'waiting'],
  // Containers of other files would be seen in its views.
  ['e2e/views/laws.', 'e2e', 'recording'],
  ['e2e/views/on-node.', 'e2e', 'waiting'],
  // Only the tables: the programs are started in this process.
  ['e2e/views/complete.', 'e2e'],
  ['helpers/', 'e2e'],
  ['helpers/match-lists.', 'unit'],
  // Code generators, and the test run itself.
  ['house/', 'integration'],
  // Containers, cgroups and pins that are left on purpose.
  ['house/leftovers.', 'integration', 'recording'],
  // npm, again and again.
  ['house/dependency-review.', 'e2e'],
  ['image/', 'integration'],
  // Whole images and releases, twice.
  ['image/image.', 'e2e'],
  ['image/release.', 'e2e'],
  // Virtual machines without hardware help: nothing of them is seen outside.
  ['kernels/', 'e2e'],
  ['manifests/', 'unit'],
  ['native/', 'integration', 'recording'],
  // Each target is compiled.
  ['native/fuzz.', 'e2e'],
  ['native/blocked-calls.', 'e2e', 'recording'],
  // Files as runc writes them, and no container.
  ['native/state-watch.', 'integration'],
  ['native/parts.', 'e2e', 'recording'],
  ['native/starting.', 'e2e', 'recording'],
  ['nightly/', 'nightly', 'alone'],
  ['satellite/', 'unit'],
  ['satellite/containers/crun.', 'e2e', 'recording'],
  ['satellite/containers/doubtful-bundles.', 'e2e', 'recording'],
  ['satellite/containers/ended-thread.', 'e2e', 'recording'],
  ['satellite/containers/hostile-containers.', 'e2e', 'recording'],
  ['satellite/containers/hung-bundle.', 'e2e', 'recording'],
  ['satellite/containers/host-runc.', 'integration'],
  // A process in a cgroup of its own, which a recorder takes for a container.
  ['satellite/containers/own-cgroup.', 'integration', 'recording'],
  ['satellite/containers/registry.', 'e2e', 'recording'],
  ['satellite/containers/unusual-files.', 'integration'],
  ['satellite/denials-by-argument.', 'e2e', 'recording'],
  ['satellite/denials/audit-log.', 'integration', 'recording'],
  ['satellite/denials/denials.', 'e2e', 'recording'],
  // With the addon.
  ['satellite/denials/denial-reports.', 'integration'],
  ['satellite/recorder/exactness.', 'integration'],
  ['satellite/recorder/slots/ended-slots.', 'integration', 'alone'],
  ['satellite/recorder/slots/endings.', 'e2e', 'recording'],
  ['satellite/recorder/slots/possible-denials.', 'e2e', 'recording'],
  ['satellite/recorder/adoption.', 'integration', 'recording'],
  ['satellite/hostile-answers.', 'integration'],
  ['satellite/hostile-text.', 'integration'],
  ['satellite/revisions/floor.', 'integration'],
  ['satellite/revisions/hostile-revisions.', 'e2e', 'recording'],
  ['satellite/satellite.', 'e2e', 'recording'],
  ['satellite/inspector/declared-again.', 'e2e', 'recording'],
  // libseccomp, as installed.
  ['satellite/inspector/filter-checks.', 'integration'],
  ['satellite/small-heap.', 'integration'],
  ['satellite/trace/hub-stream.', 'e2e', 'recording'],
  ['satellite/trace/trace-session.', 'integration', 'recording'],
  // Hundreds of durable files; programs of ours.
  ['satellite/uplink/backlog.', 'integration'],
  ['satellite/uplink/uplink.', 'integration'],
  ['src/', 'unit'],
  ['src/api/hostile-text.', 'integration'],
  // It compares times: what costs a parser of YAML most is inside built-in functions, where no step is counted.
  ['src/api/hostile-yaml.', 'integration', 'alone'],
  // libseccomp, runc and strace, as installed.
  ['src/seccomp/arguments/loadable.', 'integration'],
  ['src/seccomp/filter/cbpf.', 'integration'],
  ['src/seccomp/filter/differential.', 'integration'],
  ['src/seccomp/filter/executed.', 'integration'],
  ['src/seccomp/filter/filter-size.', 'integration'],
  ['src/seccomp/filter/misleading-rules.', 'integration'],
  ['src/seccomp/import/strace.', 'integration'],
  // Every version of every runtime's default: half a minute.
  ['src/seccomp/policy/known-defaults.', 'e2e'],
  ['src/seccomp/render/runc.', 'e2e', 'recording'],
  ['src/lib/durable-file-order.', 'integration'],
  ['src/lib/file-lock.', 'integration'],
  ['src/store/directory.', 'integration'],
  ['src/store/directory-crash.', 'integration'],
  ['src/store/directory-pair.', 'integration'],
  // It compares times.
  ['src/store/directory-cost.', 'e2e', 'alone'],
  ['src/store/kubernetes.', 'e2e'],
  ['webhook/', 'unit'],
  ['webhook/cluster/access/', 'e2e'],
  ['webhook/cluster/access/bounded-rights.', 'unit'],
  ['webhook/cluster/access/delegated-objects.', 'unit'],
  ['webhook/cluster/access/token-review.', 'unit'],
  ['webhook/cluster/approved-profile.', 'e2e'],
  ['webhook/cluster/check.', 'e2e'],
  ['webhook/cluster/bypassed-containers.', 'e2e'],
  ['webhook/cluster/cluster.', 'e2e'],
  ['webhook/cluster/many-objects.', 'e2e'],
  ['webhook/cluster/gitops.', 'e2e'],
  ['webhook/cluster/replicas.', 'e2e'],
  // Programs of ours.
  ['webhook/approved-profile.', 'integration'],
  // Thousands of objects or requests, megabytes of input with a limit of time.
  ['webhook/admission/hostile-cost.', 'integration', 'alone'],
  ['webhook/admission/hostile-reviews.', 'integration'],
  ['webhook/admission/hostile-text.', 'integration'],
  ['webhook/admission/review.', 'integration'],
  ['webhook/admission/server.', 'integration'],
  // Leases, grace periods and time limits of connections pass in real time.
  ['webhook/cluster/replicas/leader.', 'integration'],
  ['webhook/hub/stand-by.', 'integration'],
  ['webhook/hub/stream/session.', 'integration'],
  // Thousands of connections, and their time limits.
  ['webhook/request-turns.', 'integration'],
  ['webhook/hub/stream/tls-listener.', 'integration'],
  // Rates of requests, with and without an attack: a minute.
  ['webhook/admission/under-attack.', 'e2e', 'alone'],
  ['webhook/hub/fleet-cost.', 'integration'],
  ['webhook/hub/hostile-node.', 'integration'],
  ['webhook/cluster/replicas/hub-summary.', 'integration'],
  ['webhook/admission/large-pods.', 'integration'],
  ['webhook/hub/observations/observation-writer.', 'integration'],
  ['webhook/ui/crowd.', 'integration'],
  ['webhook/ui/rows.', 'integration'],
  // They run the generators and the compiler.
  ['webhook/ui/api/api.', 'integration'],
  // It needs the authorities that a control plane has, and no control plane.
  ['webhook/ui/aggregated-api.', 'e2e'],
  ['webhook/ui/pages/pages.', 'integration']
]

/**
 * What a file that imports these needs, directly or through helpers: it belongs to that tier or a later one. Paths
 * from the root of the checkout.
 */
export const needs = {
  // It slows down whatever else runs in the process.
  'test/helpers/counted-steps.ts': 'integration',
  'test/helpers/secco-command.ts': 'integration',
  'test/helpers/filter-oracle.ts': 'integration',
  'test/helpers/as-pod.ts': 'integration',
  'test/helpers/met-program.ts': 'integration',
  'native/recorder.ts': 'integration',
  'native/trial-load.ts': 'integration',
  'test/helpers/containerd.ts': 'smoke',
  'test/helpers/runc-bundle.ts': 'smoke',
  'test/helpers/debian-rootfs.ts': 'smoke',
  'test/helpers/cluster.ts': 'smoke',
  'test/helpers/kubernetes/': 'smoke',
  'test/browser/rig.ts': 'smoke',
  'test/bench/': 'smoke'
}

/** Files that take longest, longest first: they start first, so that none of them runs alone at the end. */
export const longest = [
  'e2e/enforced-pod.',
  'e2e/kubernetes.',
  'e2e/install-ha.',
  'e2e/truth.',
  'e2e/workloads-on-node.',
  'e2e/scenarios.',
  'e2e/install-node.',
  'e2e/strict-node.',
  'kernels/',
  'e2e/truth-verbs.',
  'e2e/views/on-node.',
  'e2e/install-over.',
  'e2e/install.',
  'e2e/wrong-objects.',
  'browser/pages.',
  'image/release.',
  'cli/cli.',
  'webhook/cluster/takeover.',
  'webhook/cluster/cluster.',
  'webhook/cluster/replicas.',
  // They wait for time limits.
  'webhook/cluster/replicas/leader.',
  'webhook/hub/stand-by.',
  'webhook/request-turns.',
  'webhook/hub/stream/',
  'satellite/uplink/hub-connection.'
]

/** `build/test/x.test.js` or `test/x.test.ts` → `x.test.ts`. */
const nameOf = (path) => path.replace(/^(build\/)?test\//, '').replace(/\.js$/, '.ts')

/** Returns the row that decides about a test file, or undefined: then the file belongs to no tier. */
export function rowOf(path, rows = table) {
  const name = nameOf(path)
  return rows
    .filter(([start]) => name.startsWith(start))
    .reduce(
      (best, row) => (best === undefined || row[0].length > best[0].length ? row : best),
      undefined
    )
}

export const tierOf = (path) => rowOf(path)?.[1]
/** Returns `recording`, `alone`, `waiting` or undefined: see the table. */
export const howOf = (path) => rowOf(path)?.[2]
/** Tells whether a file may run in a process in which others ran before it: it leaves nothing behind. */
export const isShared = (path) => tierOf(path) === 'unit'
export const isAlone = (path) => howOf(path) !== undefined

/** Compares two files for a sort: the longest first, then those of later tiers, which take longer. */
export function longestFirst(a, b) {
  const rank = (path) =>
    longest.findIndex((start) => nameOf(path).startsWith(start)) + 1 || Infinity
  const [one, other] = [rank(a), rank(b)]
  return one === other ? tiers.indexOf(tierOf(b)) - tiers.indexOf(tierOf(a)) : one - other
}

/**
 * What may be skipped in the continuous integration: the beginning of the test's name as the run prints it, and the
 * reason. Whatever else is skipped there fails the run.
 */
export const trueReasons = [
  // Debian's kernels come from its mirror, which may have moved on.
  [
    'test/kernels/kernels.test.ts > ',
    /apt-get (update|download)|the mirror's|not Debian|for x86_64/
  ],
  // A second runtime, which bin/setup installs where apt has it.
  ['test/cli/profiles/block.test.ts > secco base measure: crun', /not installed/],
  ['test/satellite/containers/crun.test.ts > ', /not installed/],
  // A sandbox may keep it from everybody.
  [
    'test/satellite/containers/host-runc.test.ts > ',
    /the namespaces of process 1 cannot be read here/
  ]
]

export const mayBeSkipped = (line, reasons = trueReasons) =>
  reasons.some(([start, reason]) => line.startsWith(start) && reason.test(line))
