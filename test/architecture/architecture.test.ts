/** The arrows of the architecture: which folder may import which. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findCycle, importSpecifiers, readSources, type SourceFile } from './imports.js'

const MAX_LINES = 600

/** Folder of src -> the folders it may import besides itself and the leaves. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  cli: ['facade', 'train', 'compress', 'engine', 'pe', 'onnx', 'graph', 'format', 'kernels', 'wasm', 'patterns'],
  facade: ['train', 'compress', 'engine', 'pe', 'onnx', 'graph', 'format', 'kernels', 'wasm', 'patterns'],
  train: ['compress', 'graph', 'format', 'kernels', 'wasm', 'patterns'],
  compress: ['graph', 'format', 'kernels', 'wasm', 'patterns'],
  engine: ['graph', 'format', 'kernels', 'wasm', 'patterns'],
  pe: ['graph', 'format', 'kernels', 'wasm', 'patterns'],
  onnx: ['graph', 'format', 'kernels', 'wasm', 'patterns'],
  format: ['graph', 'kernels', 'wasm', 'patterns'],
  kernels: ['graph', 'wasm'],
  graph: ['patterns'],
  patterns: [],
  wasm: [],
  leaf: [],
}
const LEAVES = ['errors.ts', 'rng.ts', 'tensor.ts']
const FACADES = ['index.ts', 'compress.ts', 'format.ts', 'kernels.ts', 'node.ts', 'onnx.ts', 'patterns.ts', 'pe.ts']

function layerOf(path: string): string {
  if (LEAVES.includes(path)) return 'leaf'
  if (FACADES.includes(path)) return 'facade'
  return path.includes('/') ? path.split('/')[0] : `unknown top-level file ${path}`
}

/** Every import that goes against the arrows, as 'a.ts -> b.ts'. */
function wrongArrows(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const from = layerOf(file.path)
    return file.internal
      .filter((target) => {
        const to = layerOf(target)
        return to !== from && to !== 'leaf' && !(ALLOWED[from] ?? []).includes(to)
      })
      .map((target) => `${file.path} -> ${target}`)
  })
}

const files = readSources(fileURLToPath(new URL('../../src', import.meta.url)))

describe('architecture', () => {
  it('reads every form of import', () => {
    const text = `import { a } from './a.js'\nimport type { B } from './b.js'\nimport './c.js'\nexport * from './d.js'
      const e = () => import('./e.js')\nimport {\n  f,\n} from './f.js'\n// import './no.js'\n/* import './no.js' */`
    expect(importSpecifiers(text)).toEqual(['./a.js', './b.js', './c.js', './d.js', './f.js', './e.js'])
  })

  it('notices imports against the arrows', () => {
    const file = (path: string, ...internal: string[]): SourceFile => ({ path, internal, packages: [], lines: 1 })
    expect(wrongArrows([file('engine/a.ts', 'compress/b.ts')])).toEqual(['engine/a.ts -> compress/b.ts'])
    expect(wrongArrows([file('compress/a.ts', 'engine/b.ts')])).toEqual(['compress/a.ts -> engine/b.ts'])
    expect(wrongArrows([file('index.ts', 'cli/main.ts')])).toEqual(['index.ts -> cli/main.ts'])
    expect(wrongArrows([file('wasm/a.ts', 'errors.ts'), file('train/a.ts', 'compress/b.ts')])).toEqual([])
  })

  it('has sources in every folder that it knows from the design', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(files.map((f) => layerOf(f.path)).filter((layer) => !Object.hasOwn(ALLOWED, layer))).toEqual([])
  })

  it('imports along the arrows only', () => {
    expect(wrongArrows(files)).toEqual([])
  })

  it('has no import cycles', () => {
    expect(
      findCycle(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toEqual(['b', 'c', 'b'])
    expect(findCycle(new Map(files.map((f) => [f.path, f.internal])))).toBeUndefined()
  })

  it('imports only files that exist', () => {
    const known = new Set(files.map((f) => f.path))
    const generated = (path: string) => path.startsWith('wasm/embed/')
    expect(files.flatMap((f) => f.internal).filter((path) => !known.has(path) && !generated(path))).toEqual([])
  })

  it("uses Node's modules in the command line only, and packages only through vendor files", () => {
    const users = files.flatMap((f) => f.packages.map((name) => ({ path: f.path, name })))
    expect(users.filter((u) => u.name.startsWith('node:') && !u.path.startsWith('cli/'))).toEqual([])
    expect(users.filter((u) => !u.name.startsWith('node:') && !/^(cli|onnx)\/vendor\.ts$/.test(u.path))).toEqual([])
  })

  it(`keeps files within ${MAX_LINES} lines`, () => {
    expect(files.filter((f) => f.lines > MAX_LINES && !f.path.startsWith('wasm/embed/')).map((f) => f.path)).toEqual([])
  })
})
