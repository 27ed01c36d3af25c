import { type Component } from './bill-of-materials.js'
import { builtPrograms, documents, file, libraryParts, nodePart, programPart } from './parts.js'
import { sharedLibraries } from './shared-libraries.js'
import type { TarEntry } from './tar.js'
import { basename } from 'node:path'

const home = 'lib/secco'
/** Where the DT_RPATH of native/Makefile and native/binding.gyp points. */
const libraryFolder = `${home}/native/build/lib`

/**
 * Libraries of glibc and of the C++ compiler: those of the machine serve, because each release of them runs what was
 * built with an older one, and two of them in one process do not go together.
 */
const ofTheMachine = /^(lib(c|m|dl|pthread|rt|resolv|gcc_s)\.so|libstdc\+\+\.so|ld-linux)/

const starter = `#!/bin/sh
# Runs Secco with the Node that came with it.
home=$(dirname "$(readlink -f "$0")")
exec "$home/node" "$home/bin/secco" "$@"
`

const command = `require('../lib/secco.cjs').start()
`

/** The units run what is on one machine; a cluster has its own objects (`secco install`). */
const unit = (description: string, verb: string): string => `[Unit]
Description=${description}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/bin/secco --state /var/lib/secco ${verb}
Restart=on-failure
StateDirectory=secco
StateDirectoryMode=0700

[Install]
WantedBy=multi-user.target
`

/**
 * Returns the files of a release, relative to a prefix such as /usr: the command with its Node, the addon, the BPF
 * objects, the libraries that a machine may lack, systemd units, completions and documents.
 * @param completions text of `secco completion SHELL`, by shell
 * @throws SeccoError UNAVAILABLE when the native part is not built
 */
export async function releaseTree(
  root: string,
  node: string,
  completions: { bash: string; zsh: string; fish: string }
): Promise<TarEntry[]> {
  const needed = (await sharedLibraries(builtPrograms(root))).filter(
    (path) => !ofTheMachine.test(basename(path))
  )
  const libraries = await libraryParts(needed, (path) => `${libraryFolder}/${basename(path)}`)
  const runtime = await nodePart(root, node, `${home}/node`)
  const program = await programPart(root, home)
  const components: Component[] = [
    ...runtime.components,
    ...libraries.components,
    ...program.components
  ]
  return [
    ...libraries.entries,
    ...runtime.entries,
    ...program.entries,
    file(`${home}/bin/secco`, 0o644, command),
    file(`${home}/secco`, 0o755, starter),
    { kind: 'link', path: 'bin/secco', target: `../${home}/secco` },
    file(
      'lib/systemd/system/secco.service',
      0o644,
      unit('Secco on this machine: hub, pages and satellite', 'up')
    ),
    file('share/bash-completion/completions/secco', 0o644, completions.bash),
    file('share/zsh/vendor-completions/_secco', 0o644, completions.zsh),
    file('share/fish/vendor_completions.d/secco.fish', 0o644, completions.fish),
    ...(await documents(root, 'share/doc/secco', components))
  ]
}
