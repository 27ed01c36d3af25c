import type { Test } from 'tap'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import type { Outcome } from '../secco-command.js'
import { asAdministrator } from './administrator-token.js'
import type { RealCluster } from './real-cluster.js'
import type { SeccoAtWork } from './secco-on-host.js'

/** What a story on the real node starts from. */
export interface OnNode {
  cluster: RealCluster
  secco: SeccoAtWork
  /** What the test server needs, with the calls of its paths. */
  needs: LinuxSeccomp
}

/** `secco --kubeconfig … ARG…` by the administrator, which has to succeed. */
export function succeeding(t: Test, given: OnNode): (...args: string[]) => Promise<Outcome> {
  return async (...args) => {
    const done = await asAdministrator(given, ...args)
    t.equal(done.code, 0, `secco ${args.join(' ')}: ${done.stderr}`)
    return done
  }
}
