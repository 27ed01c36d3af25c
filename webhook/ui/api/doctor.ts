import { Type } from 'typebox'
import { checksOf } from '../model/doctor.js'
import { listOf, reading, type Route } from '../model/route.js'

/** The checks of the whole chain, each with its fix. */
export const doctorRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/doctor',
    operationId: 'examine',
    summary: 'Checks of the whole loop, each with its fix',
    needs: { verb: 'list', resource: 'nodes' },
    cli: 'secco doctor',
    pages: ['/doctor'],
    response: listOf(
      Type.Object({
        what: Type.String(),
        verdict: Type.Enum(['good', 'warn', 'bad', 'unknown']),
        found: Type.String(),
        next: Type.String()
      })
    ),
    handle: ({ ui }) => ({ items: checksOf(ui.sources, ui.now()) })
  })
]
