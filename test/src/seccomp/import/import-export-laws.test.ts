import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import {
  seccompActions,
  seccompArchitectures,
  seccompOperators
} from '../../../../src/api/seccomp-words.js'
import { canonicalJson } from '../../../../src/lib/canonical.js'
import { digestOf } from '../../../../src/lib/digest.js'
import { artifactType, exportArtifact } from '../../../../src/seccomp/export/oci-artifact.js'
import { exportSpo } from '../../../../src/seccomp/export/spo.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import { importText, meaning, seccompOf, oci } from '../../../helpers/imports.js'
import { matchLists } from '../../../helpers/match-lists.js'

const conditions = fc.uniqueArray(
  fc.record({
    index: fc.nat(5),
    value: fc.nat(Number.MAX_SAFE_INTEGER),
    valueTwo: fc.nat(),
    op: fc.constantFrom(...seccompOperators)
  }),
  { selector: (arg) => arg.index, maxLength: 3 }
)

const anySeccomp: fc.Arbitrary<LinuxSeccomp> = fc
  .record(
    {
      defaultAction: fc.constantFrom(...seccompActions),
      architectures: fc.uniqueArray(fc.constantFrom(...seccompArchitectures), { minLength: 1 }),
      syscalls: fc.array(
        fc.record(
          {
            names: fc.uniqueArray(fc.constantFrom(...knownSyscalls), {
              minLength: 1,
              maxLength: 5
            }),
            action: fc.constantFrom(...seccompActions),
            errnoRet: fc.integer({ min: 1, max: 4095 }),
            args: conditions
          },
          { requiredKeys: ['names', 'action'] }
        ),
        { maxLength: 8 }
      )
    },
    { requiredKeys: ['defaultAction'] }
  )
  .map((made) => JSON.parse(JSON.stringify(made)) as LinuxSeccomp)

test('laws of import and export', (t) => {
  fc.assert(
    fc.property(anySeccomp, fc.integer({ min: 1, max: 4095 }), (made, errno) => {
      const seccomp = { ...made, defaultErrnoRet: errno }
      const once = seccompOf(JSON.stringify(seccomp))
      const twice = seccompOf(canonicalJson(once.seccomp))
      return (
        once.lost.length === 0 &&
        meaning(once.seccomp) === meaning(seccomp) &&
        meaning(twice.seccomp) === meaning(once.seccomp)
      )
    }),
    { numRuns: runs(500), seed: 1 }
  )
  fc.assert(
    fc.property(anySeccomp, (seccomp) => {
      const { object, losses } = exportSpo(seccomp, { name: 'a', namespace: 'b' })
      const back = seccompOf(JSON.stringify(object))
      return (
        losses.length === 0 && back.lost.length === 0 && meaning(back.seccomp) === meaning(seccomp)
      )
    }),
    { numRuns: runs(500), seed: 2 }
  )
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 60 }), (names) => {
      // What nodes get goes out and comes back the same.
      const profile = importText(oci({}, [{ names: ['read', ...names], action: 'SCMP_ACT_ALLOW' }]))
        .imported[0]?.profile
      if (profile === undefined) return false
      const { json, seccomp } = renderProfile(profile, {
        mode: 'enforce',
        resolve: () => undefined
      })
      const artifact = exportArtifact(json, 'latest', 'a/b')
      return (
        meaning(seccompOf(json).seccomp) === meaning(seccomp) &&
        [...artifact.files.values()].includes(json) &&
        artifact.digest === exportArtifact(json, 'latest', 'a/b').digest
      )
    }),
    { numRuns: runs(50), seed: 4 }
  )
  matchLists(
    t,
    exportSpo(
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrnoRet: 38,
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }]
      },
      { name: 'a', namespace: 'b' }
    ).losses,
    [{ path: 'defaultErrnoRet' }, { path: 'syscalls[0]' }]
  )
  const { files, digest } = exportArtifact('{"defaultAction":"SCMP_ACT_ERRNO"}', 'v1', 'a')
  for (const [path, text] of files) {
    if (path.startsWith('blobs/')) t.equal(digestOf(text), path.replace('blobs/sha256/', 'sha256:'))
  }
  const index = JSON.parse(files.get('index.json') ?? '') as { manifests: { digest: string }[] }
  t.equal(index.manifests[0]?.digest, digest)
  const manifest = JSON.parse(files.get(digest.replace('sha256:', 'blobs/sha256/')) ?? '') as {
    artifactType: string
    config: { mediaType: string }
    layers: { mediaType: string; digest: string; size: number }[]
  }
  t.match(manifest, { artifactType, config: { mediaType: artifactType, size: 2 } })
  matchLists(t, manifest.layers, [
    {
      mediaType: 'application/json',
      size: 34,
      annotations: { 'org.opencontainers.image.title': 'profile.json' }
    }
  ])
  t.end()
})
