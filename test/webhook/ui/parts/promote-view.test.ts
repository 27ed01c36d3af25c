import { test } from 'tap'
import { newPodsOf } from '../../../../src/seccomp/review/new-pods.js'
import { noRisk } from '../../../../src/seccomp/review/start-risk.js'
import type { WorkloadLine } from '../../../../webhook/ui/model/workloads.js'
import type { Assignment } from '../../../../webhook/confinement/ladder/assignment.js'
import { Ladder, PromotePanel } from '../../../../webhook/ui/parts/promote-view.js'
import { fieldsIn } from '../../../../webhook/ui/parts/rule-form-view.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'
import { profile } from '../rig.js'

test('promote panel: a canary on a node that does not record shows a warning', (t) => {
  const message = 'denials are not recorded: n1: records nothing (--record off)'
  const panel = (status: 'True' | 'False') => {
    const condition = { type: 'QuietUnproven', status, reason: 'x', message }
    const spec = {
      ...profile.spec,
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] },
      ladder: {
        mode: 'enforce',
        canary: {
          percent: 5,
          from: { mode: 'audit' },
          startedAt: '2026-01-01T00:00:00Z',
          quietFor: '10m'
        }
      }
    }
    const line = {
      ...{ key: 'shop/web', state: 'audit', containers: 1 },
      profile: { ...profile, spec, status: { ...profile.status, conditions: [condition] } }
    } as unknown as WorkloadLine
    return renderMarkup(
      PromotePanel({ line, may: true, offered: true, assignment: undefined, now: 0, risk: noRisk })
    )
  }
  t.match(panel('True'), /data-canary[^]*A node did not record denials[^]*n1: records nothing/)
  t.match(panel('False'), /data-canary/)
  t.notMatch(panel('False'), /did not record/)
  t.end()
})

test('promote panel: the share is of the pods that can get the profile', (t) => {
  const spec = {
    ...profile.spec,
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] },
    ladder: { mode: 'audit' }
  }
  const line = {
    ...{ key: 'shop/web', mode: 'audit', state: 'audit', containers: 1 },
    profile: { ...profile, spec }
  } as unknown as WorkloadLine
  const { name } = profile.metadata
  const text = renderMarkup(
    PromotePanel({ line, may: true, offered: true, assignment: undefined, now: 0, risk: noRisk })
  )
  t.match(text.replace(/\s+/g, ' '), `A share of the ${newPodsOf(name)}. 100 %: all at once.`)
  t.end()
})

test('promote panel: what gives the profile, and how to give it to pods that nothing gives it to', (t) => {
  const line = {
    ...{ key: 'shop/web', mode: 'enforce', states: [{ state: 'enforced', containers: 1 }] },
    ...{ containers: 3, profile }
  } as unknown as WorkloadLine
  const command = 'secco rule create web -n shop --profile web --mode enforce --labels app=web,a=b'
  const assignment: Assignment = {
    ...{ mode: 'enforce', containers: 3, inForce: 1, hidden: 0, command },
    others: [{ revision: 'web@0000aaaa', mode: 'enforce', containers: 1, isStale: true }],
    labels: { app: 'web', a: 'b' },
    givenBy: [{ source: 'label secco.dev/profile', mode: 'enforce', containers: 1 }],
    notGiven: [{ why: 'no rule and no label gives it the profile', containers: 2 }]
  }
  const approved = { ...profile, spec: { ...profile.spec, seccomp: { defaultAction: 'x' } } }
  const panel = renderMarkup(
    PromotePanel({
      line: { ...line, profile: approved } as WorkloadLine,
      ...{ may: true, offered: true, assignment, now: 0, risk: noRisk }
    })
  )
  t.match(panel, /in force: 1 of 3 running containers \(enforce\)/)
  t.match(panel, /stale: 1 of 3 containers has web@0000aaaa \(enforce\) in the kernel/)
  t.match(panel, /given to new pods by the label secco.dev\/profile \(enforce\): 1 of 3 containers/)
  t.match(panel, /not given to new pods of 2 of 3 containers: no rule and no label/)
  const href = /href="(\/rules\?[^"]*)#new"/.exec(panel)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const query = Object.fromEntries(new URLSearchParams(href.slice('/rules?'.length)))
  t.match(query, { mode: 'enforce', labels: 'app=web,a=b', profile: profile.metadata.name })
  t.match(fieldsIn(query), {
    mode: 'enforce',
    labels: 'app=web,a=b',
    whenNotReady: 'RuntimeDefault'
  })
  t.ok(panel.replace(/<[^>]*>/g, '').includes(command), 'and the same on the command line')
  t.end()
})

test('the ladder shows how many containers have the revision of the mode in the kernel', (t) => {
  // [the mode, containers in force, running containers, what is shown]
  const table: [Assignment['mode'], number, number, string | undefined][] = [
    ['enforce', 1, 3, '1 of 3 in force'],
    ['audit', 0, 3, '0 of 3 in force'],
    ['audit', 0, 0, undefined],
    ['learn', 0, 3, undefined],
    ['', 0, 3, undefined]
  ]
  for (const [mode, inForce, containers, shown] of table) {
    const assignment = { mode, inForce, containers } as unknown as Assignment
    const line = { mode: mode === '' ? undefined : mode } as unknown as WorkloadLine
    const markup = renderMarkup(Ladder({ line, assignment }))
    t.equal(/data-in-force[^>]*>([^<]*)</.exec(markup)?.[1], shown, `${mode} ${containers}`)
  }
  t.notMatch(
    renderMarkup(
      Ladder({ line: { mode: 'audit' } as unknown as WorkloadLine, assignment: undefined })
    ),
    /data-in-force/
  )
  t.end()
})
