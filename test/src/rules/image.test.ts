import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import { compileImages, parseImage } from '../../../src/rules/image.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { testProfile, testRule } from '../../helpers/rules.js'
import { container, pod } from '../../helpers/decisions.js'
import { matchLists } from '../../helpers/match-lists.js'

test('images are compared as runtimes read their names', (t) => {
  const table: [pattern: string, image: string, matches: boolean][] = [
    ['nginx', 'nginx', true],
    ['nginx', 'nginx:1.27', true],
    ['nginx', 'docker.io/library/nginx@sha256:aa', true],
    ['nginx', 'docker.io/nginx:1.27', true],
    ['nginx', 'index.docker.io/nginx', true],
    ['nginx', 'index.docker.io/library/nginx', true],
    ['docker.io/nginx', 'nginx', true],
    ['index.docker.io/shop/web', 'shop/web', true],
    ['docker.io/*', 'nginx', true],
    ['docker.io/*', 'index.docker.io/shop/web', true],
    ['docker.io/ngin*', 'docker.io/nginx', true],
    ['docker.io/ngin*', 'nginx', true],
    ['docker.io/ngin*', 'docker.io/nginx/nginx', true],
    ['docker.io/ngin*', 'ghcr.io/library/nginx', false],
    ['nginx', 'index.docker.io.example/nginx', false],
    ['nginx', 'shop/nginx', false],
    ['nginx', 'nginx-evil', false],
    ['nginx', 'registry.example.com/nginx', false],
    ['*/nginx', 'registry.example.com/nginx', true],
    ['nginx:1.27*', 'nginx:1.27.1', true],
    ['nginx:1.27*', 'nginx:1.28', false],
    ['nginx:latest', 'nginx', true],
    ['nginx:latest', 'nginx@sha256:aa', false],
    ['nginx@sha256:aa', 'nginx:1.27@sha256:aa', true],
    ['nginx@sha256:aa', 'nginx@sha256:ab', false],
    ['localhost:5000/shop/*', 'localhost:5000/shop/web:1', true],
    ['localhost:5000/shop/*', 'localhost:5000/shopping/web:1', false],
    ['shop/*', 'docker.io/shop/web', true],
    ['shop/*', 'evil.example/shop/web', false],
    ['*', 'anything.example/at/all:1', true],
    ['nginx', '', false]
  ]
  for (const [pattern, image, matches] of table) {
    t.equal(compileImages([pattern])?.matches(parseImage(image)), matches, `${pattern} ~ ${image}`)
  }
  t.equal(compileImages(undefined), undefined)
  t.end()
})

test('a rule by image is about the containers of that image, and no pod without one', (t) => {
  const used = buildSnapshot({
    rules: [testRule('web', { images: ['nginx'], profile: { name: 'checkout.app' } })],
    profiles: [testProfile('shop', 'checkout.app')]
  })
  const both = pod({
    labels: {},
    containers: [container(), container({ name: 'side', image: 'envoy', index: 1 })]
  })
  t.same(
    decide(used, both).containers.map(({ outcome, reason }) => `${outcome} ${reason}`),
    ['assigned ready', 'skipped no-rule']
  )
  const other = decide(used, pod({ labels: {}, containers: [container({ image: 'envoy' })] }))
  matchLists(t, other, { decision: 'unmatched', matched: [] })
  const debugged = pod({
    ...{ operation: 'UPDATE', subresource: 'ephemeralcontainers', labels: {} },
    containers: [
      container({ image: 'envoy' }),
      container({ name: 'debug', kind: 'ephemeral', image: 'nginx' })
    ]
  })
  t.match(decide(used, debugged), { decision: 'unmatched' })
  t.end()
})
