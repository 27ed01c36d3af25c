import { test } from 'tap'
import { allowCommands, allowTexts } from '../../../webhook/views/allow-commands.js'

type Denial = Parameters<typeof allowCommands>[0][number]

const open = (hint: string): Denial => ({ state: 'open', hint })
const allow = (profile: string, call: string, before = 'allow it: '): Denial =>
  open(`${before}secco denials allow ${profile} ${call}`)

test('the denied calls of a profile are one command', (t) => {
  const risky = 'RuntimeDefault denies it too: find out why app needs it before you allow it: '
  const table: [what: string, denials: Denial[], commands: string[]][] = [
    ['none', [], []],
    ['one call has its own hint', [allow('shop/web', 'chmod')], []],
    ['one call on two nodes', [allow('shop/web', 'chmod'), allow('shop/web', 'chmod')], []],
    [
      'several calls, in order, each once',
      [
        allow('shop/web', 'mkdir'),
        allow('shop/web', 'chmod', 'enforce would deny it: '),
        allow('shop/web', 'bpf', risky),
        allow('shop/web', 'ptrace', 'reads other processes: check that it is needed, then: '),
        allow('shop/web', 'personality:persona=8'),
        allow('shop/web', 'chmod')
      ],
      ['secco denials allow shop/web bpf chmod mkdir personality:persona=8 ptrace']
    ],
    [
      'each profile has its own',
      [
        ...[allow('shop/web', 'a'), allow('shop/api', 'c'), allow('shop/web', 'b')],
        ...[allow('shop/api', 'd'), allow('shop/one', 'e')]
      ],
      ['secco denials allow shop/web a b', 'secco denials allow shop/api c d']
    ],
    [
      'a denial with another next step is in none',
      [
        allow('shop/web', 'a'),
        { ...allow('shop/web', 'b'), state: 'closed' },
        { ...allow('shop/web', 'c'), state: 'muted' },
        open('blocked in an emergency, in every profile: secco block d --remove'),
        open('new pods get web@1: secco denials allow shop/web e, then secco rollback shop/web'),
        allow('shop/web', 'f', 'secco profile approve shop/web --reason WHY, then: '),
        allow('shop/api', 'g', 'allow it: secco denials allow shop/web g or ')
      ],
      []
    ]
  ]
  for (const [what, denials, commands] of table)
    t.same(
      allowCommands(denials).map(({ command }) => command),
      commands,
      what
    )
  const many = Array.from({ length: 8 }, (_, at) =>
    ['x', 'y'].map((call) => allow(`shop/p${at}`, call))
  ).flat()
  t.equal(allowTexts(many).length, 5, 'the first five profiles')
  t.equal(
    allowTexts(many)[0],
    'see what allowing the 2 denied calls of shop/p0 changes: secco denials allow shop/p0 x y'
  )
  t.end()
})
