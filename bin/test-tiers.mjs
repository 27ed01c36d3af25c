// The one place that states to which tier a test file belongs and whether it can run beside others.

/**
 * unit: pure code, files in a temporary folder, sockets on loopback inside the process. Needs nothing of the machine.
 * integration: programs of ours, the kernel, root, compilers; pure code with thousands of objects.
 * e2e: containers, an API server, a node, a browser.
 * nightly: only in `npm run test:nightly`, where every fuzz test and loop also runs longer (SECCO_FUZZ).
 */
export const tiers = ['unit', 'integration', 'e2e', 'nightly']

/**
 * Path below test/, its tier, and how it runs: `alone` where the file attaches to the kernel or measures time;
 * `waiting` where it waits most of the time, for a cluster, a virtual machine or programs of its own, and has no limit of
 * time that other files would break. The longest path that a file's path starts with decides.
 */
export const table = [
  ['browser/', 'e2e', 'alone'],
  // Keys are made by threads and programs.
  ['certs/', 'integration'],
  ['cli/', 'unit'],
  // Programs of ours.
  ['cli/cli.', 'integration'],
  ['cli/commands/completion.', 'integration'],
  ['cli/hubs/hub.', 'integration'],
  ['cli/install/install.', 'integration'],
  ['cli/lib/options.', 'integration'],
  ['cli/lib/surface.', 'integration'],
  ['cli/profiles/import.', 'integration'],
  ['cli/profiles/options.', 'integration'],
  ['cli/programs/satellite-options.', 'integration'],
  ['cli/programs/webhook-options.', 'integration'],
  // A satellite that records nothing.
  ['cli/programs/node-floor.', 'integration'],
  // Recording.
  ['cli/doctor/doctor.', 'integration', 'alone'],
  ['cli/recorder-options.', 'integration', 'alone'],
  ['cli/profiles/block.', 'e2e', 'alone'],
  ['cli/programs/trace.', 'e2e', 'alone'],
  ['docs/', 'unit'],
  ['e2e/', 'e2e', 'alone'],
  // An API server without a node.
  ['e2e/api-server.', 'e2e'],
  ['e2e/certificates.', 'e2e'],
  ['e2e/custom-resources.', 'e2e'],
  ['e2e/final-state.', 'e2e'],
  ['e2e/install.', 'e2e'],
  ['e2e/kinds-of-pods.', 'e2e'],
  // A whole cluster, with kubelets and containerd.
  ['e2e/identity.', 'e2e', 'waiting'],
  ['e2e/install-ha.', 'e2e', 'waiting'],
  ['e2e/install-node.', 'e2e', 'waiting'],
  ['e2e/kubernetes.', 'e2e', 'waiting'],
  ['e2e/node.', 'e2e', 'waiting'],
  ['e2e/rule-policy.', 'e2e', 'waiting'],
  ['e2e/scenarios.', 'e2e', 'waiting'],
  ['e2e/strict.', 'e2e', 'waiting'],
  ['e2e/denials-after-restart.', 'e2e', 'waiting'],
  ['e2e/truth.', 'e2e', 'waiting'],
  ['e2e/truth-verbs.', 'e2e', 'waiting'],
  // Containers of other files would be seen in its views.
  ['e2e/views/laws.', 'e2e', 'alone'],
  // Only the tables: the programs are started in this process.
  ['e2e/views/complete.', 'e2e'],
  ['helpers/', 'e2e'],
  ['helpers/match-lists.', 'unit'],
  // Code generators, and the test run itself.
  ['house/', 'integration'],
  ['image/', 'integration'],
  ['kernels/', 'e2e', 'waiting'],
  ['native/', 'integration', 'alone'],
  ['native/fuzz.', 'integration'],
  ['native/blocked-calls.', 'e2e', 'alone'],
  ['native/parts.', 'e2e', 'alone'],
  ['nightly/', 'nightly', 'alone'],
  ['satellite/', 'unit'],
  ['satellite/containers/doubtful-bundles.', 'e2e'],
  ['satellite/containers/hostile-containers.', 'e2e', 'alone'],
  ['satellite/containers/hung-bundle.', 'e2e', 'alone'],
  ['satellite/containers/host-runc.', 'integration'],
  ['satellite/containers/own-cgroup.', 'integration'],
  ['satellite/containers/registry.', 'e2e'],
  ['satellite/containers/unusual-files.', 'integration'],
  ['satellite/denials-by-argument.', 'e2e', 'alone'],
  ['satellite/denials/audit-log.', 'integration', 'alone'],
  ['satellite/denials/denials.', 'e2e', 'alone'],
  // With the addon.
  ['satellite/denials/denial-reports.', 'integration'],
  ['satellite/recorder/exactness.', 'integration'],
  ['satellite/recorder/slots/ended-slots.', 'integration', 'alone'],
  ['satellite/recorder/slots/possible-denials.', 'e2e', 'alone'],
  ['satellite/recorder/adoption.', 'integration', 'alone'],
  ['satellite/hostile-text.', 'integration'],
  ['satellite/revisions/floor.', 'integration'],
  ['satellite/revisions/hostile-revisions.', 'e2e'],
  ['satellite/satellite.', 'e2e', 'alone'],
  // libseccomp, as installed.
  ['satellite/inspector/filter-checks.', 'integration'],
  ['satellite/small-heap.', 'integration'],
  ['satellite/trace/hub-stream.', 'e2e', 'alone'],
  ['satellite/trace/trace-session.', 'integration', 'alone'],
  // Hundreds of durable files; programs of ours.
  ['satellite/uplink/backlog.', 'integration'],
  ['satellite/uplink/uplink.', 'integration'],
  ['src/', 'unit'],
  ['src/api/hostile-text.', 'integration'],
  // libseccomp, runc and strace, as installed.
  ['src/seccomp/arguments/loadable.', 'integration'],
  ['src/seccomp/filter/cbpf.', 'integration'],
  ['src/seccomp/filter/differential.', 'integration'],
  ['src/seccomp/filter/filter-size.', 'integration'],
  ['src/seccomp/filter/misleading-rules.', 'integration'],
  ['src/seccomp/import/strace.', 'integration'],
  ['src/seccomp/render/runc.', 'e2e'],
  ['src/lib/durable-file-order.', 'integration'],
  ['src/store/directory.', 'integration'],
  ['src/store/kubernetes.', 'e2e'],
  ['webhook/', 'unit'],
  ['webhook/cluster/access/', 'e2e'],
  ['webhook/cluster/access/delegated-objects.', 'unit'],
  ['webhook/cluster/access/token-review.', 'unit'],
  ['webhook/cluster/approved-profile.', 'e2e'],
  ['webhook/cluster/check.', 'e2e'],
  ['webhook/cluster/bypassed-containers.', 'e2e'],
  ['webhook/cluster/cluster.', 'e2e'],
  ['webhook/cluster/replicas.', 'e2e'],
  ['webhook/cluster/takeover.', 'e2e'],
  // Programs of ours.
  ['webhook/approved-profile.', 'integration'],
  // Thousands of objects or requests, megabytes of input with a limit of time.
  ['webhook/admission/hostile-reviews.', 'integration'],
  ['webhook/admission/hostile-text.', 'integration'],
  ['webhook/admission/review.', 'integration'],
  ['webhook/admission/server.', 'integration'],
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
  'test/helpers/secco-command.ts': 'integration',
  'test/helpers/filter-oracle.ts': 'integration',
  'test/helpers/as-pod.ts': 'integration',
  'test/helpers/met-program.ts': 'integration',
  'native/recorder.ts': 'integration',
  'native/trial-load.ts': 'integration',
  'test/helpers/containerd.ts': 'e2e',
  'test/helpers/runc-bundle.ts': 'e2e',
  'test/helpers/debian-rootfs.ts': 'e2e',
  'test/helpers/cluster.ts': 'e2e',
  'test/helpers/kubernetes/': 'e2e',
  'test/browser/rig.ts': 'e2e',
  'test/bench/': 'e2e'
}

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
/** Returns `alone`, `waiting` or undefined: see the table. */
export const howOf = (path) => rowOf(path)?.[2]
export const isAlone = (path) => howOf(path) !== undefined

/**
 * What may be skipped in the continuous integration although it belongs to e2e: the beginning of the test's name as
 * the run prints it, and the reason. Whatever else is skipped there fails the run.
 */
export const trueReasons = [
  // Debian's kernels come from its mirror, which may have moved on.
  [
    'test/kernels/kernels.test.ts > ',
    /apt-get (update|download)|the mirror's|not Debian|for x86_64/
  ],
  // A second runtime, which bin/setup does not install, and which cannot run on every machine.
  ['test/cli/profiles/block.test.ts > secco base measure: crun', /not installed|hybrid mode/]
]

export const mayBeSkipped = (line, reasons = trueReasons) =>
  reasons.some(([start, reason]) => line.startsWith(start) && reason.test(line))
