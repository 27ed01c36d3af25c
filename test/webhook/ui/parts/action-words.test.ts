import { test } from 'tap'
import {
  actionOf,
  detailOf,
  isDryRun,
  resultWords
} from '../../../../webhook/ui/parts/action-words.js'

test('how an action ended: done, only asked, or rejected', (t) => {
  const table: [operation: string, body: unknown, status: number, words: string][] = [
    ['postBlock', { what: 'bpf', dryRun: true }, 200, 'dry run, nothing changed'],
    ['postBlock', { what: 'bpf', dryRun: false }, 200, 'done'],
    ['postBlock', { what: 'bpf', dryRun: true }, 403, 'rejected, 403'],
    ['postPromote', { profile: 'shop/web', dryRun: true }, 200, 'dry run, nothing changed'],
    ['postAllow', { profile: 'shop/web', syscall: 'mkdir' }, 200, 'dry run, nothing changed'],
    ['postAllow', { profile: 'shop/web', yes: false }, 200, 'dry run, nothing changed'],
    ['postAllow', { profile: 'shop/web', yes: true }, 200, 'done'],
    ['approveProfile', undefined, 200, 'done'],
    ['approveProfile', 'no object', 400, 'rejected, 400']
  ]
  for (const [operation, body, status, words] of table) {
    const dryRun = isDryRun(operation, body)
    t.equal(resultWords({ status, dryRun }), words, `${operation} ${JSON.stringify(body)}`)
  }
  t.end()
})

test('the reason alone is kept, without options', (t) => {
  t.equal(detailOf({ what: 'bpf', reason: 'CVE', dryRun: true, force: true }), 'CVE')
  const promote = { profile: 'shop/web', mode: 'enforce', quietFor: '10m', reason: 'quiet' }
  t.equal(detailOf(promote), 'to enforce: quiet')
  t.equal(detailOf({ ...promote, canary: 25 }), 'to enforce for 25% of new pods first: quiet')
  t.equal(detailOf({ ...promote, canary: 100 }), 'to enforce: quiet')
  t.equal(detailOf({ profile: 'shop/web', yes: false }), '')
  t.equal(detailOf({ syscall: 'mkdir', reason: 'logs', yes: true }), 'mkdir: logs')
  const files = ['a.json', 'b.json'].map((name) => ({ name, text: '{"syscalls":[]}' }))
  t.equal(detailOf({ namespace: 'shop', files }), 'namespace: shop, files: a.json, b.json')
  t.equal(detailOf({ add: ['shop/base'] }), 'add: shop/base')
  t.equal(detailOf({ spec: { mode: 'audit' } }), 'spec: {"mode":"audit"}')
  t.equal(detailOf({ what: 'bpf', remove: true, reason: 'fixed' }), 'fixed')
  t.equal(actionOf('postBlock', { what: 'bpf', remove: true }), 'postUnblock')
  t.equal(actionOf('postBlock', { what: 'bpf' }), 'postBlock')
  t.equal(actionOf('postPromote', { remove: true }), 'postPromote', 'it has no opposite')
  t.end()
})
