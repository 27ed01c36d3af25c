import { stringify } from 'yaml'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import { profileOf } from '../../helpers/truth-rig.js'
import { until } from '../../helpers/until.js'
import type { Actor } from './actor.js'
import { rule } from './scene.js'

/** A route or verb that changes something, and what else must be different after it. */
export interface Change {
  /** `POST /api/v1/mute` or `secco denials mute`: the row's name, then what is special about it. */
  of: string
  what?: string
  run: (actor: Actor) => Promise<unknown>
  /** Views that must change, by the beginning of their name. */
  must: readonly string[]
  /** Names of the objects that it is about: only facts about them may change. */
  about: readonly string[]
}

const audit = ['secco ui audit', 'GET /api/v1/audit']
const listed = ['secco get profiles', 'GET /api/v1/profiles']
const rules = ['secco get rules', 'GET /api/v1/rules']
const known = ['GET /api/v1/states', 'GET /api/v1/ladder']
const reason = 'a reason'
const everything = ['']

const document = (name: string, more: string[] = []) => stringify(profileOf(name, more))
/** A rule for pods of which the scene has none. */
const otherRule = { ...rule.spec, podSelector: { matchLabels: { team: 'bank' } } }
/** A profile as Docker and CRI-O have it. */
const foreign = JSON.stringify({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read', 'write', 'exit_group'], action: 'SCMP_ACT_ALLOW' }]
})
const put = (name: string, more: string[]) => (actor: Actor) =>
  actor.send('PUT', `/api/v1/profiles/default/${name}`, { document: document(name, more) })

/** A trace that runs, or the last one that ran. */
async function traceOf(actor: Actor): Promise<string> {
  const [trace] = await actor.items<{ id: string }>('/api/v1/traces')
  return trace?.id ?? ''
}

/** Resolves when the trail has an action: who deleted something without the hub is looked for during seconds. */
const inTrail = (actor: Actor, action: string, object: string) =>
  until(
    `${action} of ${object} in the trail`,
    async () => {
      const entries = await actor.items<{ action: string; object: string }>('/api/v1/audit')
      return entries.some((one) => one.action === action && one.object === object) || undefined
    },
    { timeoutMs: 30_000 }
  )

/** Changes of profiles and rules: each is about one object, which no container has. */
const objectChanges: readonly Change[] = [
  {
    of: 'PUT /api/v1/profiles/:namespace/:name',
    run: put('extra', ['getsid']),
    must: [...audit, ...listed, ...known],
    about: ['extra']
  },
  {
    of: 'secco profile apply',
    run: (actor) => actor.apply(profileOf('more', ['getsid'])),
    must: [...listed, ...known],
    about: ['more']
  },
  {
    of: 'POST /api/v1/profiles/:namespace/:name/extends',
    run: (actor) =>
      actor.send('POST', '/api/v1/profiles/default/extra/extends', { add: ['default/more'] }),
    must: [...audit, ...listed],
    about: ['extra']
  },
  {
    of: 'secco profile extend',
    run: (actor) => actor.secco('profile extend extra --remove default/more'),
    must: listed,
    about: ['extra']
  },
  {
    of: 'POST /api/v1/profiles/:namespace/:name/calls',
    run: (actor) =>
      actor.send('POST', '/api/v1/profiles/default/extra/calls', { reason, allow: ['times'] }),
    must: [...audit, ...listed, 'GET /api/v1/states'],
    about: ['extra']
  },
  {
    of: 'secco profile call',
    run: (actor) => actor.secco('profile call extra --deny times --reason why'),
    must: [...listed, 'GET /api/v1/states'],
    about: ['extra']
  },
  {
    of: 'POST /api/v1/import',
    what: 'dryRun',
    run: (actor) =>
      actor.send('POST', '/api/v1/import', {
        ...{ files: [{ name: 'foreign.json', text: foreign }], dryRun: true }
      }),
    must: audit,
    about: []
  },
  {
    of: 'POST /api/v1/import',
    run: (actor) =>
      actor.send('POST', '/api/v1/import', {
        files: [{ name: 'foreign.json', text: foreign }]
      }),
    must: [...audit, ...listed, ...known],
    about: ['foreign']
  },
  {
    of: 'secco import',
    run: (actor) => actor.importTrace('traced'),
    must: [...listed, ...known],
    about: ['traced']
  },
  {
    of: 'POST /api/v1/profiles/:namespace/:name/approve',
    run: (actor) => actor.send('POST', '/api/v1/profiles/default/traced/approve', { reason }),
    must: [...audit, ...listed, ...known],
    about: ['traced']
  },
  {
    of: 'secco profile approve',
    run: (actor) => actor.secco('profile approve learned --reason why'),
    must: [...listed, ...known, 'secco profile approve'],
    about: ['learned']
  },
  {
    of: 'PUT /api/v1/rules/:namespace/:name',
    run: (actor) => actor.send('PUT', '/api/v1/rules/default/second', { spec: otherRule }),
    must: [...audit, ...rules],
    about: ['second']
  },
  {
    of: 'secco rule apply',
    run: (actor) =>
      actor.apply({ ...rule, metadata: { namespace: 'default', name: 'third' }, spec: otherRule }),
    must: rules,
    about: ['third']
  },
  {
    of: 'secco rule create',
    run: (actor) => actor.secco('rule create fourth -n default --mode learn --labels team=nobody'),
    must: rules,
    about: ['fourth']
  },
  {
    of: 'DELETE /api/v1/rules/:namespace/:name',
    run: (actor) => actor.send('DELETE', '/api/v1/rules/default/second'),
    must: [...audit, ...rules],
    about: ['second']
  },
  {
    of: 'secco rule delete',
    run: async (actor) => {
      await actor.secco('rule delete third -n default')
      await inTrail(actor, 'deleteRule', 'default/third')
    },
    must: [...audit, ...rules],
    about: ['third']
  },
  {
    of: 'POST /api/v1/rules/test',
    run: (actor) =>
      actor.send('POST', '/api/v1/rules/test', { document: actor.place.files['POD'] }),
    must: [],
    about: []
  },
  {
    of: 'DELETE /api/v1/profiles/:namespace/:name',
    run: (actor) => actor.send('DELETE', '/api/v1/profiles/default/extra'),
    must: [...audit, ...listed, ...known],
    about: ['extra']
  },
  {
    of: 'secco profile delete',
    run: async (actor) => {
      await actor.secco('profile delete more')
      await inTrail(actor, 'deleteProfile', 'default/more')
    },
    must: [...audit, ...listed, ...known],
    about: ['more']
  }
]

