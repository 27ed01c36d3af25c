import { Type } from 'typebox'
import { checksOf } from '../model/doctor.js'
import { listOf, reading, type Route } from '../model/route.js'

/** Is everything as it should be, and if not, what mends it. */
export const doctorRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/doctor',
    operationId: 'examine',
    summary: 'What of the loop works, each with the mend when it does not',
    needs: { verb: 'list', resource: 'nodes' },
    cli: 'secco doctor --node',
    pages: ['/doctor'],
    response: listOf(
      Type.Object({
        what: Type.String(),
        verdict: Type.Enum(['good', 'bad', 'unknown']),
        found: Type.String(),
        next: Type.String()
      })
    ),
    handle: ({ ui }) => ({ items: checksOf(ui.sources, ui.now()) })
  })
]
