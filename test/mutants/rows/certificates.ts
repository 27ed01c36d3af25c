import { mutants } from '../mutant.js'

const plan = 'certs/plan'
const certs = 'certs/certs'

export const certificates = mutants('certificates', [
  [
    'announced-first',
    'An authority signs only after every client had time to trust it.',
    'certs/plan.ts',
    'passed(material.announcedAt, now) >= settleMs',
    'passed(material.announcedAt, now) >= 0',
    plan
  ],
  [
    'trusted-first',
    'An authority signs only after the API server trusts it.',
    'certs/plan.ts',
    'material.next !== undefined && trusted && passed',
    'material.next !== undefined && passed',
    plan
  ],
  [
    'old-authority-stays',
    'An old authority stays trusted for its overlap.',
    'certs/plan.ts',
    'passed(material.changedAt, now) >= overlapMs',
    'passed(material.changedAt, now) >= 0',
    plan
  ],
  [
    'leaf-in-time',
    'A certificate is renewed with a third of its lifetime left.',
    'certs/plan.ts',
    'lifetimeLeft(certificate, now) >= renewAt &&',
    'lifetimeLeft(certificate, now) >= 0 &&',
    plan
  ],
  [
    'leaf-of-the-authority',
    'A certificate of another authority is replaced.',
    'certs/plan.ts',
    "isSignedBy(certificate, current.cert, 'the serving certificate')",
    'current.cert !== ""',
    plan
  ],
  [
    'expired-authority',
    'An expired authority is not in the bundle.',
    'certs/plan.ts',
    '.filter((pem) => left(pem, now) > 0)',
    '',
    plan
  ],
  [
    'key-of-the-certificate',
    'A key that does not belong to the certificate is rejected.',
    'certs/pair.ts',
    'if (!certificate.checkPrivateKey(key)) {',
    'if (certificate.raw.length === 0) {',
    certs
  ],
  [
    'bundle-of-the-pair',
    'A pair on disk that the bundle did not sign is not used.',
    'certs/reload.ts',
    'if (!isSignedBy(certificate, pair.ca, paths.ca)) {',
    'if (pair.ca === "") {',
    certs
  ]
])
