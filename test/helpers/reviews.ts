import type fjp from 'fast-json-patch'
import { buildSnapshot, type Snapshot } from '../../src/rules/snapshot.js'
import { admit } from '../../webhook/admission/admit.js'
import { testProfile, testRule } from './rules.js'

export const web = {
  podSelector: { matchLabels: { app: 'web' } },
  profile: { name: 'checkout.app' }
}

export const path = `secco/shop/checkout.app/${'a'.repeat(64)}.json`

export const profiles = [testProfile('shop', 'checkout.app')]

export const snapshot = buildSnapshot({ rules: [testRule('web', web)], profiles })

export const labels = { app: 'web' }

export function patchOf(used: Snapshot, review: unknown): fjp.Operation[] {
  const { response } = admit(used, review).response
  if (response.patch === undefined) return []
  return JSON.parse(Buffer.from(response.patch, 'base64').toString()) as fjp.Operation[]
}
