import { mutants } from '../mutant.js'

const options = 'cli/commands/program-options'
const effects = 'cli/commands/effects'

export const cli = mutants('cli', [
  [
    'context',
    '--context chooses the context.',
    'cli/lib/open-store.ts',
    'if (context) useContext(config, context, where)',
    '',
    'cli/lib/open-store'
  ],
  [
    'as',
    '--as is the user that the API server is asked to take the caller for.',
    'cli/lib/open-store.ts',
    '{ ...user, name, impersonateUser: as }',
    '{ ...user, name }',
    'cli/lib/open-store'
  ],
  [
    'first-kubeconfig',
    'Of several kubeconfigs the first that names something counts.',
    'cli/lib/open-store.ts',
    'return [...own, ...more.filter(({ name }) => !names.has(name))]',
    'return [...more, ...own.filter(({ name }) => !names.has(name))]',
    'cli/lib/open-store'
  ],
  [
    'floor',
    '--floor reaches the satellite.',
    'cli/commands/satellite-verb.ts',
    "floor: parseOutput(options.floor, floors, '--floor') as Floor,",
    "floor: 'approved' as Floor,",
    options
  ],
  [
    'allow-ignore',
    '--allow-ignore reaches the webhook.',
    'cli/commands/webhook-verb.ts',
    "allowIgnore: isOn(options.allowIgnore, '--allow-ignore'),",
    "allowIgnore: !isOn(options.allowIgnore, '--allow-ignore'),",
    options
  ],
  [
    'hub-audience',
    '--hub-audience reaches the hub.',
    'cli/commands/webhook-verb.ts',
    'audience: options.hubAudience,',
    "audience: 'secco-hub',",
    options
  ],
  [
    'satellite-account',
    '--satellite-account reaches the hub.',
    'cli/commands/webhook-verb.ts',
    'account: options.satelliteAccount,',
    "account: '',",
    options
  ],
  [
    'client-authority',
    '--client-ca reaches the webhook.',
    'cli/commands/webhook-verb.ts',
    '    clientCa,\n    clientNames',
    '    clientCa: undefined,\n    clientNames',
    options
  ],
  [
    'client-name',
    '--client-name reaches the webhook.',
    'cli/commands/webhook-verb.ts',
    'clientNames: clientName ?? [],',
    'clientNames: [],',
    options
  ],
  [
    'denials-since',
    'denials --since reaches the hub.',
    'cli/commands/truth-verbs.ts',
    'since: options.since,',
    'since: undefined,',
    effects
  ],
  [
    'mute-process-name',
    'denials mute --comm mutes only that process name.',
    'cli/commands/truth-verbs.ts',
    '...(options.comm === undefined ? {} : { comm: options.comm })',
    '',
    effects
  ],
  [
    'join-taint',
    '--join-taint reaches the webhook.',
    'cli/commands/webhook-verb.ts',
    "joinTainted: isOn(options.joinTaint, '--join-taint'),",
    'joinTainted: false,',
    options
  ],
  [
    'mode',
    '--mode observe reaches the webhook.',
    'cli/commands/webhook-verb.ts',
    "mode: parseOutput(options.mode, installModes, '--mode') as InstallMode,",
    "mode: 'enforce' as InstallMode,",
    options
  ],
  [
    'leave-after',
    '--leave-after reaches the webhook.',
    'cli/commands/webhook-verb.ts',
    "leaveAfter: leaveAfter === undefined ? 0 : parseDuration(leaveAfter, '--leave-after'),",
    'leaveAfter: 0,',
    options
  ],
  [
    'plain-containers',
    '--plain-containers reaches the hub.',
    'cli/commands/webhook-verb.ts',
    `        options.plainContainers,
        ['reject', 'apart'],`,
    `        'reject',
        ['reject', 'apart'],`,
    options
  ],
  [
    'token-with-authority',
    'A token is sent only to a hub whose certificate is verified.',
    'cli/commands/satellite-verb.ts',
    'if (tokenFile === undefined && hubCa === undefined) return undefined',
    'if (tokenFile === undefined || hubCa === undefined) return undefined',
    options
  ],
  [
    'clean-without-pins',
    '--clean with --pin off is an error.',
    'cli/commands/program-options.ts',
    "if (pin === 'off' && clean !== true) return undefined",
    "if (pin === 'off') return undefined",
    options
  ],
  [
    'floor-of-the-node',
    'The floor of the command line is the one that the node keeps.',
    'cli/programs/start-node.ts',
    '...(options.floor === undefined ? {} : { floor: options.floor }),',
    '',
    'cli/programs/node-floor'
  ],
  [
    'floor-of-the-satellite',
    'The floor of a satellite is the one that its revisions are checked against.',
    'satellite/main.ts',
    '    floor: options.floor,\n',
    '',
    'cli/programs/node-floor'
  ],
  [
    'fail-on-new',
    '--fail-on-new fails when a syscall is not in the baseline.',
    'cli/commands/learn-verb.ts',
    'path === undefined || text',
    'path !== undefined || text',
    effects
  ],
  [
    'fail-on-new-code',
    'A syscall beyond the baseline has an exit code of its own.',
    'cli/profiles/learn-answer.ts',
    'if (found.length > 0) return newVerdict',
    'if (found.length < 0) return newVerdict',
    'cli/profiles/learn'
  ],
  [
    'until-confident',
    '--until-confident fails without the evidence.',
    'cli/profiles/learn-answer.ts',
    'if (args.untilConfident && first !== undefined) {',
    'if (first === null) {',
    'cli/profiles/learn'
  ],
  [
    'nothing-proven',
    'A workload that was not recorded completely in the run is not green.',
    'cli/profiles/learn-answer.ts',
    'if (doubt !== undefined) {',
    'if (doubt === null) {',
    'cli/profiles/learn'
  ],
  [
    'ps-selector',
    'ps -l shows only containers with these labels.',
    'cli/confinement/ps.ts',
    'selector: args.selector })',
    'selector: undefined })',
    effects
  ],
  [
    'ps-namespace',
    'ps -n shows only this namespace.',
    'cli/confinement/ps.ts',
    'queryOf({ namespace: args.namespace,',
    'queryOf({ namespace: undefined,',
    effects
  ],
  [
    'ps-wrong',
    'ps --wrong shows only containers with a problem.',
    'cli/confinement/ps.ts',
    'const rows = args.wrong ? views.filter(isWrong) : views',
    'const rows = views',
    effects
  ],
  [
    'ps-option-selector',
    'The option -l of ps reaches the list.',
    'cli/commands/ps-verb.ts',
    'selector: options.selector,',
    'selector: undefined,',
    effects
  ],
  [
    'ps-all-namespaces',
    'ps -A shows all namespaces, also with -n.',
    'cli/commands/ps-verb.ts',
    'options.allNamespaces === true ? undefined : options.namespace',
    'options.namespace',
    effects
  ],
  [
    'install-strict',
    'install --strict enforces unless told otherwise.',
    'cli/commands/install-verbs.ts',
    'parseOutput(flags.mode ?? usual.mode, installModes',
    'parseOutput(flags.mode ?? defaultOptions.mode, installModes',
    'cli/install/install'
  ],
  [
    'install-containerd',
    'install --containerd off starts satellites without the socket.',
    'cli/install/satellite.ts',
    "['--containerd-socket', 'off']",
    '[]',
    'cli/install/install'
  ],
  [
    'lint-strict',
    'lint --strict fails for a warning.',
    'cli/profiles/lint.ts',
    'return errors > 0 || (args.strict && warnings > 0) ? 1 : 0',
    'return errors > 0 ? 1 : 0',
    effects
  ],
  [
    'apply-all-or-nothing',
    'An invalid document of a file changes nothing.',
    'cli/profiles/apply.ts',
    "if (document.kind === 'SeccompProfile') acceptProfile(document, args.file)",
    '',
    effects
  ],
  [
    'apply-dry-run',
    'apply --dry-run changes nothing.',
    'cli/profiles/apply.ts',
    '(dry run)\\n`)\n      continue',
    '(dry run)\\n`)',
    effects
  ],
  [
    'block-dry-run',
    'block --dry-run changes nothing.',
    'cli/profiles/block.ts',
    "io.stderr('dry run: nothing was changed\\n')\n    return 0",
    "io.stderr('dry run: nothing was changed\\n')",
    effects
  ],
  [
    'block-force',
    'A block of what every container needs takes --force.',
    'cli/profiles/block.ts',
    'if (names.length === 0 || args.remove || args.force) return',
    'if (names.length >= 0) return',
    effects
  ],
  [
    'render-runtime',
    '--runtime selects the base of that runtime.',
    'cli/profiles/render.ts',
    'return [{ name, version }]',
    'return []',
    effects
  ],
  [
    'config-keeps-its-rest',
    'A profile is put into a config.json whose rest stays.',
    'cli/lib/into-config.ts',
    'linux: { ...config.linux, seccomp:',
    'linux: { seccomp:',
    'cli/lib/into-config'
  ],
  [
    'next-replica',
    'Another replica is asked when one does not answer.',
    'cli/hubs/hub.ts',
    "if (signal.aborted || error.code !== 'UNAVAILABLE') {",
    '{',
    'cli/hubs/hub'
  ],
  [
    'replica-that-hangs',
    'Another replica is asked when one has not answered for some seconds.',
    'cli/hubs/hub.ts',
    'this.#moveLast(replica)\n          askNext()\n        }, this.#patienceMs)',
    'this.#moveLast(replica)\n        }, this.#patienceMs)',
    'cli/hubs/hub'
  ],
  [
    'change-sent-once',
    'A change is sent to a replica that has just answered.',
    'cli/hubs/hub.ts',
    'this.#replicas.length > 1 ? (await this.#firstAnswer(reachHub)).replica : only',
    'only',
    'cli/hubs/hub'
  ],
  [
    'winner-is-first',
    'The replica that answered is the one that is asked next.',
    'cli/hubs/hub.ts',
    'if (!answered.signal.aborted) this.#moveFirst(replica)\n',
    '',
    'cli/hubs/hub'
  ],
  [
    'leftovers-of-people',
    '--leftovers keeps the bindings that people made.',
    'cli/install/installed-objects.ts',
    'if (!known.has(pathOf(one)) && !isOfPeople(item)) left.push(one)',
    'if (!known.has(pathOf(one))) left.push(one)',
    'cli/install/uninstall'
  ],
  [
    'denial-printed-once',
    'A denial that two hubs report is printed once.',
    'cli/confinement/denial-tally.ts',
    'one.known += added',
    'one.known = sum - added',
    'cli/confinement/follow'
  ],
  [
    'check-tolerations',
    'secco check knows the tolerations that every pod gets.',
    'webhook/admission/check-pod.ts',
    '    ...everyPod,\n',
    '',
    'webhook/admission/check-pod'
  ],
  [
    'check-namespace',
    'A person checks pods only of namespaces that the person may see.',
    'webhook/ui/model/checked-pods.ts',
    "if (await identity.can('list', 'seccompprofiles', namespace)) return",
    'return',
    'webhook/ui/model/checked-pods'
  ],
  [
    'approval-of-a-tool',
    'An exported document is approved in the name of who is to apply it, not of who approved it here.',
    'src/seccomp/policy/approval.ts',
    'const bound = { digest, by, at: known.at,',
    'const bound = { digest, by: known.by, at: known.at,',
    'cli/profiles/options'
  ],
  [
    'nodes-without-namespace',
    'secco get nodes does not ignore a namespace.',
    'cli/commands/get-verbs.ts',
    'if (args.namespace !== undefined) {',
    "if (args.namespace === '') {",
    'cli/profiles/options'
  ],
  [
    'what-monitoring-adds',
    'uninstall removes what monitoring adds.',
    'cli/install/installed-objects.ts',
    "object('monitoring.coreos.com/v1', 'PrometheusRule', 'secco'),",
    '',
    'cli/install/monitoring/monitoring'
  ]
])
