import { mutants } from '../mutant.js'

const floor = 'satellite/revisions/floor'
const installer = 'satellite/revisions/installer'
const uplink = 'satellite/uplink/uplink'
const backlog = 'satellite/uplink/backlog'
const identify = 'satellite/containers/identify'

export const satellite = mutants('satellite', [
  [
    'floor-runtime-default',
    'With --floor runtime-default a node takes nothing beyond RuntimeDefault.',
    'satellite/revisions/floor.ts',
    "if (floor === 'runtime-default') {",
    "if (floor === '') {",
    floor
  ],
  [
    'floor-approved',
    'A node takes more than RuntimeDefault only where a person approved it by name.',
    'satellite/revisions/floor.ts',
    "if (missing.length > 0 || approvedBy === '') {",
    "if (missing.length > 0 && approvedBy === '') {",
    floor
  ],
  [
    'floor-allow-all',
    'A node never takes a revision that allows what it does not name.',
    'satellite/revisions/floor.ts',
    'if (passes.everything) {',
    'if (floor === "") {',
    floor
  ],
  [
    'digest-of-a-revision',
    'Bytes that do not match their digest are not installed.',
    'satellite/revisions/installer.ts',
    'if (found !== revision.digest) {',
    'if (found === "") {',
    installer
  ],
  [
    'names-of-a-revision',
    'A revision cannot name a folder outside of its own.',
    'satellite/revisions/installer.ts',
    "!new RegExp(namePattern).test(revision.profile) || revision.profile.includes('..')",
    'revision.profile === ""',
    installer
  ],
  [
    'trial-load',
    'A revision that the kernel does not take is not installed.',
    'satellite/revisions/installer.ts',
    'if (!trial.ok) {',
    'if (trial === undefined) {',
    installer
  ],
  [
    'misleading-revision',
    'A revision whose rules do something else than they say is not installed.',
    'satellite/revisions/parse-revision.ts',
    'if (misleading === undefined) return seccomp',
    'return seccomp',
    floor
  ],
  [
    'damaged-file',
    'A damaged file of a revision is not reported as held.',
    'satellite/revisions/installer.ts',
    'if (bytes instanceof Buffer && digestOf(bytes) === digest) {',
    'if (bytes instanceof Buffer) {',
    installer
  ],
  [
    'writable-file',
    'A file that others can write is restored.',
    'satellite/revisions/installer.ts',
    '(mode & 0o7777) !== 0o644',
    '(mode & 0o7777) === 0',
    installer
  ],
  [
    'link-instead-of-a-folder',
    'No revision is written through a symbolic link.',
    'satellite/revisions/installer.ts',
    'if (!found.isDirectory()) {',
    'if (found.isFile()) {',
    installer
  ],
  [
    'revision-in-use',
    'The file of a revision that a container uses is not removed.',
    'satellite/revisions/installer.ts',
    '!wanted.has(relative) && !referred.has(`sha256:${hex[1]}`)',
    '!wanted.has(relative)',
    installer
  ],
  [
    'older-approval',
    'An older approval does not come back.',
    'satellite/revisions/generations.ts',
    'if (now === undefined || isOlder(now, before)) {',
    'if (now === undefined) {',
    floor
  ],
  [
    'generations-are-saved',
    'The newest approval that a node has seen survives a restart.',
    'satellite/revisions/generations.ts',
    'this.#seen.set(key, now)\n    this.#saver.request()',
    'this.#seen.set(key, now)',
    floor
  ],
  [
    'lost-file-is-reported',
    'A file that is gone is reported to the hub.',
    'satellite/revisions/revision-files.ts',
    'if (!present.has(key) && !this.#received.has(key)) onStatus(missing(ref))',
    '',
    'satellite/revisions/revision-files'
  ],
  [
    'backoff',
    'The wait between two attempts to connect grows.',
    'satellite/uplink/backoff.ts',
    'Math.min(mostMs, baseMs * 2 ** Math.min(attempt - 2, 16))',
    'Math.min(mostMs, baseMs)',
    uplink
  ],
  [
    'backoff-jitter',
    'Satellites do not connect all at once.',
    'satellite/uplink/backoff.ts',
    'return Math.round(random * Math.min(',
    'return Math.round(1 * Math.min(',
    uplink
  ],
  [
    'backoff-after-a-rejection',
    'A hub that accepts a node and drops it at once is not dialled in a tight loop.',
    'satellite/uplink/hub-connection.ts',
    'if (lasted > timing.baseMs) this.#attempt = 0',
    'this.#attempt = 0',
    'satellite/uplink/hub-connection'
  ],
  [
    'attempts-are-counted',
    'Each attempt to connect counts for the next wait.',
    'satellite/uplink/hub-connection.ts',
    '    this.#attempt += 1\n',
    '',
    'satellite/uplink/hub-connection'
  ],
  [
    'silent-hub',
    'A satellite leaves a hub that is silent.',
    'satellite/uplink/hub-connection.ts',
    'if (performance.now() - this.#heardAt > silentBeats * this.#options.timing.heartbeatMs) {',
    'if (Date.now() < 0) {',
    'satellite/uplink/hub-connection'
  ],
  [
    'spool-checksum',
    'A damaged file of the spool is not sent.',
    'satellite/uplink/spool.ts',
    "if (bytes.subarray(0, headerLength).toString('latin1') !== `${sha256(payload)}\\n`) {",
    'if (bytes.length < headerLength) {',
    'satellite/uplink/spool'
  ],
  [
    'spool-names',
    'A file of the spool belongs to the instance that its name is made of.',
    'satellite/uplink/spool.ts',
    'if (pathOf(observation.id) !== path)',
    'if (observation.id === "")',
    'satellite/uplink/spool'
  ],
  [
    'ack-of-an-older-one',
    'The ack of an older observation does not drop a newer one.',
    'satellite/uplink/backlog.ts',
    'if (sequence >= item.sequence) {\n      this.#remove(item)',
    'if (sequence >= 0) {\n      this.#remove(item)',
    [backlog, uplink]
  ],
  [
    'resend',
    'What the hub did not ack is sent again.',
    'satellite/uplink/backlog.ts',
    'item.sent = 0\n      if (!this.#deferred.has(item.id)) this.#fresh.add(item.id)',
    'if (!this.#deferred.has(item.id)) this.#fresh.add(item.id)',
    [backlog, uplink]
  ],
  [
    'full-backlog-is-counted',
    'Observations that are given up are counted.',
    'satellite/uplink/backlog.ts',
    'if (!ended) this.#givenUp.add(id)\n      this.#dropped += 1',
    'if (!ended) this.#givenUp.add(id)',
    backlog
  ],
  [
    'deferred-few-first',
    'After a rejection only a few observations are sent first.',
    'satellite/uplink/deferred-queue.ts',
    'if (this.#inFlight.size >= this.#atOnce) break',
    '',
    backlog
  ],
  [
    'merge-ended',
    'An instance that has ended stays ended when its observations are merged.',
    'satellite/uplink/merge-observations.ts',
    'ended: older.ended || newer.ended',
    'ended: newer.ended',
    uplink
  ],
  [
    'merge-lost',
    'Losses stay known when observations are merged.',
    'satellite/uplink/merge-observations.ts',
    'lost: Math.max(older.lost, newer.lost)',
    'lost: newer.lost',
    'satellite/uplink/merge-observations'
  ],
  [
    'merge-unproven',
    'One observation that proves a call is enough.',
    'satellite/uplink/merge-observations.ts',
    'names.filter((one) => !proven.has(`${abi} ${one}`))',
    'names',
    'satellite/uplink/merge-observations'
  ],
  [
    'encoded-counts',
    'The fast encoder writes the same message as the generated code.',
    'satellite/uplink/encode-observation.ts',
    "if (action !== '' || detail !== undefined || !isSmall(count)) return undefined",
    'if (!isSmall(count)) return undefined',
    'satellite/uplink/encode-observation'
  ],
  [
    'recursion-misses',
    'What is learned while the kernel skipped the hook counts as incomplete.',
    'satellite/recorder/exactness.ts',
    'if (misses <= known) return',
    'if (misses >= 0) return',
    'satellite/recorder/exactness'
  ],
  [
    'failed-self-test',
    'A failed self-test makes the recorder inexact.',
    'satellite/recorder/exactness.ts',
    "if (!result.ok) set('False', 'SelfTestFailed', counted, at)\n      else",
    '',
    'satellite/recorder/exactness'
  ],
  [
    'pod-labels',
    'Without the socket of containerd, nobody waits for labels of pods.',
    'satellite/recorder/slots/slot-naming.ts',
    'return this.#options.registry.hasPodLabels && lacksPodLabels(labels)',
    'return lacksPodLabels(labels)',
    'satellite/recorder/slots/slot-naming'
  ],
  [
    'possible-denials',
    'A call that only ever ended as a filter ends it is not proven.',
    'satellite/recorder/slots/possible-denials.ts',
    'count <= (failed.get(`${abi} ${name}`) ?? 0)',
    'count < 0',
    'satellite/recorder/slots/possible-calls'
  ],
  [
    'blocked-call-counts',
    'A call that is blocked and not counted yet was made.',
    'satellite/recorder/slots/observation.ts',
    'if (!counted.has(number)) all.push(called(syscallName(abi, number), 1))',
    '',
    'satellite/recorder/slots/observation'
  ],
  [
    'instance-without-cgroup',
    'Without a cgroup of its own an instance is named by its first process, too.',
    'satellite/recorder/slots/observation.ts',
    'const own = slot.cgroupId > 1n ? place : `${place}.${slot.pid}`',
    'const own = place',
    'satellite/recorder/slots/superseded'
  ],
  [
    'instance-and-generation',
    'Two runs in one slot are two instances.',
    'satellite/recorder/slots/observation.ts',
    '${slot.mntns}.${slot.cgroupId}.${slot.generation}',
    '${slot.mntns}.${slot.cgroupId}.0',
    'satellite/recorder/slots/observation'
  ],
  [
    'superseded-slot',
    'A slot whose mount namespace number has a newer owner has ended.',
    'satellite/recorder/slots/superseded.ts',
    'if (one.superseded || one.slot.nsId === newest) continue',
    'if (one.superseded || one.slot.nsId !== 0n) continue',
    'satellite/recorder/slots/superseded'
  ],
  [
    'due-slots',
    'An ended slot is never due.',
    'satellite/recorder/slots/due-slots.ts',
    'if (!one.ended && one.dueAt <= at) due.push(one)',
    'if (one.dueAt <= at) due.push(one)',
    'satellite/recorder/slots/due-slots'
  ],
  [
    'phase-of-serving',
    'An instance is ready when it waits for work.',
    'satellite/recorder/slots/phases.ts',
    'return listens && waited > this.#idle',
    'return listens',
    'satellite/recorder/slots/phases'
  ],
  [
    'identity-by-cgroup',
    'A slot belongs to the container of its cgroup, whatever the names are.',
    'satellite/containers/container-index.ts',
    'const sameCgroup = slot.cgroupId > 1n ? this.#byCgroup.get(slot.cgroupId) : undefined',
    'const sameCgroup = slot.cgroupId < 1n ? this.#byCgroup.get(slot.cgroupId) : undefined',
    [identify, 'satellite/containers/container-index']
  ],
  [
    'identity-of-a-reused-id',
    'A new run of an id that a user chose is another container.',
    'satellite/containers/identify.ts',
    'container.cgroupId !== undefined && container.cgroupId !== slot.cgroupId\n  )',
    'container.cgroupId === undefined && container.cgroupId !== slot.cgroupId\n  )',
    identify
  ],
  [
    'identity-by-mount',
    'A reused mount namespace number does not name the wrong container.',
    'satellite/containers/identify.ts',
    'if (container.pid === 0 || container.mntns !== slot.mntns) return false',
    'if (container.mntns !== slot.mntns) return false',
    identify
  ],
  [
    'identity-of-a-sandbox',
    "A pod's sandbox is no workload.",
    'satellite/containers/identify.ts',
    'if (container === undefined || isSandbox(container.labels)) return',
    'if (container === undefined) return',
    identify
  ],
  [
    'cgroup-of-conmon',
    "podman's monitor is no container.",
    'satellite/containers/cgroup-name.ts',
    "if (prefix?.endsWith('conmon') === true) return { kind: 'other' }",
    '',
    'satellite/containers/cgroup-name'
  ],
  [
    'cgroup-of-a-service',
    'A system service is no container.',
    'satellite/containers/cgroup-name.ts',
    '(service|slice|scope|mount|socket|swap)',
    '(slice|scope|mount|socket|swap)',
    'satellite/containers/cgroup-name'
  ],
  [
    'cgroup-inside-a-container',
    'A cgroup inside a container belongs to the container.',
    'satellite/containers/cgroup-name.ts',
    'const known = ownerOf(leaf) ?? ownerOf(parent)',
    'const known = ownerOf(leaf)',
    'satellite/containers/cgroup-name'
  ],
  [
    'revision-with-zeros',
    'A revision in a configuration that Go rewrote is still that revision.',
    'satellite/containers/seccomp-digest.ts',
    'valueTwo: arg.valueTwo ?? 0',
    'valueTwo: arg.valueTwo',
    'satellite/containers/oci-config'
  ],
  [
    'kernel-mode',
    "The state of a filter comes from the kernel's own report.",
    'satellite/inspector/process-facts.ts',
    'return { mode: Number(mode ?? 0), filters: Number(filters ?? 0) }',
    'return { mode: 2, filters: Number(filters ?? 0) }',
    'satellite/inspector/process-facts'
  ],
  [
    'filter-of-another-profile',
    'A filter that is not that of the declared profile is reported with its first difference.',
    'satellite/inspector/filter-checks.ts',
    'return { same, bytes: same && isEnd, difference }',
    'return { same: true, bytes: isEnd, difference }',
    'satellite/inspector/filter-checks'
  ],
  [
    'filter-bytes',
    'A filter counts as equal byte for byte only when it is.',
    'satellite/inspector/filter-checks.ts',
    'bytes: same && isEnd',
    'bytes: same',
    'satellite/inspector/filter-checks'
  ],
  [
    'changed-file-on-disk',
    'A file whose content is not what its name says is reported as changed.',
    'satellite/inspector/disk-files.ts',
    'const same = bytes !== undefined && digestOf(bytes) === digest',
    'const same = bytes !== undefined',
    'satellite/inspector/disk-files'
  ],
  [
    'promised-file',
    'The file that the annotation promises is the one that is looked for.',
    'satellite/inspector/declared.ts',
    'file: promised ?? own,',
    'file: own,',
    'satellite/inspector/declared'
  ],
  [
    'declared-revision',
    'A profile counts as a revision only when the node knows it or the annotation names it.',
    'satellite/inspector/declared.ts',
    'const isRevision = own !== undefined || promised?.digest === digest',
    'const isRevision = own !== undefined || promised !== undefined',
    'satellite/inspector/declared'
  ],
  [
    'declared-again',
    'A profile that a container declares later is another one, unless its filter is the same.',
    'satellite/inspector/declared.ts',
    "return digest !== '' && digest === factsOf(b).digest",
    "return digest !== ''",
    'satellite/inspector/declared'
  ],
  [
    'used-sets',
    'A call that was denied every time is not one that a container needs.',
    'satellite/inspector/used-sets.ts',
    'if (nr !== undefined && left > 0) counts.push(nr, left)',
    'if (nr !== undefined) counts.push(nr, count)',
    'satellite/inspector/used-sets'
  ],
  [
    'crun-start-time',
    "A process of crun's state counts only while it has the start time that crun wrote.",
    'satellite/containers/crun.ts',
    'pid > 0 && startTimeOf(pid) === startTime ?',
    'pid > 0 ?',
    'satellite/containers/crun'
  ],
  [
    'crun-open-bundle',
    'A bundle of crun that others can write gives no identity.',
    'satellite/containers/crun.ts',
    "if (placeOf(bundle, id) === 'foreign')",
    "if (bundle === '')",
    'satellite/containers/crun'
  ],
  [
    'bundle-in-a-root-file-system',
    'A bundle in a root file system of a container gives no identity.',
    'satellite/containers/bundle-place.ts',
    'if (ofContainers.has(name)) return false',
    '',
    'satellite/containers/crun'
  ],
  [
    'crun-ambiguous-config',
    'A configuration that crun may read otherwise gives no identity.',
    'satellite/containers/crun.ts',
    'config?.isAmbiguous === true',
    'config?.isAmbiguous === undefined && config !== undefined',
    'satellite/containers/crun'
  ],
  [
    'crun-scope',
    'A container of CRI-O under crun is one of a pod, whichever cgroup crun made in its scope.',
    'satellite/containers/crun.ts',
    "scope === '' ? textOf('cgroup-path') : `/${scope}`",
    "textOf('cgroup-path')",
    'satellite/containers/crun'
  ],
  [
    'podman-by-its-id',
    'A container whose name is the id of another one does not answer for it.',
    'satellite/containers/podman.ts',
    'ids.includes(id)',
    "id !== ''",
    'satellite/containers/podman'
  ],
  [
    'podman-two-for-one-id',
    'Two answers of podman about one id are none.',
    'satellite/containers/podman.ts',
    'count(id) === 1',
    'count(id) >= 1',
    'satellite/containers/podman'
  ],
  [
    'podman-ambiguous-answer',
    'An answer of podman that other parsers read otherwise gives no identity.',
    'satellite/containers/podman.ts',
    'isAmbiguous: !isPlainJson(one)',
    'isAmbiguous: false',
    'satellite/containers/podman'
  ],
  [
    'podman-ambiguous-config',
    "A configuration that podman's runtime may read otherwise gives no identity.",
    'satellite/containers/podman.ts',
    'return oci?.isAmbiguous === true ? doubts.config : undefined',
    'return undefined',
    'satellite/containers/podman'
  ],
  [
    'podman-foreign-bundle',
    'A bundle of podman in a folder of others gives no identity.',
    'satellite/containers/podman.ts',
    "placeOf(bundle, answer.id) === 'foreign'",
    "bundle === ''",
    'satellite/containers/podman'
  ],
  [
    'podman-one-is-gone',
    'A container that ends while podman lists all takes no name from others.',
    'satellite/containers/podman.ts',
    '(error: unknown) => error as { stdout?: string }',
    "() => ({ stdout: '' })",
    'satellite/containers/podman'
  ],
  [
    'crun-image-annotations',
    'Annotations of an image name no container of podman under crun.',
    'satellite/containers/believed.ts',
    "writer === 'podman' ? {} :",
    'writer === undefined ? {} :',
    ['satellite/containers/believed', 'satellite/containers/crun']
  ],
  [
    'labels-of-an-image',
    'Labels of an image count as none of its containers.',
    'satellite/containers/believed.ts',
    '.filter(([key, value]) => !isOfImage(key, value))',
    '.filter(([key, value]) => isOfImage(key, value) || key)',
    'satellite/containers/believed'
  ],
  [
    'labels-of-an-image-that-is-gone',
    'Where the labels of an image cannot be read, none of the container is believed.',
    'satellite/containers/believed.ts',
    'if (ofImage === undefined) return {}',
    'if (ofImage === undefined) return labels',
    'satellite/containers/believed'
  ],
  [
    'reserved-labels',
    'Labels of Kubernetes name no container outside of Kubernetes.',
    'satellite/containers/believed.ts',
    '!reserved.test(key) &&',
    'key !== String() &&',
    'satellite/containers/believed'
  ],
  [
    'scope-of-another-container',
    'A cgroup with the name of another container of CRI-O makes no container one of a pod.',
    'satellite/containers/believed.ts',
    'name === `crio-${id}` || name === `crio-${id}.scope`',
    "name.startsWith('crio-')",
    'satellite/containers/believed'
  ]
])
