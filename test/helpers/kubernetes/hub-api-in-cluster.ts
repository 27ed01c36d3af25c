import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { NodePrograms } from '../api-server-programs.js'
import { until } from '../until.js'
import { makeAggregation } from './aggregation.js'
import { type RealCluster, startRealCluster } from './real-cluster.js'
import { runSeccoInCluster, seccoImageName } from './secco-in-cluster.js'
import type { SeccoAtWork } from './secco-on-host.js'
import { seccoImageArchive } from './test-images.js'

/** A cluster in which Secco is installed and enforces; its API of the hub answers. */
export interface HubApiInCluster {
  cluster: RealCluster
  secco: SeccoAtWork
  /** A folder that goes with the test. */
  folder: string
}

/** Starts a real cluster and installs Secco as `secco install --hub-api` does. All of it ends with the test. */
export async function startHubApiInCluster(
  t: Test,
  programs: NodePrograms
): Promise<HubApiInCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-hub-api-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { frontProxyFlags } = await makeAggregation(folder)
  const cluster = await startRealCluster({
    programs,
    images: [await seccoImageArchive(folder, seccoImageName)],
    apiServerFlags: frontProxyFlags
  })
  t.teardown(() => cluster.stop())
  const secco = await runSeccoInCluster(cluster, programs, {
    install: ['--mode', 'enforce', '--hub-api']
  })
  t.teardown(() => secco.stop())
  await until(
    'the API of the hub',
    async () =>
      (await cluster.kube.call('GET', '/apis/hub.secco.dev/v1alpha1')).status === 200 || undefined
  )
  return { cluster, secco, folder }
}
