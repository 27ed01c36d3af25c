import { test } from 'tap'
import { clearScreen, forTerminal, paint } from '../../../cli/lib/io.js'

test('a terminal gets no control that Secco did not write itself', (t) => {
  const red = paint({ color: true }, 'red', 'error:')
  const table: [text: string, expected: string][] = [
    ['plain\ttext\n', 'plain\ttext\n'],
    [`${red} x\n`, `${red} x\n`],
    [clearScreen, clearScreen],
    [`a name${clearScreen}`, 'a name\\u001b[2J\\u001b[H'],
    ['\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
    ['\u001b[8mhidden', '\\u001b[8mhidden'],
    ['\u009b31m\u007f\r', '\\u009b31m\\u007f\\u000d'],
    ['\u202ex\u2066', '\\u202ex\\u2066'],
    ['ü€😀', 'ü€😀']
  ]
  for (const [text, expected] of table) t.equal(forTerminal(text), expected)
  const object = { comm: '\u009b2J\u202e', other: '\u0000' }
  const shown = forTerminal(JSON.stringify(object))
  t.notMatch(shown, /[\u0080-\u009f\u202e]/)
  t.same(JSON.parse(shown), object, 'JSON means the same')
  t.end()
})
