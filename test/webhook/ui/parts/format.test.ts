import { t, test } from 'tap'
import { ageText, countText, shortDigest } from '../../../../webhook/ui/parts/format.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('numbers, ages and digests as people read them', (t) => {
  t.equal(countText(9_999), '9\u202f999')
  t.equal(countText(182_400), '182 k')
  t.equal(countText(1_800_000), '1.8 M')
  t.equal(ageText(500), '0 s')
  t.equal(ageText(185_000), '3 min')
  t.equal(ageText(26 * 3_600_000), '1 d')
  t.equal(shortDigest(`sha256:9f3c${'0'.repeat(58)}a1`), '9f3c…a1')
  t.end()
})
