import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { script, style } from './gen/assets.js'

const icon = [
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">',
  '<path d="M10 1 18 4v6c0 5-3.6 7.9-8 9-4.400-1.100-8-4-8-9V4z" fill="#3451c7"/>',
  '<path d="M6 7.500h8M6 10.500h5M6 13.500h2" stroke="#fff" stroke-width="1.800"/></svg>'
].join('')

const tagOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)

const files = {
  style: { name: 'secco.css', text: style, type: 'text/css; charset=utf-8' },
  script: { name: 'secco.js', text: script, type: 'text/javascript; charset=utf-8' },
  icon: { name: 'icon.svg', text: icon, type: 'image/svg+xml' }
} as const

type Name = keyof typeof files

const pathOf = (name: Name) => `/assets/${files[name].name}?v=${tagOf(files[name].text)}`

/** Addresses that change with the content, so that a browser never shows a page with the styles of another version. */
export const assetPaths: Readonly<Record<Name, string>> = {
  style: pathOf('style'),
  script: pathOf('script'),
  icon: pathOf('icon')
}

/** Serves the files of the pages. They are the same for everybody, so they need no session. */
export function addAssets(app: FastifyInstance): void {
  for (const { name, text, type } of Object.values(files)) {
    const etag = `"${tagOf(text)}"`
    app.get(`/assets/${name}`, { config: { open: true } }, (request, reply) => {
      void reply.headers({ etag, 'cache-control': 'public, max-age=31536000, immutable' })
      if (request.headers['if-none-match'] === etag) return reply.code(304).send()
      return reply.type(type).send(text)
    })
  }
}
