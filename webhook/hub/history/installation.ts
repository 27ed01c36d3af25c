import { rootNamespace } from '../../../src/api/names.js'
import { historyName, type WorkloadKey } from '../../../src/history/workload-history.js'

/** What concerns every workload: blocks, and the starts of Secco's own programs. */
export const installationKey: WorkloadKey = {
  ...{ namespace: rootNamespace, kind: 'Secco', name: 'secco', container: '' }
}

/** The name of its history. A workload of another API group may have the same kind. */
export const installationName = historyName(installationKey)
