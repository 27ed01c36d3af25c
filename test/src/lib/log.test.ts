import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { test } from 'tap'
import { createRootLogger } from '../../../src/lib/log.js'

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
      const write = process.stderr.write.bind(process.stderr)
      let said = 0
      process.stderr.write = (text) => {
        said += 1
        return write(text)
      }
      logger.info('a line')
      // A file that is written later says so at some time, and only then another line shows that it says so once.
      const waiting = setInterval(() => {
        if (said === 0) return
        clearInterval(waiting)
        logger.info('a later one')
        setTimeout(() => {
          write('it lives')
          process.exit()
        }, 50)
      }, 10)`
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

test('what a terminal would obey is escaped, and means the same', (t) => {
  let line = ''
  const logger = createRootLogger({ write: (text: string) => (line = text) })
  const comm = '\u009b2J\u202ex\u001b[31m\u007f'
  logger.info({ comm }, 'denial')
  t.notMatch(line, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  t.match(JSON.parse(line), { comm, msg: 'denial' })
  t.end()
})
