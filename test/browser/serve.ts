import type { Browser } from 'playwright-core'
import { localIdentity, type Role } from '../../webhook/access/rights.js'
import { type RigOptions, startUiRig } from '../webhook/ui/rig.js'
import { openBrowser } from './rig.js'

/** The pages of a town or city on a port of their own, with a browser's way in. */
export async function serve(options: RigOptions) {
  const rig = await startUiRig(options)
  await rig.app.listen({ host: '127.0.0.1', port: 0 })
  const address = rig.app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const origin = `http://127.0.0.1:${port}`
  return {
    ...rig,
    origin,
    link: (role: Role = 'admin') =>
      `${origin}/login/${rig.ui.sessions.link(localIdentity('ops-oncall', role))}`
  }
}

/** A browser for as long as the work takes. */
export async function withBrowser(work: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await openBrowser()
  try {
    await work(browser)
  } finally {
    await browser.close()
  }
}
