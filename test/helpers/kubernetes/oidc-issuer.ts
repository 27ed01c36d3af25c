import { createSign, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { makePki } from './pki.js'

/** OidcIssuer is an OpenID Connect provider that knows everybody by the name they ask for. */
interface OidcIssuer {
  /** Further arguments of a kube-apiserver that believes it: users have the names in their tokens. */
  flags: string[]
  tokenOf(user: string): string
  close(): void
}

const audience = 'secco'
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Starts one on a loopback port, with a certificate and keys of its own in the folder. */
export async function startOidcIssuer(folder: string): Promise<OidcIssuer> {
  const { serving, caPath } = await makePki(folder, ['127.0.0.1'])
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }]
  const [cert, key] = await Promise.all([readFile(serving.cert), readFile(serving.key)])
  const server = createServer({ cert, key }, (request, response) => {
    const algorithms = { id_token_signing_alg_values_supported: ['RS256'] }
    const discovery = { issuer, jwks_uri: `${issuer}/keys`, ...algorithms }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.url === '/keys' ? { keys } : discovery))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    flags: [
      ...[
        `--oidc-issuer-url=${issuer}`,
        `--oidc-client-id=${audience}`,
        `--oidc-ca-file=${caPath}`
      ],
      ...['--oidc-username-claim=sub', '--oidc-username-prefix=-']
    ],
    tokenOf(user) {
      const seconds = Math.floor(Date.now() / 1000)
      const claims = { iss: issuer, aud: audience, sub: user, iat: seconds, exp: seconds + 3600 }
      const signed = `${encoded({ alg: 'RS256', kid: 'one' })}.${encoded(claims)}`
      return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
    },
    close() {
      server.close()
      server.closeAllConnections()
    }
  }
}
