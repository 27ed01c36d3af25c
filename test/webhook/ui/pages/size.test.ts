import { test } from 'tap'
import { getProfiles, getWorkloads } from '../../../../cli/profiles/get.js'
import { showProfile } from '../../../../cli/profiles/profile-show.js'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { sizeOfProfile, sizeText } from '../../../../src/seccomp/review/profile-size.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { withSummary } from '../../../../webhook/hub/status/summary.js'
import { captureIo } from '../../../helpers/captured-io.js'
import { startUiRig } from '../rig.js'

/** Two ABIs share a name, one call is denied by a rule, one is logged, and one is not approved. */
const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'checkout.app' },
  spec: {
    workload: { kind: 'Deployment', name: 'checkout', container: 'app' },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: [
        { names: ['accept4', 'read', 'uname'], action: 'SCMP_ACT_ALLOW' },
        { names: ['sysinfo'], action: 'SCMP_ACT_LOG' },
        { names: ['ptrace', 'mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }
      ]
    }
  },
  status: { observed: { x86_64: ['accept4', 'listen', 'read'], i386: ['read', 'uname'] } }
}

const textOf = (body: string) => body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')

test('one profile has one size wherever it is printed', async (t) => {
  const { app, get } = await startUiRig({ objects: [profile], denials: () => [] })
  t.teardown(() => app.close())
  const { seccomp } = renderProfile(profile, { mode: 'enforce', resolve: () => undefined })
  const size = sizeOfProfile(profile, seccomp)
  t.strictSame([size.observed, size.approved], [4, 4], 'names of all ABIs, once')
  const own = ['accept4', 'read', 'sysinfo', 'uname']
  const names = new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names))
  t.ok((size.allows ?? 0) > 20, 'base is in it')
  t.ok(own.every((name) => names.has(name)))
  const { observed, approved, allows } = size
  const words = sizeText(size)
  t.match(words, new RegExp(`^allows ${allows ?? 0} calls: 4 approved, ${(allows ?? 0) - 4} from`))

  const store = await openDirectoryStore(t.testdir())
  t.teardown(() => store.close())
  await store.apply('SeccompProfile', profile)
  await store.update('SeccompProfile', { namespace: 'shop', name: 'checkout.app' }, (one) => ({
    ...one,
    status: profile.status ?? {}
  }))
  const printed = async (print: (io: ReturnType<typeof captureIo>['io']) => Promise<unknown>) => {
    const { io, printed: to } = captureIo()
    await print(io)
    return to.stdout
  }
  const listed = { namespace: 'shop', name: undefined, view: {}, now: 0, output: 'table' } as const
  const [profiles, workloads] = [
    await printed((io) => getProfiles(io, store, listed as never)),
    await printed((io) => getWorkloads(io, store, listed as never))
  ]
  const ref = { namespace: 'shop', name: 'checkout.app' }
  const shown = await printed((io) =>
    showProfile(io, store, ref, { output: 'table', now: 0, denials: undefined })
  )
  const json = JSON.parse(
    await printed((io) =>
      showProfile(io, store, ref, { output: 'json', now: 0, denials: undefined })
    )
  ) as { size: object }
  const page = async (url: string) => textOf((await get(url)).body)
  const row = new RegExp(`none yet ${allows ?? 0} ${approved} ${observed} nothing `)
  const table: [where: string, text: string, expected: RegExp | string][] = [
    ['page Profiles', await page('/profiles'), row],
    ['page of the profile', await page('/profiles/shop/checkout.app'), words],
    ['page of the profile', await page('/profiles/shop/checkout.app'), `${observed} observed`],
    ['provenance', await page('/profiles/shop/checkout.app'), `is, ${allows ?? 0} of them allowed`],
    ['page of the workload', await page('/workloads/shop/checkout.app'), words],
    ['page of the workload', await page('/workloads/shop/checkout.app'), `Observed ${observed} `],
    ['page Review', await page('/review/shop/checkout.app'), words],
    ['page Review', await page('/review/shop/checkout.app'), `${observed} observed`],
    ['get profiles', profiles, new RegExp(`checkout\\.app +- +- +${observed} +${approved} `)],
    ['get workloads', workloads, new RegExp(`OBSERVED[^]* app +\\S+ +${observed} `)],
    ['profile show', shown, words],
    ['profile show -o json', JSON.stringify(json.size), JSON.stringify(size)],
    ['kubectl get', withSummary(profile).status?.summary?.syscalls ?? '', `${approved}/${observed}`]
  ]
  for (const [where, text, expected] of table) t.match(text, expected, where)
})

test('what is not approved has no revision, and its size says so', async (t) => {
  const { workload = { kind: 'Deployment', name: 'checkout' } } = profile.spec
  const { app, get } = await startUiRig({
    objects: [{ ...profile, spec: { workload } }],
    denials: () => []
  })
  t.teardown(() => app.close())
  t.match(textOf((await get('/profiles')).body), / none yet nothing 0 4 nothing /)
  t.match(textOf((await get('/review/shop/checkout.app')).body), /0 calls approved by name/)
})
