import { test } from 'tap'
import { newestAnswer } from '../../../../webhook/ui/browser/newest-answer.js'

test('an older answer that comes later is not shown, nor one while the newest question is open', async (t) => {
  const open = new Map<string, (answer: number) => void>()
  const shown: (number | undefined)[] = []
  const ask = newestAnswer(
    (question: string) => new Promise<number>((resolve) => open.set(question, resolve)),
    (answer) => shown.push(answer)
  )
  const first = ask('read')
  open.get('read')?.(1)
  await first
  const second = ask('read, mount')
  const third = ask('read, write')
  open.get('read, write')?.(3)
  await third
  open.get('read, mount')?.(2)
  await second
  t.same(shown, [undefined, 1, undefined, undefined, 3])
})
