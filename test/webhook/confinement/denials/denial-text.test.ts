import { test } from 'tap'
import { foreignName, withOptionsInText } from '../../../../src/lib/printed-commands.js'
import { denialSentence } from '../../../../webhook/confinement/denials/denial-text.js'
import type { DenialView } from '../../../../webhook/confinement/denials/denial-views.js'

const at = '2026-11-28T12:00:00.000Z'
const view = {
  ...{ comm: 'app', pid: 7, containerName: 'web', node: 'n1', syscall: 'getsid', arguments: '' },
  ...{ signal: '', action: 'SCMP_ACT_ERRNO', errno: 1, count: 2, at, hint: 'allow it' }
} as DenialView

test('a sentence about a denial names what is known of its caller, and nothing else', (t) => {
  const table: [string, Partial<DenialView>, string][] = [
    ['name and pid', {}, 'app (pid 7) in web on n1 called getsid and got EPERM, 2 times, '],
    ['after a restart of the hub', { pid: 0 }, 'app in web on n1 called getsid and got EPERM'],
    ['nothing', { comm: '', pid: 0 }, 'A process in web on n1 called getsid and got EPERM'],
    [
      'the pod',
      { pod: 'web-1' },
      'app (pid 7) in container web of pod web-1 on n1 called getsid and got EPERM'
    ],
    [
      'audit',
      { action: 'SCMP_ACT_LOG', errno: 0 },
      'app (pid 7) in web on n1 called getsid and was'
    ],
    [
      'a signal',
      { signal: 'SIGSYS' },
      'app (pid 7) in web on n1 called getsid and was ended by SIG'
    ],
    [
      'arguments that decided',
      { syscall: 'socket', call: 'socket:domain=AF_ALG', arguments: '0x26' },
      'app (pid 7) in web on n1 called socket:domain=AF_ALG and got'
    ],
    [
      'further values, which are not kept',
      { syscall: 'socket', call: 'socket', arguments: '?' },
      'app (pid 7) in web on n1 called socket (other arguments) and got'
    ],
    [
      'arguments that decide nothing',
      { arguments: '0x1' },
      'app (pid 7) in web on n1 called getsid and got'
    ]
  ]
  for (const [what, change, beginning] of table) {
    const sentence = denialSentence({ ...view, ...change })
    t.equal(sentence.slice(0, beginning.length), beginning, what)
    t.ok(sentence.endsWith(`last at ${at}. allow it.`), what)
  }
  t.end()
})

test('no full stop touches a command', (t) => {
  const endOf = (hint: string) => denialSentence({ ...view, hint }).split(`last at ${at}. `)[1]
  const table: [string, string][] = [
    [
      'allow it: secco denials allow shop/web chmod',
      'allow it: secco denials allow shop/web chmod'
    ],
    [
      'restart it: kubectl rollout restart deployment/web',
      'restart it: kubectl rollout restart deployment/web'
    ],
    ['list them with `secco ps`', 'list them with `secco ps`.'],
    ['denied on purpose: libc has an alternative', 'denied on purpose: libc has an alternative.']
  ]
  for (const [hint, expected] of table) t.equal(endOf(hint), expected)
  t.end()
})

test('a process whose name is a command gets no options of the installation', (t) => {
  const options = { secco: '--state /s', kubectl: '--context c' }
  for (const comm of ['secco uninstall', 'kubectl delete', '(secco uninstall']) {
    const sentence = denialSentence({ ...view, comm, hint: 'list them with `secco ps`' })
    const printed = withOptionsInText(sentence, options)
    t.equal(printed, sentence.replace('secco ps', 'secco --state /s ps'), comm)
    t.match(printed, comm.replace(' ', '\\x20'), 'the name can still be read')
  }
  for (const comm of ['secco', 'kubectl', '(secco', 'my kubectl'])
    for (const words of ['needs it', '--state is given'])
      t.equal(
        withOptionsInText(`${foreignName(comm)} ${words}`, options),
        `"${comm}" ${words}`,
        'a name alone is no command, whatever follows it'
      )
  t.equal(foreignName('seccomp'), 'seccomp')
  t.end()
})
