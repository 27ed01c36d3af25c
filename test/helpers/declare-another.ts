import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { replaceFile } from './while-damaged.js'

interface RuncState {
  config: { labels: readonly string[] }
}

/**
 * Makes a container of runc declare another profile than it was started with, as somebody with root on its node can. Its
 * filter stays.
 * @param folder its folder below `runc --root`
 * @param root where the file system is that the container's runtime sees
 */
export async function declareAnother(
  folder: string,
  seccomp: LinuxSeccomp,
  root = '/'
): Promise<void> {
  const statePath = join(folder, 'state.json')
  const state = await readFile(statePath, 'utf8')
  const { labels } = (JSON.parse(state) as RuncState).config
  const bundle = labels.find((label) => label.startsWith('bundle='))?.replace('bundle=', '') ?? ''
  const path = join(root, bundle, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8')) as { linux: object }
  await replaceFile(path, JSON.stringify({ ...config, linux: { ...config.linux, seccomp } }))
  // A satellite reads the configuration with the state of the container, which runc replaces as a whole.
  await replaceFile(statePath, state)
}
