import { namespace } from '../../../cli/install/names.js'
import type { Kubectl } from '../kubectl.js'
import { runSecco } from '../secco-command.js'
import { ownProfilesArguments } from './measuring.js'

/** `secco install … | kubectl apply -f -`. Rejects with what either of the two said. */
export async function applyInstall(kubectl: Kubectl, args: readonly string[]): Promise<void> {
  const printed = await runSecco(['install', ...args, ...ownProfilesArguments])
  if (printed.code !== 0) throw new Error(printed.stderr)
  const applied = await kubectl(['apply', '-f', '-'], printed.stdout)
  if (applied.code !== 0) throw new Error(applied.stderr)
}

/** Pods, logs and events of an installation, for a test that fails. */
export async function saidByInstallation(kubectl: Kubectl): Promise<string> {
  const select = ['-l', 'app.kubernetes.io/name=secco']
  const all = await Promise.all([
    kubectl(['-n', namespace, 'get', 'pods', '-o', 'wide']),
    kubectl(['-n', namespace, 'logs', ...select, '--tail=40', '--prefix']),
    kubectl(['-n', namespace, 'get', 'events'])
  ])
  return all.map(({ stdout, stderr }) => stdout + stderr).join('\n')
}
