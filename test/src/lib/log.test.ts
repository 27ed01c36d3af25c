import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { test } from 'tap'

const full = '/dev/full'
const skip = existsSync(full) ? false : `${full} is not here`

test('a log that cannot be written ends no program', { skip }, (t) => {
  const log = new URL('../../../src/lib/log.js', import.meta.url).href
  for (const [what, make] of [
    ['standard output', 'createRootLogger()'],
    ['a file, at once', `createRootLogger(pino.destination({ dest: '${full}', sync: true }))`],
    ['a file, later', `createRootLogger(pino.destination({ dest: '${full}', sync: false }))`]
  ] as const) {
    const program = `
      import { pino } from 'pino'
      import { createRootLogger } from '${log}'
      const logger = ${make}
      logger.info('a line')
      setTimeout(() => {
        logger.info('a later one')
        setTimeout(() => {
          process.stderr.write('it lives')
          process.exit()
        }, 50)
      }, 50)`
    const stdout = openSync(full, 'w')
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      {
        stdio: ['ignore', stdout, 'pipe'],
        encoding: 'utf8',
        timeout: 20_000,
        env: { ...process.env, NODE_OPTIONS: '' }
      }
    )
    closeSync(stdout)
    t.equal(status, 0, what)
    t.match(stderr, /^secco: the log cannot be written: ENOSPC[^\n]*\nit lives$/, what)
  }
  t.end()
})