/** Changes of what containers get, and questions that change nothing. */
const containerChanges: readonly Change[] = [
  {
    of: 'POST /api/v1/simulate',
    run: (actor) => actor.send('POST', '/api/v1/simulate', { profile: 'default/web' }),
    must: [],
    about: []
  },
  {
    of: 'POST /mutate',
    run: (actor) => actor.admit('fresh'),
    must: [],
    about: []
  },
  {
    of: 'POST /mutate-node',
    run: (actor) => actor.admitNode(),
    must: [],
    about: []
  },
  {
    of: 'POST /api/v1/promote',
    what: 'dryRun',
    run: (actor) =>
      actor.send('POST', '/api/v1/promote', {
        ...{ profile: 'default/job', mode: 'enforce', reason, force: true, dryRun: true }
      }),
    must: audit,
    about: []
  },
  {
    of: 'POST /api/v1/promote',
    run: (actor) =>
      actor.send('POST', '/api/v1/promote', {
        // Its start called what it is denied.
        ...{ profile: 'default/job', mode: 'enforce', reason, force: true }
      }),
    must: [...audit, ...listed, 'GET /api/v1/ladder'],
    about: ['job']
  },
  {
    of: 'POST /api/v1/rollback',
    run: (actor) => actor.send('POST', '/api/v1/rollback', { profile: 'default/job', reason }),
    must: [...audit, ...listed, 'GET /api/v1/ladder'],
    about: ['job']
  },
  {
    of: 'secco promote',
    run: (actor) => actor.secco('promote job enforce --force --reason why'),
    must: [...audit, ...listed, 'GET /api/v1/ladder'],
    about: ['job']
  },
  {
    of: 'secco rollback',
    run: (actor) => actor.secco('rollback job --reason why'),
    must: [...audit, ...listed, 'GET /api/v1/ladder'],
    about: ['job']
  },
  {
    of: 'POST /api/v1/mute',
    run: (actor) =>
      actor.send('POST', '/api/v1/mute', { profile: 'default/web', syscall: 'getsid', reason }),
    must: [...audit, ...listed, 'secco denials', 'GET /api/v1/denials'],
    // The profile's file denied it to a container that has ended, too.
    about: ['web', 'over']
  },
  {
    of: 'secco denials mute',
    run: (actor) => actor.secco('denials mute web getsid --remove --reason why'),
    must: [...audit, ...listed, 'secco denials', 'GET /api/v1/denials'],
    // The profile's file denied it to a container that has ended, too.
    about: ['web', 'over']
  },
  {
    of: 'POST /api/v1/allow',
    what: 'without yes',
    run: (actor) =>
      actor.send('POST', '/api/v1/allow', { profile: 'default/web', syscall: 'getsid' }),
    must: audit,
    about: []
  },
  {
    of: 'POST /api/v1/allow',
    run: (actor) =>
      actor.send('POST', '/api/v1/allow', {
        ...{ profile: 'default/web', syscall: 'getsid', reason, yes: true }
      }),
    must: [
      ...audit,
      ...listed,
      ...known,
      'secco ps',
      'GET /api/v1/containers',
      'GET /api/v1/denials'
    ],
    // A container that ran under the profile's file and has ended: its denial is closed. The rule waits for the nodes.
    about: ['web', 'over', 'teams']
  },
  {
    of: 'secco denials allow',
    run: (actor) => actor.secco('denials allow job getpgid --yes --reason why'),
    must: [...audit, ...listed, ...known, 'secco ps', 'GET /api/v1/containers'],
    about: ['job']
  },
  {
    of: 'POST /api/v1/block',
    what: 'dryRun',
    run: (actor) => actor.send('POST', '/api/v1/block', { what: 'bpf', reason, dryRun: true }),
    must: audit,
    about: []
  },
  {
    of: 'POST /api/v1/block',
    run: (actor) => actor.send('POST', '/api/v1/block', { what: 'times', reason }),
    must: [...audit, ...listed, 'secco block', 'GET /api/v1/block'],
    about: everything
  },
  {
    of: 'secco block',
    run: (actor) => actor.secco('block times --remove --reason why'),
    must: [...listed, 'secco block', 'GET /api/v1/block'],
    about: everything
  }
]

