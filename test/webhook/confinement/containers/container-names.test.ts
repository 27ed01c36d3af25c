import { test } from 'tap'
import {
  isNamed,
  type Nameable,
  notRunning,
  placeOf
} from '../../../../webhook/confinement/containers/container-names.js'

const id = 'f00dfeed'.repeat(8)
const inPod: Nameable = {
  ...{ id, name: 'app', namespace: 'shop', pod: 'web-5d9-x1', workload: 'Deployment/web' }
}
const plain: Nameable = {
  ...{ id: 'redis', name: 'redis', namespace: 'default', pod: '', workload: 'Container/redis' }
}

test('the names that mean a container', (t) => {
  for (const [what, one, name, namespace, wanted] of [
    ['its name', inPod, 'app', undefined, true],
    ['its pod', inPod, 'web-5d9-x1', undefined, true],
    ['its pod, there', inPod, 'web-5d9-x1', 'shop', true],
    ['its pod, elsewhere', inPod, 'web-5d9-x1', 'prod', false],
    ['namespace/pod', inPod, 'shop/web-5d9-x1', undefined, true],
    ['namespace/pod, whatever -n says', inPod, 'shop/web-5d9-x1', 'prod', true],
    ['another namespace/pod', inPod, 'prod/web-5d9-x1', undefined, false],
    ['pod/NAME', inPod, 'pod/web-5d9-x1', undefined, true],
    ['pod/NAME, there', inPod, 'pod/web-5d9-x1', 'shop', true],
    ['pod/NAME, elsewhere', inPod, 'pod/web-5d9-x1', 'prod', false],
    ['pod/ and the name of a container', inPod, 'pod/app', undefined, false],
    ['a namespace of that name', { ...inPod, namespace: 'pod' }, 'pod/app', undefined, true],
    ['its workload', inPod, 'web', undefined, true],
    ['the kind of its workload', inPod, 'Deployment', undefined, false],
    ['its id', inPod, id, undefined, true],
    ['the beginning of its id', inPod, id.slice(0, 8), undefined, true],
    ['too little of its id', inPod, id.slice(0, 7), undefined, false],
    ['the end of its id', inPod, id.slice(1), undefined, false],
    ['one without a pod', plain, 'redis', undefined, true],
    ['nothing', plain, '', undefined, false],
    ['a namespace alone', plain, 'default/', undefined, false],
    ['another', plain, 'redi', undefined, false]
  ] as const) {
    t.equal(isNamed(name, namespace)(one), wanted, what)
  }
  t.end()
})

test('an error about a container that does not run has a command', (t) => {
  const whole = { namespace: undefined, missingNodes: 0, hasDenials: true }
  t.match(notRunning('web', whole), {
    ...{ code: 'CONTAINER_NOT_FOUND', message: /^web: no running container has this name$/ },
    hint: /secco ps -A.*`secco why-eperm web`$/
  })
  t.match(notRunning('web', { ...whole, missingNodes: 2 }), {
    message:
      /^web: no known container has this name, and 2 nodes have not reported what runs there$/
  })
  const without = notRunning('web', { ...whole, namespace: 'shop', hasDenials: false })
  t.match(without.message, /name, and no denial of an ended one is known$/)
  t.match(without.hint, /: `secco history web -n shop`$/)
  t.notMatch(without.hint, /why-eperm/, 'it would lead to the same error')
  // [name, namespace, where to look]
  const table: [string, string | undefined, string][] = [
    ['web', undefined, '-A'],
    ['web', 'shop', '-n shop'],
    ['shop/web', undefined, '-n shop'],
    ['shop/web', 'bank', '-n shop'],
    ['pod/web', 'shop', '-n shop'],
    ['pod/web', undefined, '-A'],
    ["o'shop/web", undefined, '-A']
  ]
  for (const [name, namespace, place] of table) {
    t.equal(placeOf(name, namespace), place, name)
    const { hint } = notRunning(name, { ...whole, namespace })
    t.match(hint, `\`secco ps ${place} -o wide\``)
  }
  t.end()
})
