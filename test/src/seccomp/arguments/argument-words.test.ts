import { test } from 'tap'
import { argumentWord } from '../../../../src/seccomp/arguments/argument-words.js'
import { parseAllow } from '../../../../src/seccomp/review/allow.js'

test('an argument has the words in which people write it', (t) => {
  const table: [syscall: string, index: number, value: bigint, expected: string][] = [
    ['socket', 0, 38n, 'domain=AF_ALG'],
    ['socket', 0, 26n, 'domain=26'],
    ['socket', 1, 1n, 'type=1'],
    ['socketpair', 0, 1n, 'domain=AF_UNIX'],
    ['personality', 0, 0x20000n, 'persona=0x20000'],
    ['ioctl', 1, 0x5412n, 'request=0x5412'],
    ['clone', 0, 0x10000000n, 'flags=0x10000000'],
    ['keyctl', 0, 5n, '0=5'],
    ['setns', 1, 2n ** 53n - 1n, 'nstype=0x1fffffffffffff']
  ]
  for (const [syscall, index, value, expected] of table) {
    t.equal(argumentWord(syscall, index, value), expected)
    const { args = [] } = parseAllow(`${syscall}:${expected}`)
    t.same(
      args.map((one) => [one.index, BigInt(one.value)]),
      [[index, value]],
      `${expected} can be written`
    )
  }
  t.end()
})
