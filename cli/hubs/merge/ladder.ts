import type { LadderView } from '../../../webhook/confinement/ladder/ladder-view.js'

const joined = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())]

function canaryOf(views: readonly LadderView[]): LadderView['canary'] {
  const all = views.flatMap(({ canary }) => canary ?? [])
  const [first] = all
  if (first === undefined) return null
  const sum = (key: 'containers' | 'others' | 'denials' | 'restarts'): number =>
    all.reduce((total, one) => total + one[key], 0)
  return {
    ...first,
    ...{ containers: sum('containers'), others: sum('others') },
    ...{ denials: sum('denials'), restarts: sum('restarts') },
    verdict: joined([all.map(({ verdict }) => verdict)]).join('; ')
  }
}

/** Merges views of a workload: its object is the same for all hubs; each hub reports what runs on its own nodes. */
export function mergeLadders(first: LadderView, others: readonly LadderView[]): LadderView {
  const all = [first, ...others]
  const evidence = others.flatMap((one) =>
    one.evidence
      .filter((line) => !first.evidence.includes(line))
      .map((line) => `${line} (satellites of another hub)`)
  )
  return {
    ...first,
    running: all.reduce((sum, one) => sum + one.running, 0),
    canary: canaryOf(all),
    evidence: [...first.evidence, ...evidence],
    next: {
      ...first.next,
      ready: all.every(({ next }) => next.ready),
      reasons: joined(all.map(({ next }) => next.reasons))
    }
  }
}
