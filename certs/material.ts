import { createAuthority } from './authority.js'
import { createLeaf } from './leaf.js'
import type { CertificateStep, Material } from './plan.js'

/** Applies the planned steps to an installation's keys and certificates. Writes nothing. */
export async function applySteps(
  material: Material,
  steps: readonly CertificateStep[],
  names: readonly string[],
  now: Date
): Promise<Material> {
  let result: Material = { ...material }
  for (const step of steps) {
    if (step === 'announce-authority') {
      result = { ...result, next: await createAuthority(now), announcedAt: now.toISOString() }
    } else if (step === 'change-authority') {
      const { current, leaf } = result
      result = {
        current: result.next ?? (await createAuthority(now)),
        previous: current.cert,
        changedAt: now.toISOString(),
        ...(leaf === undefined ? {} : { leaf })
      }
    } else if (step === 'forget-authority') {
      const { current, next, announcedAt, leaf } = result
      result = {
        current,
        ...(next === undefined ? {} : { next }),
        ...(announcedAt === undefined ? {} : { announcedAt }),
        ...(leaf === undefined ? {} : { leaf })
      }
    } else {
      const leaf = await createLeaf({ kind: 'server', names }, result.current, now)
      result = { ...result, leaf }
    }
  }
  return result
}

/** Makes a first authority and a first leaf. */
export async function newMaterial(names: readonly string[], now: Date): Promise<Material> {
  return applySteps({ current: await createAuthority(now) }, ['issue-leaf'], names, now)
}
