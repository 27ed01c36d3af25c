import { test } from 'tap'
import { findNodePrograms } from '../../helpers/api-server-programs.js'
import { isNightly } from '../../helpers/fuzz.js'
import { startHubApiInCluster } from '../../helpers/kubernetes/hub-api-in-cluster.js'
import { whyNoNode } from '../../helpers/kubernetes/real-cluster.js'
import type { NodeVictim } from '../../helpers/kubernetes/restart-programs.js'
import { afterEffects } from './after-effects.js'
import { NodeScene } from './node-scene.js'
import { type Allowed, restartLaw } from './restart-law.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

const everything: readonly NodeVictim[] = ['hub', 'satellite', 'API server']
/** When the API server is away, the hub that is active gives up its Lease: the one on standby may follow it. */
const hubs: readonly NodeVictim[] = ['hub', 'API server']

/** Every difference that a restart may leave in a cluster. Whatever else differs is untrue. */
const allowed: readonly Allowed<NodeVictim>[] = [
  {
    path: /^(GET \/api\/v1\/audit|secco ui audit) /,
    of: hubs,
    because: 'the trail of pages and API is on the disk of its replica, which ends with the pod'
  },
  {
    path: /explain.* \/ answer( \/ .*)?$/,
    of: hubs,
    because: 'what the webhook answered is in the memory of its replica'
  },
  {
    path: /(denial|explain|why-eperm).* \/ pid$/,
    of: hubs,
    because: 'the store keeps the name of a caller, and no pid'
  },
  {
    path: / \/ words( \/ .* in container app of pod \S+ on node-1 called .*)?$/,
    of: hubs,
    because: 'the sentence about that caller'
  },
  {
    path: / \/ knownSince$/,
    of: hubs,
    because: 'of each container a hub reports since when it knows its denials'
  },
  {
    path: /^GET \/metrics .* secco_profiles\{/,
    of: ['hub', 'satellite'],
    because: "profiles of Secco's own pods are counted: other pods make other calls"
  },
  {
    path: /(ObservationsAccepted|The hub accepts what nodes observe|observations_waiting)/,
    of: everything,
    because: 'a pod of Secco that has ended is unknown'
  },
  {
    path: /(Nothing was lost|losses \/ unidentified|problems( \/ lost.*)?$)/,
    of: everything,
    because: "this node's kernel is that of other tests, whose containers it cannot name"
  },
  {
    path: / \/ evidence \/ \d+ \/ \w+$/,
    text: /unidentified containers/,
    of: everything,
    because: 'those containers, in what a profile says of its nodes'
  }
]

/**
 * A hub that starts with an empty disk knows a denial by the time of the call, where the one before had that of a report,
 * which comes within seconds.
 */
const reportMs = 5000

/** All of them take minutes: a usual run has the one that has most to remember. */
const rounds: readonly (readonly NodeVictim[])[] = isNightly
  ? [['hub'], ['satellite'], ['API server'], ['hub', 'satellite']]
  : [['hub', 'satellite']]

test('a restart changes nothing that anybody reads of a real node', {
  skip,
  timeout: 1_800_000
}, async (t) => {
  const { programs } = found
  if (programs === undefined) return
  const { cluster, secco } = await startHubApiInCluster(t, programs)
  const scene = new NodeScene(cluster, programs, secco)
  t.teardown(() => scene.close())
  await scene.fill()
  await restartLaw<NodeVictim>(t, {
    settled: () => scene.settled(),
    read: () => scene.read(),
    restart: (victims) => scene.restart(victims),
    ...{ rounds, allowed },
    nearMs: (victims) => (victims.includes('hub') ? reportMs : 0)
  })
  // Each of the changes takes seconds until every view shows it.
  if (isNightly)
    await t.test('what changes something changes what it is about, and nothing else', (t) =>
      afterEffects(t, {
        ...{ actor: scene.actor, settledData: (check) => scene.settled(check, 60_000) },
        others: allowed.filter(({ of }) => of === everything).map(({ path }) => path),
        // In a cluster people sign in with an identity of its API server.
        without: ['POST /api/v1/links', 'secco ui link', 'secco ui logout', 'POST /api/v1/logout']
      })
    )
})
