import { readdir, readFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { extname, join, relative, sep } from 'node:path'

interface File {
  readonly content: Buffer
  readonly type: string
  readonly caching: string
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
/** Names with the hash of their content, as bundlers make them, never mean anything else. */
const hashed = /-[A-Z0-9]{8}\.(js|css)$/
/** Everything comes from here but the WebSocket, which may go elsewhere. Angular writes style sheets into the page. */
const policy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Serves what is in a folder now: it is read once, so no request ever becomes a path. */
export async function serveFiles(folder: string): Promise<RequestListener> {
  const files = new Map<string, File>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const path = join(entry.parentPath, entry.name)
    const caching = hashed.test(entry.name) ? 'public, max-age=31536000, immutable' : 'no-cache'
    files.set(`/${relative(folder, path).split(sep).join('/')}`, { content: await readFile(path), type, caching })
  }
  return ({ method, url = '/' }, response) => {
    const path = url.split('?', 1)[0]!
    const file = files.get(path === '/' ? '/index.html' : path)
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
      return
    }
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n')
      return
    }
    response.writeHead(200, {
      'content-type': file.type,
      'content-length': file.content.length,
      'cache-control': file.caching,
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
    })
    response.end(method === 'HEAD' ? undefined : file.content)
  }
}