/** Changes of traces and sessions. */
const otherChanges: readonly Change[] = [
  {
    of: 'POST /api/v1/traces',
    run: async (actor) => {
      await actor.send('POST', '/api/v1/traces', { container: 'bare' })
      await until(
        'the trace to have counts',
        async () => {
          const [trace] = await actor.items<{ total: { distinct: number } }>('/api/v1/traces')
          if (trace !== undefined && trace.total.distinct > 0) return true
          throw new Error(JSON.stringify(trace))
        },
        { timeoutMs: 60_000 }
      )
    },
    must: [...audit, 'GET /api/v1/traces'],
    about: []
  },
  {
    of: 'POST /api/v1/traces/:id/stop',
    run: async (actor) => actor.send('POST', `/api/v1/traces/${await traceOf(actor)}/stop`, {}),
    must: [...audit, 'GET /api/v1/traces'],
    about: []
  },
  {
    of: 'POST /api/v1/traces/:id/profile',
    run: async (actor) => {
      const ref = { namespace: 'default', name: 'kept' }
      await actor.send('POST', `/api/v1/traces/${await traceOf(actor)}/profile`, ref)
      await until('the state of the profile, with its workload', async (note) => {
        const states = await actor.items<ProfileState>('/api/v1/states')
        const kept = states.find(({ name }) => name === ref.name)
        note(kept)
        return kept?.workload === undefined ? undefined : true
      })
    },
    must: [...audit, ...listed, ...known],
    about: ['kept']
  },
  {
    of: 'POST /api/v1/session',
    run: (actor) => actor.send('POST', '/api/v1/session', { token: actor.token }),
    must: audit,
    about: []
  },
  {
    of: 'DELETE /api/v1/session',
    run: (actor) => actor.send('DELETE', '/api/v1/session'),
    must: [],
    about: []
  },
  {
    of: 'POST /api/v1/links',
    run: (actor) => actor.send('POST', '/api/v1/links', { role: 'viewer' }),
    must: audit,
    about: []
  },
  {
    of: 'POST /api/v1/logout',
    run: (actor) => actor.send('POST', '/api/v1/logout', {}),
    must: audit,
    about: []
  },
  {
    of: 'secco ui logout',
    run: (actor) => actor.secco('ui logout'),
    must: audit,
    about: []
  },
  {
    of: 'secco ui link',
    run: (actor) => actor.secco('ui link --viewer'),
    must: audit,
    about: []
  }
]

/** Every route and verb that changes something. The order matters: later rows use what earlier ones made. */
export const changes: readonly Change[] = [...objectChanges, ...containerChanges, ...otherChanges]
