import { type RiskGroup, riskGroups } from './data/risky-calls.js'

export interface Risk {
  level: 'high' | 'medium'
  reason: string
}

const groups: ReadonlyMap<string, RiskGroup> = new Map(
  riskGroups.flatMap((group) =>
    group.level === 'low' ? [] : group.names.map((name) => [name, group] as const)
  )
)

/** Why a name deserves a second look; undefined when there is nothing particular. */
export function riskOf(name: string): Risk | undefined {
  const group = groups.get(name)
  if (group === undefined || group.level === 'low') return undefined
  return { level: group.level, reason: group.reason }
}
