import { test } from 'tap'
import { parseBody } from '../../../webhook/admission/parse-body.js'
import { readReview } from '../../../webhook/admission/review.js'
import { firstFault, hostileText } from '../../helpers/hostile-text.js'

const review = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    ...{ uid: 'u', operation: 'CREATE', namespace: 'shop', userInfo: { username: 'a' } },
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    object: {
      metadata: { name: 'a', labels: { app: 'web' }, managedFields: [{ a: '<&>' }] },
      spec: {
        containers: [{ name: 'app', image: 'nginx', env: [{ name: 'A', value: '\\u00e9' }] }]
      }
    }
  }
})

test('any bytes as a review', (t) => {
  const read = (text: string) => readReview(parseBody(Buffer.from(text)))
  t.doesNotThrow(() => read(review), 'the sample itself')
  t.equal(firstFault(hostileText([review]), read), undefined)
  t.end()
})
