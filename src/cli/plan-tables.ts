/** What a session's `explain` and `profile` return, as tables for people. */
import type { LayerExplanation, ProfileEntry } from '../index.js'
import { duration, grouped, percent, plainTable } from './text.js'

const shape = (dims: readonly number[]) => dims.join('x')

const WIDTHS: Readonly<Record<number, string>> = { 1: 'INT2', 3: 'INT3', 7: 'INT4', 127: 'INT8' }

/** A line for each layer; with `reasons`, lines below it that say why it runs as it does and what speaks against other kernels. */
export function explanationTable(layers: readonly LayerExplanation[], reasons: boolean): string {
  const measured = layers.some((l) => l.measured !== undefined)
  const header = [
    'layer',
    'op',
    'input',
    'output',
    'weights',
    'levels',
    'non-zero',
    'kernel',
    '|sum| <=',
    'of',
    'bytes',
  ]
  const rows = layers.map((l) => [
    l.name,
    l.op,
    shape(l.input),
    shape(l.output),
    shape(l.shape),
    l.maxLevel === undefined ? 'f32' : WIDTHS[l.maxLevel],
    percent(l.density, 1),
    l.kernel,
    l.bound === undefined ? '-' : grouped(l.bound),
    l.capacity === undefined ? '-' : grouped(l.capacity),
    grouped(l.bytes),
    duration(l.estimatedMs),
    ...(measured ? [l.measured === undefined ? '-' : duration(l.measured.ms)] : []),
  ])
  const right = Array.from({ length: 7 }, (_, i) => i + 8)
  const [head, ...lines] = plainTable(
    [[...header, 'estimated', ...(measured ? ['measured'] : [])], ...rows],
    [6, ...right],
  ).split('\n')
  if (!reasons) return [head, ...lines].join('\n')
  return [head, ...layers.flatMap((layer, i) => [lines[i], ...reasonLines(layer)])].join('\n')
}

function reasonLines({ why, alternatives }: LayerExplanation): string[] {
  return [
    `    ${why}`,
    ...alternatives.map(({ kernel, ms, objection }) => `    not ${kernel} (${duration(ms)}): ${objection}`),
  ]
}

/** A line for each operation, then one for each of its kernels where there are several. */
export function profileTable(entries: readonly ProfileEntry[]): string {
  const total = entries.reduce((sum, e) => sum + e.ms, 0)
  const line = (name: string, kernel: string, kind: string, calls: number, ms: number, gmacs?: number) => [
    name,
    kernel,
    kind,
    `${calls}`,
    duration(ms),
    percent(total > 0 ? ms / total : 0, 1),
    gmacs === undefined ? '' : gmacs.toFixed(1),
  ]
  const rows = entries.flatMap(({ op, parts, ms, gmacs }) => {
    const [first, ...others] = parts
    if (others.length === 0) return [line(op, first.kernel, first.kind, first.calls, ms, gmacs)]
    const calls = parts.reduce((sum, p) => sum + p.calls, 0)
    return [line(op, '', '', calls, ms, gmacs), ...parts.map((p) => line('', p.kernel, p.kind, p.calls, p.ms))]
  })
  const header = ['operation', 'kernel', 'kind', 'calls', 'time', 'share', 'G MAC/s']
  return plainTable([header, ...rows, ['total', '', '', '', duration(total), '', '']], [3, 4, 5, 6])
}
