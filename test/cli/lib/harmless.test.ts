import { test } from 'tap'
import { harmless } from '../../e2e/journey/harmless.js'

test('a printed command whose change a journey does not want is run without it', (t) => {
  // [command, what is added]
  const table: [string, string][] = [
    ['secco ps -n shop', ''],
    ['secco diff shop/web', ''],
    ['secco --kubeconfig x promote shop/web enforce --reason WHY', '--dry-run'],
    ['secco profile approve shop/web', '--dry-run'],
    ['secco promote shop/web enforce --dry-run', ''],
    ['secco block', ''],
    ['secco block af-alg', '--dry-run'],
    ['secco denials allow shop/web getsid', ''],
    ['secco denials allow shop/web getsid --yes', '--help'],
    ['secco rollback shop/web --reason WHY', '--help'],
    ['secco doctor --node', '--help'],
    ['kubectl -n secco-system get pods', ''],
    ['kubectl delete pod -n shop web-0', '--dry-run=server'],
    ['kubectl rollout restart -n shop deployment/web', '--help']
  ]
  for (const [command, added] of table) t.equal(harmless(command).added, added, command)
  t.end()
})
