/**
 * Secco's one error class and the one table of its codes. A code is never reused for another meaning;
 * users script against it. The edges (HTTP, gRPC, CLI) map from this table and nowhere else.
 */

interface ErrorKind {
  /** HTTP status at the edge. */
  http: number
  /** gRPC status number at the edge (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
  grpc: number
  /** The next step for a person, unless the error itself has a more precise one. */
  hint: string
}

export const errorKinds = {
  INVALID_ARGUMENT: { http: 400, grpc: 3, hint: 'see --help for what is accepted' },
  INVALID_DOCUMENT: {
    http: 400,
    grpc: 3,
    hint: 'correct the named field and apply the document again'
  },
  INVALID_NAME: {
    http: 400,
    grpc: 3,
    hint: "use lower-case letters, digits, '-' and '.'; start and end with a letter or digit"
  },
  INVALID_REVIEW: {
    http: 400,
    grpc: 3,
    hint: 'send an admission.k8s.io/v1 AdmissionReview with a request'
  },
  TOO_LARGE: { http: 413, grpc: 8, hint: 'send less; the limit is in the message' },
  NOT_FOUND: { http: 404, grpc: 5, hint: 'list what exists with `secco get profiles -A`' },
  CONFLICT: {
    http: 409,
    grpc: 10,
    hint: 'read the object again and retry: it was changed meanwhile'
  },
  EXTENDS_CYCLE: {
    http: 400,
    grpc: 9,
    hint: 'remove one of the references so that extends has no cycle'
  },
  DIGEST_MISMATCH: {
    http: 400,
    grpc: 15,
    hint: 'send the revision again: its content does not match its digest'
  },
  TRIAL_LOAD_FAILED: {
    http: 422,
    grpc: 9,
    hint: 'run `secco render` and read the message: the kernel rejected the filter'
  },
  WRITE_FAILED: {
    http: 500,
    grpc: 13,
    hint: 'check free space and permissions of the named folder; a Secco that keeps running tries again'
  },
  STORE_CORRUPT: {
    http: 500,
    grpc: 15,
    hint: 'correct or remove the named file; everything else continues to work'
  },
  STORE_LOCKED: { http: 503, grpc: 14, hint: 'retry: another process holds the lock' },
  TRACING_UNAVAILABLE: {
    http: 501,
    grpc: 12,
    hint: 'run as root on Linux 5.11 or later with BTF; `secco version -o json` says what was found'
  },
  RECORDER_IN_USE: {
    http: 409,
    grpc: 9,
    hint: 'stop the other satellite, or give this one its own --pin: only one records on a node at a time'
  },
  CONTAINER_NOT_FOUND: {
    http: 404,
    grpc: 5,
    hint: 'list containers with your runtime, or use --wait to wait for one'
  },
  CONTAINER_AMBIGUOUS: { http: 409, grpc: 9, hint: 'use the full id, or --runtime' },
  RUNTIME_UNREACHABLE: {
    http: 503,
    grpc: 14,
    hint: 'check that the runtime runs and that its socket or --root is right'
  },
  COMMAND_NOT_STARTED: {
    http: 400,
    grpc: 3,
    hint: 'check that the command exists and is executable'
  },
  CERTIFICATE_INVALID: {
    http: 500,
    grpc: 16,
    hint: 'remove the certificate and its key, then start again: Secco creates a new pair'
  },
  APPROVAL_INVALID: {
    http: 409,
    grpc: 9,
    hint: 'review the current content and approve it: `secco profile approve NAME`'
  },
  WEAKER_THAN_FLOOR: {
    http: 403,
    grpc: 9,
    hint: 'approve by name the syscalls that RuntimeDefault denies; with --floor runtime-default nobody can'
  },
  OLDER_GENERATION: {
    http: 409,
    grpc: 9,
    hint: 'find the hub that still serves the older approval: this node has seen a newer one'
  },
  UNAUTHENTICATED: { http: 401, grpc: 16, hint: "present a certificate of this hub's authority" },
  FORBIDDEN: { http: 403, grpc: 7, hint: 'use an identity that has this permission' },
  UNAVAILABLE: {
    http: 503,
    grpc: 14,
    hint: 'retry; if the error persists, check the logs of the component'
  },
  PORT_IN_USE: { http: 500, grpc: 9, hint: 'choose another address with --listen, or port 0' },
  INTERNAL: {
    http: 500,
    grpc: 13,
    hint: 'report this bug in Secco with the output of `secco version -o json`'
  }
} as const satisfies Record<string, ErrorKind>

/** Returns the HTTP status of an error. */
export const httpStatusOf = ({ code, retryAfter }: SeccoError): number =>
  retryAfter === undefined ? errorKinds[code].http : 429

export type ErrorCode = keyof typeof errorKinds

interface SeccoErrorOptions {
  /** The next step; default: the hint of the table. */
  hint?: string
  cause?: unknown
  /** Path of the offending field, as in `spec.seccomp.syscalls[0].action`. */
  field?: string
  /** Exit code of the command instead of the usual one for failures. */
  exitCode?: number
  /** Too many requests: seconds after which the next one may be accepted. HTTP then answers 429. */
  retryAfter?: number
}

/** Any failure a user can see. `message` says what happened and names the thing it happened to. */
export class SeccoError extends Error {
  override readonly name = 'SeccoError'
  readonly code: ErrorCode
  readonly hint: string
  readonly field: string | undefined
  readonly exitCode: number | undefined
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, options: SeccoErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? errorKinds[code].hint
    this.field = options.field
    this.exitCode = options.exitCode
    this.retryAfter = options.retryAfter
  }
}

/** Wraps anything thrown as a SeccoError; what is not one already becomes INTERNAL with its cause. */
export function toSeccoError(error: unknown): SeccoError {
  if (error instanceof SeccoError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new SeccoError('INTERNAL', message, { cause: error })
}
