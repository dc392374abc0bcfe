/** What gets published: no dependencies, no surprises in the tarball, small enough. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { seededModel } from '../browser/model.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json'))

describe('package.json', () => {
  it('has no dependencies of any kind at run time', () => {
    for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'bundledDependencies']) {
      expect(manifest[kind] ?? {}).toEqual({})
    }
  })

  it('pins its development tools exactly', () => {
    const loose = Object.entries(manifest.devDependencies).filter(
      ([, v]) => !/^\d+\.\d+\.\d+(-\d+)?$/.test(v as string),
    )
    expect(loose).toEqual([])
  })

  it('exports and bin lead to files of the build', () => {
    const targets = Object.values(manifest.exports).flatMap((e) =>
      typeof e === 'string' ? [e] : Object.values(e as object),
    )
    const missing = [...targets, ...Object.values(manifest.bin)].filter(
      (path) => !existsSync(join(root, path as string)),
    )
    expect(missing).toEqual([])
  })

  it('names types before code in every export', () => {
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry !== 'string') expect(Object.keys(entry as object)).toEqual(['types', 'default'])
    }
  })

  it('can be imported by its own name, every entry', async () => {
    const entries = Object.keys(manifest.exports).filter((e) => e !== './package.json')
    const script = entries.map((e) => `await import('${`whitedwarf${e.slice(1)}`}')`).join(';')
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root })
  })
})

describe('package-lock.json', () => {
  it('has an entry for every optional platform package, without which npm ci refuses it', () => {
    const packages: Record<string, { version: string; optionalDependencies?: Record<string, string> }> = JSON.parse(
      read('package-lock.json'),
    ).packages
    // As Node resolves: beside the package first, then beside each package around it.
    const places = (path: string, name: string): string[] => {
      const place = path === '' ? `node_modules/${name}` : `${path}/node_modules/${name}`
      return path === ''
        ? [place]
        : [place, ...places(path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))), name)]
    }
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.entries(optionalDependencies)
        .filter(([name, version]) => {
          const entry = places(path, name)
            .map((place) => packages[place])
            .find((found) => found !== undefined)
          return entry === undefined || (/^\d/.test(version) && entry.version !== version)
        })
        .map(([name, version]) => `${path}: ${name}@${version}`),
    )
    expect(missing).toEqual([])
  })
})

describe('data/mnist', () => {
  it('holds the files whose sums its README states', () => {
    const sums = [...read('data/mnist/README.md').matchAll(/^\| (\S+-ubyte) \| ([0-9a-f]{32}) \|$/gm)]
    expect(sums).toHaveLength(4)
    for (const [, name, md5] of sums) {
      const raw = gunzipSync(readFileSync(join(root, `data/mnist/${name}.gz`)))
      expect([name, createHash('md5').update(raw).digest('hex')]).toEqual([name, md5])
    }
  })
})

describe('npm pack', () => {
  const [tarball] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  const paths: string[] = tarball.files.map((f: { path: string }) => f.path)

  it('holds the build, the documents and the licences, and nothing else', () => {
    const expected =
      /^(dist\/.*\.(js|d\.ts)|dist\/(cli|onnx)\/THIRD-PARTY-LICENSES\.txt|docs\/.*\.(md|svg)|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/
    expect(paths.filter((path) => !expected.test(path))).toEqual([])
    for (const path of [
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'dist/index.js',
      'dist/cli/main.js',
      'dist/cli/THIRD-PARTY-LICENSES.txt',
    ]) {
      expect(paths).toContain(path)
    }
  })

  it('stays within its size', () => {
    expect(tarball.size).toBeLessThan(850_000)
  })

  it('mentions no Node module outside the command line', () => {
    const users = paths.filter(
      (path) => /^dist\/(?!cli\/).*\.js$/.test(path) && /from 'node:|import\('node:/.test(read(path)),
    )
    expect(users).toEqual([])
  })
})

describe('licences', () => {
  it('is under the Apache License 2.0', () => {
    expect(manifest.license).toBe('Apache-2.0')
    expect(read('LICENSE')).toMatch(/Apache License\s+Version 2\.0, January 2004/)
  })

  it('names every package bundled into the command line', () => {
    const text = read('dist/cli/THIRD-PARTY-LICENSES.txt')
    for (const name of ['@clack/prompts', '@clack/core', 'sisteransi', 'asciichart']) expect(text).toContain(`${name} `)
    expect(read('dist/cli/vendor.js')).not.toMatch(/from ["'](?!node:)/)
  })

  it('names every package bundled into the ONNX entry', () => {
    const text = read('dist/onnx/THIRD-PARTY-LICENSES.txt')
    for (const name of ['@bufbuild/protobuf', 'onnx-buf']) expect(text).toContain(`${name} `)
    expect(read('dist/onnx/vendor.js')).not.toMatch(/from ["']/)
  })
})

describe('wasm', () => {
  it.each(['simd', 'relaxed', 'train'])('%s is at most 36 kB', (name) => {
    expect(readFileSync(join(root, `build/wasm/${name}.wasm`)).length).toBeLessThanOrEqual(36_000)
  })
})

describe('README', () => {
  const readme = read('README.md')
  const claims = JSON.parse(
    execFileSync(process.execPath, ['build/bench/claim.js', '--json'], { cwd: root, encoding: 'utf8' }),
  )
  const known: string[] = claims.map((c: { name: string }) => c.name)

  it('quotes only claims that exist', () => {
    const tables = [...readme.matchAll(/<!-- claims: ([a-z0-9 -]+?) -->/g)].flatMap((m) => m[1].split(' '))
    const quoted = [...tables, ...[...readme.matchAll(/claim -- ([a-z0-9-]+)/g)].map((m) => m[1])]
    expect(tables.length).toBeGreaterThan(0)
    expect(quoted.filter((name) => !known.includes(name))).toEqual([])
  })

  it('is up to date with the recorded results', () => {
    execFileSync(process.execPath, ['scripts/readme.mjs', '--check'], { cwd: root, stdio: 'pipe' })
  })

  it('has an example that runs as it stands', () => {
    const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] as string
    expect(example).toContain("'models/mnist-lenet.wd'")
    const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-readme-'))
    try {
      const model = join(folder, 'model.wd')
      writeFileSync(model, seededModel())
      const script = example.replace('models/mnist-lenet.wd', model)
      const program = `const pixels = new Uint8Array(784).fill(9)\n${script}\nconsole.log(digit)`
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
        cwd: root,
        encoding: 'utf8',
      })
      expect(Number(output)).toBeGreaterThanOrEqual(0)
      expect(Number(output)).toBeLessThan(10)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('shows the two commands', () => {
    expect(readme).toContain('npm ci && npm run demo')
    expect(readme).toContain('npm ci && npm test')
    expect(read('.ci/run')).toContain('npm ci && npm test')
  })

  it('has recorded results only for claims that exist, each with its figures', () => {
    for (const file of readdirSync(join(root, 'bench/results')).filter((f) => f.endsWith('.json'))) {
      const result = JSON.parse(read(`bench/results/${file}`))
      expect(known).toContain(result.name)
      expect(`${result.name}.json`).toBe(file)
      expect(typeof result.value).toBe('number')
      expect(result.machine.runtime).toMatch(/^Node /)
    }
  })

  it('links only to files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((m) => m[1])
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})
