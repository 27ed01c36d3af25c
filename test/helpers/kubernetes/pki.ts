import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { createAuthority } from '../../../certs/authority.js'
import type { SigningPair } from '../../../certs/pair.js'

/** Paths of a certificate and its key. */
export interface PairPaths {
  cert: string
  key: string
}

/** One authority and everything it signs for a cluster, as files in one folder. */
export interface Pki {
  caPem: string
  caPath: string
  authority: SigningPair
  /** The API server's own, and service accounts' key. */
  serving: PairPaths
  serviceAccount: { key: string; pub: string }
  /** Signs a client (and, with `names`, a server) and writes its files. */
  issue(file: string, who: Subject): Promise<PairPaths>
}

interface Subject {
  commonName: string
  organization?: string
  /** Names and addresses of a server. */
  names?: readonly string[]
}

const day = 86_400_000

async function sign(authority: SigningPair, who: Subject): Promise<SigningPair> {
  const names = who.names ?? []
  const made = await generate(
    [
      { name: 'commonName', value: who.commonName },
      ...(who.organization === undefined
        ? []
        : [{ name: 'organizationName', value: who.organization }])
    ],
    {
      keyType: 'ec',
      curve: 'P-256',
      algorithm: 'sha256',
      notBeforeDate: new Date(Date.now() - 60_000),
      notAfterDate: new Date(Date.now() + 30 * day),
      ca: authority,
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        {
          name: 'extKeyUsage',
          clientAuth: true,
          ...(names.length > 0 ? { serverAuth: true } : {})
        },
        ...(names.length === 0
          ? []
          : [
              {
                name: 'subjectAltName' as const,
                altNames: names.map((name) =>
                  isIP(name) === 0
                    ? { type: 2 as const, value: name }
                    : { type: 7 as const, ip: name }
                )
              }
            ])
      ]
    }
  )
  return { cert: made.cert, key: made.private }
}

/** Makes the authority, the API server's certificate for these names, and the service accounts' keys. */
export async function makePki(folder: string, serverNames: readonly string[]): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const authority = await createAuthority(new Date())
  async function issue(file: string, who: Subject): Promise<PairPaths> {
    const pair = await sign(authority, who)
    const paths = { cert: join(folder, `${file}.crt`), key: join(folder, `${file}.key`) }
    await writeFile(paths.cert, pair.cert)
    await writeFile(paths.key, pair.key, { mode: 0o600 })
    return paths
  }
  const caPath = join(folder, 'ca.crt')
  await writeFile(caPath, authority.cert)
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' }
  })
  const serviceAccount = { key: join(folder, 'sa.key'), pub: join(folder, 'sa.pub') }
  await writeFile(serviceAccount.key, privateKey, { mode: 0o600 })
  await writeFile(serviceAccount.pub, publicKey)
  const serving = await issue('apiserver', { commonName: 'kube-apiserver', names: serverNames })
  return { caPem: authority.cert, caPath, authority, serving, serviceAccount, issue }
}
