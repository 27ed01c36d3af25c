import { test } from 'tap'
import { withCommandForRoot } from '../../../cli/lib/failure.js'
import { writeFailed } from '../../../src/lib/durable-file.js'
import { type ErrorCode, SeccoError, toSeccoError } from '../../../src/lib/errors.js'

const systemError = (code: string, errno: number): Error =>
  Object.assign(new Error(`${code}: open '/x'`), { code, errno })

const caused = (code: ErrorCode, cause: unknown, hint?: string): SeccoError =>
  new SeccoError(code, 'it failed', { cause, ...(hint === undefined ? {} : { hint }) })

test('what the system denied to this user has the same command for root as its next step', (t) => {
  const denied = systemError('EACCES', -13)
  const asRoot = "run it as the user who started Secco, or as root: `sudo secco trace 'my web'`"
  // [what, error, uid, code, next step]
  const table: [
    what: string,
    error: unknown,
    uid: number,
    code: ErrorCode,
    hint: string | RegExp
  ][] = [
    ['an error of the system', denied, 1000, 'FORBIDDEN', asRoot],
    ['a folder that is not readable', caused('FORBIDDEN', denied), 1000, 'FORBIDDEN', asRoot],
    [
      'a cause of a cause',
      caused('FORBIDDEN', caused('INTERNAL', denied)),
      1000,
      'FORBIDDEN',
      asRoot
    ],
    [
      'an error of the addon',
      caused('TRACING_UNAVAILABLE', Object.assign(new Error(), { errno: 1 })),
      1000,
      'TRACING_UNAVAILABLE',
      asRoot
    ],
    ['a folder that is not writable', writeFailed('/x', denied), 1000, 'WRITE_FAILED', asRoot],
    [
      'a folder that is not writable, for root',
      writeFailed('/x', denied),
      0,
      'WRITE_FAILED',
      /the user whom the named folder belongs to/
    ],
    [
      'a full disk',
      writeFailed('/x', systemError('ENOSPC', -28)),
      1000,
      'WRITE_FAILED',
      /^check free space/
    ],
    [
      'a more precise next step',
      caused('WRITE_FAILED', denied, 'use --state'),
      1000,
      'WRITE_FAILED',
      'use --state'
    ],
    [
      'a command that is not executable',
      caused('COMMAND_NOT_STARTED', denied),
      1000,
      'COMMAND_NOT_STARTED',
      /executable/
    ],
    [
      'an answer of gRPC with status 13',
      Object.assign(new Error('x'), { code: 13 }),
      1000,
      'INTERNAL',
      /report this bug/
    ],
    ['no error of the system', new Error('x'), 1000, 'INTERNAL', /report this bug/]
  ]
  for (const [what, error, uid, code, hint] of table)
    t.match(toSeccoError(withCommandForRoot(error, ['trace', 'my web'], uid)), { code, hint }, what)
  t.end()
})
