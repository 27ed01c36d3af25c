import { test } from 'tap'
import { nodeOf, recorderOf, runOf } from '../../../src/api/instance-id.js'

test('a restart of Secco is no start of a container', (t) => {
  for (const [instance, expected] of [
    ['n1/boot/4026532.77.3', 'n1/boot/4026532.77'],
    ['n1/boot/4026532.77.4', 'n1/boot/4026532.77'],
    ['n1/boot/4026532.77.4.probe', 'n1/boot/4026532.77'],
    ['n1/boot/4026532.1.4.991', 'n1/boot/4026532.1.991'],
    ['n1/boot/4026532.1.4.991.session', 'n1/boot/4026532.1.991'],
    ['n1/boot+lx2ab/4026532.77.3', 'n1/boot/4026532.77'],
    ['n1/boot+lx2ab/4026532.77.3.probe', 'n1/boot/4026532.77'],
    ['a+1/boot/4026532.77.3', 'a+1/boot/4026532.77'],
    ['a+1/boot+lx2ab/4026532.77.3', 'a+1/boot/4026532.77'],
    ['n1/b/1', 'n1/b/1']
  ] as const) {
    t.equal(runOf(instance), expected, instance)
  }
  t.equal(recorderOf('a+1/boot+lx2ab/4026532.77.3.probe'), 'a+1/boot+lx2ab')
  t.equal(nodeOf('a+1/boot/4026532.77'), 'a+1')
  t.end()
})
