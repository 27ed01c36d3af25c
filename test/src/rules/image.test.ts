import { test } from 'tap'
import type { ContainerFacts } from '../../../src/rules/facts.js'
import { decide } from '../../../src/rules/decide.js'
import { compileImages, parseImage } from '../../../src/rules/image.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { testProfile, testRule } from '../../helpers/rules.js'
import { container, pod } from '../../helpers/decisions.js'
import { matchLists } from '../../helpers/match-lists.js'

/** What a runtime takes for an image that the node has. */
const imageId = `sha256:${'0f'.repeat(32)}`

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
    ['nginx', '', false],
    ['nginx', 'registry-1.docker.io/library/nginx', true],
    ['nginx', 'registry-1.docker.io/nginx', true],
    ['docker.io/*', 'registry-1.docker.io:443/shop/web', true],
    ['registry-1.docker.io/shop/*', 'shop/web', true],
    ['nginx', 'Docker.io/library/nginx', true],
    ['registry.example.com/shop/*', 'Registry.example.com/shop/app', true],
    ['registry.example.com/shop/*', 'registry.example.com:443/shop/app', true],
    ['registry.example.com/shop/*', 'REGISTRY.EXAMPLE.COM:0443/shop/app:1', true],
    ['Registry.example.com:443/shop/*', 'registry.example.com/shop/app', true],
    ['registry.example.com/shop/*', 'registry.example.com:4430/shop/app', false],
    ['registry.example.com/shop/*', 'registry.example.com:8443/shop/app', false],
    ['registry.example.com/shop/*', 'registry.example.com/Shop/app', false],
    ['*.example.com/shop/*', 'A.Example.com:443/shop/app', true],
    ['registry.example.com:*/shop/*', 'registry.example.com:443/shop/app', true],
    ['registry.example.com:*/shop/*', 'registry.example.com/shop/app', true],
    ['registry.example.com:*/shop/*', 'registry.example.com:5000/shop/app', true],
    ['registry:443/shop', 'REGISTRY/shop', true],
    ['registry/shop', 'registry:443/shop', false],
    ['localhost/shop', 'LOCALHOST:443/shop', true],
    ['[::1]/shop', '[::1]:443/shop', true],
    [':443/shop', ':443/shop', true],
    ['nginx:*', 'nginx:1', true],
    ['registry.example.com:5000/shop/*', 'registry.example.com:05000/shop/app', true],
    ['registry.example.com:05000/shop/*', 'Registry.example.com:005000/shop/app:1', true],
    ['registry.example.com:050*/shop/*', 'registry.example.com:05000/shop/app', true],
    ['registry.example.com:5000/shop/*', 'registry.example.com:50000/shop/app', false],
    ['registry.example.com:500/shop/*', 'registry.example.com:5000/shop/app', false],
    ['registry.example.com:4*/shop/*', 'registry.example.com/shop/app', true],
    ['registry.example.com:*3/shop/*', 'registry.example.com:0443/shop/app', true],
    ['registry.example.com:5*/shop/*', 'registry.example.com/shop/app', false],
    ['[::1]:5000/shop', '[::1]:05000/shop', true],
    ['registry:5000/shop', 'registry:05000/shop', true],
    ['registry:0/shop', 'registry:00/shop', false],
    ['nginx', 'registry.hub.docker.com/library/nginx', true],
    ['nginx', 'registry.hub.docker.com/nginx:1', true],
    ['shop/*', 'Registry.Hub.Docker.com:443/shop/web', true],
    ['registry.hub.docker.com/shop/*', 'shop/web', true],
    ['nginx', 'hub.docker.com/library/nginx', false],
    ['nginx', imageId, true],
    ['registry.example.com/shop/*', imageId, true],
    ['nginx:1.27*', imageId, true],
    ['nginx@sha256:aa', imageId, true],
    [imageId, imageId, true],
    ['nginx', imageId.slice(0, 10), true],
    ['nginx', `sha512:${'ab'.repeat(64)}`, true],
    ['nginx', 'sha256:latest', false],
    ['nginx', 'sha256', false],
    ['nginx', `shop/${imageId}`, false],
    ['nginx', `sha256:aa@${imageId}`, false],
    // A tag is what a pod says: with a digest the runtime does not look at it.
    ['nginx:1.27*', `nginx@${imageId}`, false],
    ['nginx:1.27*', `nginx:1.28@${imageId}`, false]
  ]
  for (const [pattern, image, matches] of table) {
    t.equal(compileImages([pattern])?.matches(parseImage(image)), matches, `${pattern} ~ ${image}`)
  }
  t.equal(compileImages(undefined), undefined)
  t.end()
})

