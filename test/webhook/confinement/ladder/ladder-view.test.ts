import { test } from 'tap'
import { currentMode } from '../../../../webhook/confinement/ladder/ladder-view.js'

const profile = 'shop/web'
const confinement = {
  revisions: {
    byDigest: (digest: string) =>
      digest === 'sha256:e'
        ? [
            { profile: 'shop/other', digest, mode: 'audit' as const },
            { profile, digest, mode: 'enforce' as const }
          ]
        : digest === 'sha256:a'
          ? [{ profile, digest, mode: 'audit' as const }]
          : []
  }
}
const runs = (state: 'enforced' | 'audit' | 'starting' | 'runtime-default', revision = '') => ({
  state,
  revision,
  profile: revision === '' ? '' : profile
})

test('the mode of a workload, with containers whose filter was not read yet', (t) => {
  const cases = [
    { own: [], is: 'learn' },
    { own: [runs('runtime-default')], is: 'learn' },
    { own: [runs('audit', 'sha256:a')], is: 'audit' },
    { own: [runs('audit', 'sha256:a'), runs('enforced', 'sha256:e')], is: 'enforce' },
    { own: [runs('starting', 'sha256:e')], is: 'enforce' },
    { own: [runs('starting', 'sha256:a'), runs('runtime-default')], is: 'audit' },
    { own: [runs('starting')], is: 'learn' },
    { own: [runs('starting', 'sha256:unknown')], is: 'learn' },
    { own: [{ ...runs('starting', 'sha256:e'), profile: 'shop/third' }], is: 'learn' }
  ]
  for (const { own, is } of cases) t.equal(currentMode(confinement, own), is, JSON.stringify(own))
  t.end()
})
