import { execFileSync } from 'node:child_process'
import { test } from 'tap'
import { openAuditLog } from '../../../satellite/denials/audit-log.js'
import { until } from '../../helpers/until.js'

test('the audit log reports whether it works here', async (t) => {
  const log = await openAuditLog()
  t.match(log.capability(), {
    name: 'audit-log',
    message: /arguments that a profile's rules read|all arguments of/
  })
  if (log.capability().works) {
    const readers = () =>
      execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(process.pid)], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes('secco-audit'))
        .map((line) => Number.parseInt(line, 10))
    const [reader] = readers()
    if (reader === undefined) throw new Error('no reader was found')
    process.kill(reader, 'SIGKILL')
    await until('its end to be reported', () => !log.capability().works || undefined)
    t.match(log.capability(), {
      message: /that a profile's rules read are reported for denied syscalls: the reader ended/
    })
    await until('another reader', () => log.capability().works || undefined)
    t.match(log.capability(), { message: /ended \d+ times: these counts are too low/ })
    t.not(readers()[0], reader)
  }
  await log.stop()
})
