import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { t, test } from 'tap'
import { kubernetesObjects } from '../../../src/store/kubernetes-objects.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import {
  changeApproved,
  changeOverlay,
  exportApproved,
  type Ground,
  importOver,
  importTrace,
  observed,
  overlayRef,
  ref,
  unapproved
} from '../../helpers/approved-profile.js'
import type { Outcome } from '../../helpers/secco-command.js'
import { startHubNear, startPeopleCluster } from '../../helpers/people-cluster.js'
import { apiOf, runHere } from '../../helpers/webhook-program.js'

t.setTimeout(500_000)
const found = await findApiServer()

/** Returns a shell that finds kubectl, and in it the person of a kubeconfig. */
const runAs = (kubectl: string, kubeconfig: string) => (command: string) =>
  new Promise<Outcome>((resolve) => {
    const env = {
      ...process.env,
      PATH: `${dirname(kubectl)}:${process.env['PATH'] ?? ''}`,
      KUBECONFIG: kubeconfig
    }
    execFile('sh', ['-c', command], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, stdout, stderr })
    )
  })

test('in a cluster, a profile that carries an approval is changed in every way', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const people = await startPeopleCluster(found.programs)
  const { cluster, tokens } = people
  const { kubectl } = found.programs
  t.teardown(() => cluster.stop())
  const folder = await mkdtemp(join(tmpdir(), 'secco-approved-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const mine = await people.kubeconfig(folder, 'olga')
  const hub = await people.kubeconfig(folder, 'hub')
  const config = new KubeConfig()
  config.loadFromFile(hub)
  const store = kubernetesObjects(config)

  // As kubectl makes it: by another field manager than ours.
  const path = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles'
  await cluster.kube.do('POST', path, unapproved)
  await store.update('SeccompProfile', ref, (one) => ({
    ...one,
    status: { ...one.status, observed: { x86_64: ['accept4', 'read'] } }
  }))
  const { webhook, near } = await startHubNear(people, folder, 'olga')
  t.teardown(() => webhook.stop())
  const ground: Ground = {
    ...{ isCluster: true, person: 'system:serviceaccount:shop:olga', folder },
    ...(kubectl === undefined ? {} : { shell: runAs(kubectl, mine) }),
    secco: (...args) =>
      runHere([...args, '--state', near, ...(args[0] === 'denials' ? [] : ['--kubeconfig', mine])]),
    api: apiOf(webhook.ui, tokens.olga),
    get: (wanted) => store.get('SeccompProfile', wanted)
  }
  const approve = ['profile', 'approve', 'shop/web', '--reason', 'release 1']
  t.match(await ground.secco(...approve), { code: 0 })
  await store.update('SeccompProfile', ref, (one) => ({
    ...one,
    status: { ...one.status, observed }
  }))
  await t.test('a profile', (t) => changeApproved(t, ground))
  await t.test('the document', (t) => exportApproved(t, ground))
  // So far olga had her rights in one namespace. What follows is about all of them.
  for (const role of ['secco-viewer', 'secco-developer', 'secco-approver'])
    await people.give(role, 'olga')
  await t.test('imports', (t) => importOver(t, ground))
  await t.test('a trace', (t) => importTrace(t, ground))
  await t.test('the overlay', async (t) => {
    await changeOverlay(t, ground, true)
    const overlay = await ground.get(overlayRef)
    t.match(overlay?.spec.approval, { reason: /^unblocked keyctl: .*: release 2$/ })
  })
})
