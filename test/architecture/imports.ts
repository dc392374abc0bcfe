/** The import graph of src/, read from the sources. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface SourceFile {
  /** Path below src with forward slashes. */
  readonly path: string
  readonly lines: number
  /** Files below src that it imports, statically, dynamically, or for types only. */
  readonly internal: readonly string[]
  readonly packages: readonly string[]
}

// `import(...)` inside a comment or in a type position (import('node:fs').Stats) is not an import at run time.
const STATIC = /^\s*(?:import|export)\s[^'"`;]*?from\s*'([^']+)'|^\s*import\s+'([^']+)'/gm
const DYNAMIC = /(?<!typeof )\bimport\(\s*'([^']+)'\s*\)(?!\.)/g

export function readSources(root: string): SourceFile[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && f.name.endsWith('.ts'))
    .map((f) => {
      const path = join(f.parentPath, f.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/')
      const text = readFileSync(join(root, path), 'utf8')
      const specifiers = importSpecifiers(text)
      const relative = specifiers.filter((s) => s.startsWith('.'))
      return {
        path,
        lines: text.split('\n').length - 1,
        internal: relative.map((s) =>
          normalize(join(dirname(path), s))
            .replaceAll('\\', '/')
            .replace(/\.js$/, '.ts'),
        ),
        packages: specifiers.filter((s) => !s.startsWith('.')),
      }
    })
}

export function importSpecifiers(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  return [...code.matchAll(STATIC), ...code.matchAll(DYNAMIC)].map((m) => m[1] ?? m[2])
}

/** Some cycle of imports, as the list of its files, or undefined. */
export function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>()
  const path: string[] = []
  const visit = (node: string): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node]
    if (finished.has(node)) return undefined
    path.push(node)
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next)
      if (cycle !== undefined) return cycle
    }
    path.pop()
    finished.add(node)
    return undefined
  }
  for (const node of edges.keys()) {
    const cycle = visit(node)
    if (cycle !== undefined) return cycle
  }
  return undefined
}
