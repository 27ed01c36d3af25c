import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import type { KubeConfig } from '@kubernetes/client-node'
import { limits } from '../../src/api/limits.js'
import { firstLine } from '../../src/api/read-value.js'
import { SeccoError } from '../../src/lib/errors.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import type { KubernetesStoreOptions } from '../../src/store/kubernetes.js'
import type { Store } from '../../src/store/store.js'
import { resolveCommands, useCredentialPlugin } from './credential-plugin.js'
import { readBytes } from './read-input.js'

/** Value of --kubeconfig for a pod's own ServiceAccount. */
const inCluster = 'in-cluster'

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** KubeconfigOptions are what --kubeconfig, --context and --as say: a cluster, and a user of it. */
export interface KubeconfigOptions {
  /** A file, files joined by `:` as in KUBECONFIG, or `in-cluster`; undefined: those of kubectl. */
  files?: string | undefined
  /** A context of these files; undefined: the current one. */
  context?: string | undefined
  /** The user that the API server is asked to take the caller for. */
  as?: string | undefined
}

/** Returns the files that kubectl reads without an option. */
function filesOfKubectl(): string {
  const { HOME = '/', KUBECONFIG } = process.env
  // kubectl takes an empty variable for none.
  return KUBECONFIG === undefined || KUBECONFIG === '' ? join(HOME, '.kube', 'config') : KUBECONFIG
}

/** Adds what another file has: as with kubectl, the first file that names something counts, and a missing file is none. */
function add(config: KubeConfig, other: KubeConfig): void {
  const besides = <Named extends { name: string }>(own: Named[], more: Named[]): Named[] => {
    const names = new Set(own.map(({ name }) => name))
    return [...own, ...more.filter(({ name }) => !names.has(name))]
  }
  config.clusters = besides(config.clusters, other.clusters)
  config.users = besides(config.users, other.users)
  config.contexts = besides(config.contexts, other.contexts)
  // A file may have none.
  config.currentContext ||= other.currentContext
}

/** Makes the context the current one. @throws SeccoError INVALID_ARGUMENT */
function useContext(config: KubeConfig, context: string, where: string): void {
  if (config.getContextObject(context) === null) {
    const names = config.contexts.map(({ name }) => name)
    const hint =
      names.length === 0
        ? 'add one with kubectl config set-context'
        : `give one of ${names.join(', ')}`
    throw new SeccoError('INVALID_ARGUMENT', `--context: ${context} is not in ${where}`, { hint })
  }
  config.setCurrentContext(context)
}

/** What each pipe had: it can be read once, and a verb needs the cluster more than once. */
const read = new Map<string, Promise<string>>()

function textOf(path: string): Promise<string> {
  const known =
    read.get(path) ??
    readBytes(path, limits.manifestBytes, '--kubeconfig').then((bytes) =>
      Buffer.from(bytes).toString()
    )
  if (statSync(path).isFIFO()) read.set(path, known)
  return known
}

/** Does what loadFromFile() does, and reads no more than a configuration has, whatever the file is. */
async function loadFile(config: KubeConfig, path: string): Promise<void> {
  const text = await textOf(path)
  // As with kubectl, an empty file names nothing.
  if (text.trim() === '') return
  config.loadFromString(text)
  config.makePathsAbsolute(dirname(path))
  resolveCommands(config, dirname(path))
}

/**
 * Loads the identity that `--kubeconfig`, `--context` and `--as` name.
 * @throws SeccoError NOT_FOUND, INVALID_ARGUMENT, INVALID_DOCUMENT.
 */
export async function loadKubeconfig(kubeconfig: KubeconfigOptions): Promise<KubeConfig> {
  // As with kubectl, an empty value is none.
  const { context, as } = kubeconfig
  const files = kubeconfig.files || filesOfKubectl()
  // Loaded on use: the client takes longer to load than most verbs take to run.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromOptions({ clusters: [], users: [], contexts: [], currentContext: '' })
  const where = files === inCluster ? accountFolder : files
  const paths = existsSync(where)
    ? [where]
    : where.split(delimiter).filter((one) => existsSync(one))
  if (paths.length === 0) {
    const hint = `give --kubeconfig a file, or ${inCluster} inside a pod`
    throw new SeccoError('NOT_FOUND', `--kubeconfig: ${where} does not exist`, { hint })
  }
  try {
    for (const path of paths) {
      const one = new KubeConfig()
      if (files === inCluster) one.loadFromCluster()
      else await loadFile(one, path)
      add(config, one)
    }
  } catch (cause) {
    if (cause instanceof SeccoError) throw cause
    // Further lines quote the file, which has tokens.
    const why = firstLine(cause instanceof Error ? cause.message : String(cause))
    const hint = 'check it with `kubectl --kubeconfig FILE version`'
    throw new SeccoError('INVALID_DOCUMENT', `--kubeconfig: ${where}: ${why}`, { cause, hint })
  }
  if (context) useContext(config, context, where)
  if (config.getCurrentCluster() === null) {
    const hint = 'set current-context in it, or give --context'
    throw new SeccoError('INVALID_DOCUMENT', `--kubeconfig: ${where} names no cluster`, { hint })
  }
  const user = config.getCurrentUser()
  if (as) {
    const { name } = user ?? { name: 'secco' }
    const others = config.users.filter((one) => one !== user)
    config.users = [...others, { ...user, name, impersonateUser: as }]
    config.contexts = config.contexts.map((one) =>
      one.name === config.currentContext ? { ...one, user: name } : one
    )
  }
  useCredentialPlugin(config)
  return config
}

/**
 * Opens the objects of a cluster when `kubeconfig` is given (a file, or `in-cluster`), otherwise the folder.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT for the kubeconfig; the errors of the stores.
 */
export async function openStore(
  folder: string,
  kubeconfig: KubeconfigOptions | undefined,
  options: Omit<KubernetesStoreOptions, 'config'> = {}
): Promise<Store> {
  if (kubeconfig === undefined) return openDirectoryStore(folder)
  const config = await loadKubeconfig(kubeconfig)
  const { openKubernetesStore } = await import('../../src/store/kubernetes.js')
  return openKubernetesStore({ config, ...options })
}
