import type { Command } from 'commander'
import type { AuditEntry } from '../../webhook/ui/model/audit-trail.js'
import { plural } from '../../src/lib/plural.js'
import { askHub, quickMs } from '../hubs/hub-api.js'
import { parseOutput, type Output } from '../lib/output-format.js'
import { readAddresses } from '../lib/state.js'
import { pathsOf, type VerbContext } from './context.js'
import { hubOf } from './hub-of.js'

/** `since`: no action after it is missing; a hub of an earlier version does not say it. */
interface AuditList {
  since?: string
  items: AuditEntry[]
}

/** Adds `secco ui link`, `secco ui logout` and `secco ui audit`. */
export function addUiVerbs(program: Command, context: VerbContext): void {
  const ui = program.command('ui').description('open the pages, and list what users did')
  ui.command('link')
    .description('create a one-time link to the pages of the running hub')
    .option('--viewer', 'create a session that can only read')
    .action(async (options: { viewer?: boolean }, command: Command) => {
      const running = await readAddresses(pathsOf(command, context))
      const access = { ...running, user: context.user }
      const role = options.viewer === true ? 'viewer' : 'admin'
      const { path } = await askHub<{ path: string }>(access, '/api/v1/links', { role }, quickMs)
      context.io.stdout(`${running.ui}${path}\n`)
      context.io.stderr(
        `the link opens one session for ${context.user} (${role}), once, within an hour\n`
      )
    })
  ui.command('logout')
    .description('end the sessions of all browsers, and the links that nobody used yet')
    .action(async (_options: object, command: Command) => {
      const hub = await hubOf(command, context)
      const { closed } = await hub.ask<{ closed: number }>('/api/v1/logout', {}, quickMs)
      context.io.stdout(`ended ${plural(closed, 'session')}\n`)
      context.io.stderr(
        'a browser logs in again: outside a cluster with a link of `secco ui link`\n'
      )
    })
  ui.command('audit')
    .description('list what users did with pages and API, newest first')
    .option('-o, --output <format>', 'print as table, wide, json, yaml or name', 'table')
    .action(async (options: { output: string }, command: Command) => {
      const output = parseOutput(options.output) as Output
      const hub = await hubOf(command, context)
      const { since, items: rows } = await hub.ask<AuditList>('/api/v1/audit', undefined, quickMs)
      const now = context.now().getTime()
      const { actionWords, resultWords } = await import('../../webhook/ui/parts/action-words.js')
      const { age, printListing } = await import('../lib/output.js')
      const code = printListing(context.io, output, {
        what: 'actions',
        rows,
        columns: [
          { title: 'AGE', value: ({ at }: AuditEntry) => age(at, now) },
          { title: 'USER', value: ({ user }) => user },
          { title: 'ACTION', value: ({ action }) => actionWords(action) },
          { title: 'OBJECT', value: ({ object }) => (object === '' ? '-' : object) },
          { title: 'RESULT', value: resultWords },
          { title: 'REASON', value: ({ detail }) => detail }
        ],
        name: ({ action, object }) => `${action}/${object}`,
        object: (row) => row,
        ...(since !== undefined && { members: { since } })
      })
      if (since !== undefined && (output === 'table' || output === 'wide'))
        context.io.stderr(
          `  known since ${since}; approvals and changes of mode of before: secco profile show NAMESPACE/NAME\n`
        )
      context.finish(code)
    })
}