test('a rule on one repository is found by other spellings of its registry', (t) => {
  const repository = 'registry.example.com/shop/app'
  const pattern = { images: [repository, 'ghcr.io/a/b'] }
  const used = buildSnapshot({
    rules: [testRule('web', { ...pattern, profile: { name: 'checkout.app' } })],
    profiles: [testProfile('shop', 'checkout.app')]
  })
  for (const image of [
    repository,
    'Registry.Example.com/shop/app',
    'registry.example.com:443/shop/app',
    'registry.example.com:443/shop/app@sha256:aa',
    imageId
  ]) {
    const made = pod({ labels: {}, containers: [container({ image })] })
    t.equal(decide(used, made).decision, 'patched', image)
  }
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
  t.end()
})

test('a debug container with an image that a rule selects is confined, whatever its pod is', (t) => {
  const used = buildSnapshot({
    rules: [testRule('web', { images: ['nginx'], profile: { name: 'checkout.app' } })],
    profiles: [testProfile('shop', 'checkout.app')]
  })
  const unconfined = { type: 'Unconfined' }
  const table: [what: string, debug: Partial<ContainerFacts>, outcome: string | undefined][] = [
    ['without a filter', {}, 'runtime-default'],
    ['Unconfined', { seccomp: unconfined }, 'runtime-default'],
    ['a file', { seccomp: { type: 'Localhost', localhostProfile: 'mine' } }, 'runtime-default'],
    ['the image by its id', { image: imageId, seccomp: unconfined }, 'runtime-default'],
    ['another image', { image: 'busybox', seccomp: unconfined }, undefined],
    ['one that was there before', { existed: true, seccomp: unconfined }, undefined]
  ]
  for (const [what, change, outcome] of table) {
    const debug = container({ name: 'debug', kind: 'ephemeral', ...change })
    const debugged = pod({
      ...{ operation: 'UPDATE', subresource: 'ephemeralcontainers', labels: {} },
      containers: [container({ image: 'envoy' }), debug]
    })
    const decision = decide(used, debugged)
    t.equal(decision.decision, outcome === undefined ? 'unmatched' : 'patched', what)
    t.same(
      decision.containers.map((one) => one.outcome),
      outcome === undefined ? [] : [outcome],
      what
    )
  }
  t.end()
})

test('the image of one debug container selects no other one', (t) => {
  const used = buildSnapshot({
    rules: [testRule('web', { images: ['nginx'], profile: { name: 'checkout.app' } })],
    profiles: [testProfile('shop', 'checkout.app')]
  })
  const seccomp = { type: 'Unconfined' }
  const table: [image: string, outcomes: string[]][] = [
    ['envoy', ['runtime-default ephemeral', 'skipped no-rule']],
    ['nginx', ['runtime-default ephemeral', 'runtime-default ephemeral']]
  ]
  for (const [image, outcomes] of table) {
    const debugged = pod({
      ...{ operation: 'UPDATE', subresource: 'ephemeralcontainers', labels: {} },
      containers: [
        container({ image }),
        container({ name: 'a', kind: 'ephemeral', seccomp }),
        container({ name: 'b', kind: 'ephemeral', seccomp, image: 'busybox', index: 1 })
      ]
    })
    const { containers } = decide(used, debugged)
    const got = containers.map(({ outcome, reason }) => `${outcome} ${reason}`)
    t.same(got, outcomes, `in a pod of ${image}`)
  }
  t.end()
})
