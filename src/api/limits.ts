/**
 * Limits for every document that comes from outside. Every reader of documents,
 * `import` and `migrate` included, takes its limits from here, so that time and memory stay bounded for any input.
 */
export const limits = {
  /** Bytes of one JSON or YAML document, Secco's own included. */
  documentBytes: 1024 * 1024,
  /** Bytes of one file of manifests; only files that mention seccomp are parsed. */
  manifestBytes: 4 * 1024 * 1024,
  /** Bytes of one trace: they are read line by line and only names are kept. */
  traceBytes: 64 * 1024 * 1024,
  /** Lines of one trace. */
  traceLines: 2_000_000,
  /** Levels of nesting. */
  depth: 64,
  /** Mappings, lists and scalars of one document, aliases expanded. */
  nodes: 100_000,
  /** Nodes that aliases may expand to in total (YAML's "billion laughs"). */
  aliases: 100,
  /** Anchors and aliases of one text: the parser compares each with all others. */
  anchors: 1000,
  /** Bytes of YAML that somebody pastes into a page: a parser of YAML takes milliseconds for each KiB. */
  pastedYamlBytes: 64 * 1024,
  /** Objects that are checked at once: the decisions about them are made on the hub's event loop. */
  checkedObjects: 100,
  /** Documents in one stream. */
  documents: 1000,
  /** Rules of one profile (the schema of SeccompProfile). */
  rules: 1024,
  /** The value of a condition on an argument: JavaScript holds no larger whole number exactly. */
  argument: Number.MAX_SAFE_INTEGER,
  /** Names of one rule: no table has that many. */
  names: 4096,
  /** Files of one folder. */
  files: 1000,
  /** Bytes of all files together. */
  folderBytes: 128 * 1024 * 1024,
  /** Levels of base profiles; what the operator accepts. */
  bases: 15
} as const

/** What to write in the place of a condition's value that is too large: it is that of a negative number, as -1. */
export const largerArgument =
  `at most ${limits.argument} (2^53 − 1) can be compared; to match -1, compare the low 32 bits: ` +
  'op SCMP_CMP_MASKED_EQ, value 4294967295, valueTwo 4294967295'
