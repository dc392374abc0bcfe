/** A file server for the browser tests: a few folders, some generated files, one content security policy. */
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

export interface TestServer {
  readonly origin: string
  /** Paths answered with 404. */
  readonly missing: string[]
  close(): Promise<void>
}

export interface ServerContent {
  /** URL prefix (like '/dist/') -> folder. */
  readonly folders: Readonly<Record<string, string>>
  /** URL path -> content. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Value of script-src besides 'self'; a page asked for with ?strict gets none. */
  readonly scriptSource: string
}

export async function startServer(content: ServerContent): Promise<TestServer> {
  const missing: string[] = []
  const server: Server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/favicon.ico') {
      response.writeHead(204).end()
      return
    }
    const extra = url.searchParams.has('strict') ? '' : ` ${content.scriptSource}`
    const headers = {
      'content-type': TYPES[extname(url.pathname)] ?? 'application/octet-stream',
      'content-security-policy': `default-src 'self'; script-src 'self'${extra}`,
      'cache-control': 'no-store',
      // A page asked for with ?isolated is cross-origin isolated, and so are the workers it starts.
      'cross-origin-embedder-policy': 'require-corp',
      ...(url.searchParams.has('isolated') && { 'cross-origin-opener-policy': 'same-origin' }),
    }
    const body = await find(content, url.pathname).catch(() => undefined)
    if (body === undefined) missing.push(url.pathname)
    response.writeHead(body === undefined ? 404 : 200, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    missing,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function find(content: ServerContent, path: string): Promise<Uint8Array> {
  const file = content.files.get(path)
  if (file !== undefined) return file
  const prefix = Object.keys(content.folders).find((p) => path.startsWith(p))
  if (prefix === undefined || normalize(path) !== path) throw new Error('not found')
  return readFile(join(content.folders[prefix], path.slice(prefix.length)))
}
