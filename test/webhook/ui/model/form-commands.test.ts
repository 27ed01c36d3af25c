import { test } from 'tap'
import {
  commandParts,
  formCommand,
  type FormValues,
  placedCommand
} from '../../../../webhook/ui/model/form-commands.js'
import { unquotedWords } from '../../../../src/lib/shell-word.js'
import { seccoParser } from '../../../helpers/printed-commands.js'

const promote = { profile: 'shop/web', mode: 'audit', canary: 40, quietFor: '30m' }
const review = { profile: 'shop/web', all: 2, isStale: false }

test('the command beside a form does what the form has', async (t) => {
  // [what, kind, values, command]
  const table: [string, string, FormValues, string][] = [
    [
      'a share',
      'promote',
      promote,
      'secco promote shop/web audit --canary 40% --quiet-for 30m --reason WHY'
    ],
    [
      'all at once',
      'promote',
      { ...promote, canary: 100, mode: 'enforce' },
      'secco promote shop/web enforce --reason WHY'
    ],
    [
      'no share to begin with, by force',
      'promote',
      { ...promote, canary: undefined, force: true, reason: "it's known" },
      "secco promote shop/web audit --force --reason 'it'\\''s known'"
    ],
    [
      'back',
      'rollback',
      { profile: 'shop/web', reason: 'x' },
      'secco rollback shop/web --reason x'
    ],
    [
      'nothing to block yet',
      'block',
      {},
      'secco block socket:domain=AF_ALG --reason WHY --dry-run'
    ],
    ['no reason yet', 'block', { what: 'bpf' }, 'secco block bpf --reason WHY --dry-run'],
    [
      'a block',
      'block',
      { what: ' clone:0&0x10 ', reason: 'CVE 1' },
      "secco block 'clone:0&0x10' --reason 'CVE 1'"
    ],
    [
      'a call',
      'calls',
      { profile: 'shop/web', deny: ['bpf'], reason: 'why' },
      'secco profile call shop/web --deny bpf --reason why'
    ],
    ['no call', 'calls', { profile: 'shop/web', allow: [], deny: [] }, ''],
    [
      'everything observed',
      'approve',
      { ...review, allow: ['read', 'write'], deny: [] },
      'secco profile approve shop/web --reason WHY'
    ],
    [
      'a part of it',
      'approve',
      { ...review, allow: ['read'], reason: 'why' },
      'secco profile call shop/web --allow read --reason why'
    ],
    [
      'and a call that goes',
      'approve',
      { ...review, allow: ['read', 'write'], deny: ['bpf'], force: true },
      'secco profile call shop/web --allow read,write --deny bpf --force --reason WHY'
    ],
    ['nothing ticked', 'approve', { ...review, allow: [] }, ''],
    [
      'a stale approval',
      'approve',
      { ...review, all: 0, isStale: true },
      'secco profile approve shop/web --reason WHY'
    ],
    ['a part under a stale approval', 'approve', { ...review, isStale: true, allow: ['read'] }, ''],
    ['another form', 'x', {}, '']
  ]
  const parse = await seccoParser()
  for (const [what, kind, values, expected] of table) {
    const text = formCommand(kind, values)
    t.equal(text, expected, what)
    t.equal(commandParts(text).join(''), text, `${what}: parts`)
    if (text === '') continue
    const words = unquotedWords(text)
    t.equal(await parse(words?.slice(1) ?? []), undefined, `${what}: it parses as a shell reads it`)
  }
  const asked = placedCommand('secco block x --reason "| secco y"', '--state /a')
  t.equal(asked, 'secco --state /a block x --reason "| secco y"', 'a reason is no command')
})
