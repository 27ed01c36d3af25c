import type { DenialView } from '../../webhook/views/denial-view.js'
import { localIdentity } from '../../webhook/access/rights.js'
import { city, cityKey } from '../browser/city.js'
import { startUiRig } from '../webhook/ui/rig.js'

/** What the bench says to this process, and hears from it. */
export type Ask = 'flood' | 'calm' | 'cpu'
export interface Ready {
  origin: string
  link: string
}
export interface Used {
  cpuMs: number
}

const perSecond = 50

/** The pages of a city in a process of their own: its CPU is theirs alone. */
async function main(): Promise<void> {
  const denials: DenialView[] = [...city(1, 1).denials()]
  const [sample] = denials
  if (sample === undefined) throw new Error('no denial')
  const rig = await startUiRig({ ...city(), denials: () => denials })
  await rig.app.listen({ host: '127.0.0.1', port: 0 })
  const address = rig.app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const origin = `http://127.0.0.1:${port}`
  const code = rig.ui.sessions.link(localIdentity('bench', 'admin'))
  process.send?.({ origin, link: `${origin}/login/${code}` } satisfies Ready)
  let flood: NodeJS.Timeout | undefined
  let next = 0
  process.on('message', (ask: Ask) => {
    if (ask === 'cpu') {
      const { user, system } = process.cpuUsage()
      process.send?.({ cpuMs: (user + system) / 1000 } satisfies Used)
      return
    }
    clearInterval(flood)
    if (ask === 'calm') return
    flood = setInterval(() => {
      const [namespace = '', profile = ''] = cityKey.split('/')
      // Rows are of different containers, as in a fleet: the list grows up to what the hub keeps.
      const at = new Date().toISOString()
      denials.push({ ...sample, namespace, profile, container: `c${next}`, at, lastSeen: at })
      next += 1
      if (denials.length > 5000) denials.shift()
      rig.changed()
    }, 1000 / perSecond)
  })
  process.on('disconnect', () => process.exit())
}

await main()
