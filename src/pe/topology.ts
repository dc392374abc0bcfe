/**
 * Layer tables of SCALE-Sim, as its users exchange them. A row is a convolution or a product of matrices:
 *
 *   name, input height, width, kernel height, width, channels, filters, stride [, stride along the width] [, N:M]
 *   name, M, N, K [, N:M]
 *
 * Between cells stand commas, or tabs. Blank rows, rows of separators, comments behind # or //, a first row of words, and cells behind those
 * above are passed over; words M, N, K in the first row may be in another order.
 */
import { WhiteDwarfError } from '../errors.js'
import { ceilDiv } from './units.js'
import { checkOptions, densityOf, type PeLayer, type Workload, type WorkloadOptions } from './workload.js'

export interface TopologyOptions extends Omit<WorkloadOptions, 'pooling'> {
  /** Zeros around the inputs: none, as SCALE-Sim has it, or as many as keep ceil(size / stride) outputs. Default 'none'. */
  readonly padding?: 'none' | 'same'
}

interface Row {
  /** From 1. */
  readonly line: number
  readonly cells: readonly string[]
}

const MOST = 2 ** 24
const RATIO = /^(\d+):(\d+)$/

/** @throws WhiteDwarfError E_FORMAT with the number of the line; E_OPTION */
export function topologyWorkload(text: string, options: TopologyOptions = {}): Workload {
  const { name = 'topology', batch = 1, padding = 'none' } = options
  checkOptions(options, batch)
  if (padding !== 'none' && padding !== 'same') {
    throw new WhiteDwarfError('E_OPTION', `workload.padding must be 'none' or 'same', got ${String(padding)}`)
  }
  const rows = rowsOf(text)
  const words = rows.length > 0 && isHeader(rows[0]) ? rows[0] : undefined
  const order = productOrder(words)
  const layers = rows.slice(words === undefined ? 0 : 1).map((row) => layerOf(row, options, batch, padding, order))
  if (layers.length === 0) throw new WhiteDwarfError('E_FORMAT', 'the topology has no row with a layer in it')
  return { name, layers }
}

function rowsOf(text: string): Row[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n?|\n/)
    .map((raw, i) => {
      const content = raw.replace(/(#|\/\/).*$/, '')
      const cells = content.split(content.includes(',') ? ',' : '\t').map((cell) => cell.trim())
      while (cells.at(-1) === '') cells.pop()
      return { line: i + 1, cells }
    })
    .filter(({ cells }) => cells.length > 0)
}

/** Words where a layer has its sizes. */
const isHeader = ({ cells }: Row): boolean => cells.length > 1 && cells.slice(1, 4).every((cell) => /[a-z]/i.test(cell))

/** In which of the three columns M, N and K are. */
function productOrder(words: Row | undefined): readonly number[] {
  const named = (words?.cells.slice(1, 4) ?? []).map((word) => word.toLowerCase())
  const order = ['m', 'n', 'k'].map((name) => named.indexOf(name))
  return order.includes(-1) ? [0, 1, 2] : order
}

function layerOf(
  row: Row,
  options: TopologyOptions,
  batch: number,
  padding: 'none' | 'same',
  order: readonly number[],
): PeLayer {
  const [name, ...cells] = row.cells
  const end = cells.findIndex((cell) => !/^[+-]?[\d.]/.test(cell) || RATIO.test(cell))
  const given = end < 0 ? cells.length : end
  if (name === '') refuse(row, 'a layer needs a name in its first cell')
  if (given < 3 || (given > 3 && given < 7)) {
    refuse(row, `a layer has 3 numbers (M, N, K) or 7 (a convolution) behind its name, got ${given}`)
  }
  const ratio = cells.map((cell) => RATIO.exec(cell)).find((match) => match !== null)
  const kept = ratio && ratioOf(row, Number(ratio[1]), Number(ratio[2]))
  const sizes = given === 3 ? product(row, cells, batch, order) : convolution(row, cells, given, batch, padding)
  if (!Number.isSafeInteger(sizes.m * sizes.n * sizes.k)) refuse(row, 'the layer has more than 2^53 multiplications')
  return {
    name,
    ...sizes,
    groups: 1,
    weightBits: options.weightBits ?? 8,
    activationBits: options.activationBits ?? 8,
    weightDensity: kept === undefined ? densityOf(options.weightDensity, name) : kept[0] / kept[1],
    activationDensity: densityOf(options.activationDensity, name),
    ...(kept && { kept }),
  }
}

function product(row: Row, cells: readonly string[], batch: number, order: readonly number[]) {
  const [m, n, k] = order.map((column, i) => whole(row, cells[column], 'MNK'[i]))
  return { op: 'matmul' as const, m: batch * m, n, k, taps: 1, inputs: batch * m * k }
}

function convolution(row: Row, cells: readonly string[], given: number, batch: number, padding: 'none' | 'same') {
  const names = ['input height', 'input width', 'kernel height', 'kernel width', 'channels', 'filters', 'stride']
  const [height, width, high, wide, channels, n, down] = names.map((what, i) => whole(row, cells[i], what))
  const across = given > 7 ? whole(row, cells[7], 'stride along the width') : down
  if (padding === 'none' && (high > height || wide > width)) {
    refuse(row, `a kernel of ${high} x ${wide} does not fit inputs of ${height} x ${width} without padding`)
  }
  const places = (size: number, kernel: number, stride: number) =>
    padding === 'same' ? ceilDiv(size, stride) : ceilDiv(size - kernel + stride, stride)
  const m = batch * places(height, high, down) * places(width, wide, across)
  const inputs = batch * channels * height * width
  return { op: 'conv2d' as const, m, n, k: high * wide * channels, taps: high * wide, inputs }
}

function ratioOf(row: Row, n: number, m: number): readonly [number, number] {
  if (n < 1 || n > m || m > 256) refuse(row, `N:M must keep 1 to M of M weights, M up to 256, got ${n}:${m}`)
  return [n, m]
}

function whole(row: Row, cell: string, what: string): number {
  const value = Number(cell)
  if (Number.isInteger(value) && value >= 1 && value <= MOST) return value
  refuse(row, `${what} must be a whole number from 1 to ${MOST}, got '${cell}'`)
}

function refuse({ line }: Row, why: string): never {
  throw new WhiteDwarfError('E_FORMAT', `topology, line ${line}: ${why}`)
}
