/** What a session's `explain` returns, as a table for people. */
import type { LayerExplanation } from '../index.js'
import { duration, grouped, percent, plainTable } from './text.js'

const shape = (dims: readonly number[]) => dims.join('x')

/** INT2 for levels up to 1, INT3 up to 3, ... */
const widthOf = (maxLevel: number) => `INT${Math.log2(maxLevel + 1) + 1}`

/** A line for each layer, and below it why it runs as it does and what speaks against other kernels. */
export function explanationTable(layers: readonly LayerExplanation[]): string {
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
    l.maxLevel === undefined ? 'f32' : widthOf(l.maxLevel),
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
  return [head, ...layers.flatMap((layer, i) => [lines[i], ...reasonLines(layer)])].join('\n')
}

function reasonLines({ why, alternatives }: LayerExplanation): string[] {
  return [
    `    ${why}`,
    ...alternatives.map(({ kernel, ms, objection }) => `    not ${kernel} (${duration(ms)}): ${objection}`),
  ]
}
