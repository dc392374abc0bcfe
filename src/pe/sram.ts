/**
 * Energy, leakage and area of on-chip memories, from a table that CACTI 7 computed: one bank, one port for reading and writing, 45 nm, 360 K.
 * Between sizes and widths it is interpolated on logarithmic scales, as its columns grow by powers of both.
 */
import { WhiteDwarfError } from '../errors.js'
import { scaleArea, scaleEnergy, scaleLeakage, type Technology } from './technology.js'

export type Cell = 'hp' | 'lop' | 'lstp'

export interface Buffer {
  /** 64 to 64 MiB; below 512 and above 1 MiB the table's ends are continued. */
  readonly bytes: number
  /** Bits of one access. */
  readonly width: number
  /** As many memories of these bytes, each with its own port. Default 1. */
  readonly banks?: number
}

export interface BufferCost {
  /** Picojoules per bit, in any one bank. */
  readonly read: number
  readonly write: number
  /** Milliwatts, of all banks. */
  readonly leakage: number
  /** Square micrometres, of all banks. */
  readonly area: number
}

/** Bytes, bits of an access, pJ to read, pJ to write, mW of leakage, mm2. */
type Row = readonly [bytes: number, width: number, read: number, write: number, leakage: number, area: number]

const CACTI_45: Readonly<Record<Cell, readonly Row[]>> = {
  lop: [
    [512, 8, 0.349, 0.35, 0.01009, 0.00202],
    [512, 32, 0.447, 0.814, 0.01029, 0.00209],
    [1024, 8, 0.591, 0.471, 0.01853, 0.00372],
    [1024, 32, 0.717, 0.963, 0.01834, 0.00382],
    [2048, 64, 1.498, 1.99, 0.04134, 0.00844],
    [4096, 64, 2.695, 2.699, 0.07654, 0.01658],
    [8192, 64, 3.619, 3.711, 0.1517, 0.0294],
    [16384, 64, 6.923, 5.107, 0.2835, 0.05701],
    [16384, 128, 8.514, 8.698, 0.2838, 0.06043],
    [32768, 64, 8.272, 6.456, 0.5671, 0.12579],
    [32768, 128, 12.348, 12.883, 0.5633, 0.10964],
    [65536, 64, 14.982, 9.35, 1.039, 0.23584],
    [65536, 128, 19.347, 15.716, 1.04, 0.25845],
    [131072, 64, 17.732, 12.1, 2.079, 0.4845],
    [131072, 128, 24.563, 20.932, 2.08, 0.54105],
    [262144, 128, 34.54, 30.909, 4.16, 1.10755],
    [524288, 128, 51.052, 39.788, 7.939, 2.04521],
    [1048576, 64, 41.931, 36.212, 16.59, 3.84793],
    [1048576, 128, 71.125, 59.688, 15.86, 4.08185],
  ],
  hp: [
    [512, 8, 0.646, 0.725, 0.7331, 0.00202],
    [512, 32, 0.83, 1.658, 0.7474, 0.00209],
    [1024, 8, 1.066, 0.971, 1.344, 0.00372],
    [1024, 32, 1.298, 1.953, 1.33, 0.00382],
    [2048, 64, 2.671, 3.982, 2.998, 0.00844],
    [4096, 64, 3.318, 6.042, 5.926, 0.01503],
    [8192, 64, 6.048, 7.414, 10.99, 0.0294],
    [16384, 64, 8.909, 11.771, 21.77, 0.05493],
    [16384, 128, 10.46, 21.562, 21.81, 0.05674],
    [32768, 64, 16.998, 14.484, 40.93, 0.10624],
    [32768, 128, 19.81, 25.535, 40.94, 0.10965],
    [65536, 64, 21.203, 18.688, 81.86, 0.23401],
    [65536, 128, 38.422, 33.393, 74.89, 0.21212],
    [131072, 64, 37.493, 24.225, 149.7, 0.43551],
    [131072, 128, 46.621, 41.592, 149.8, 0.46671],
    [262144, 128, 62.332, 57.304, 299.6, 0.97711],
    [524288, 128, 88.725, 83.696, 599.2, 1.93343],
    [1048576, 64, 77.187, 63.919, 1198, 3.5654],
    [1048576, 128, 120.656, 115.627, 1198, 3.88962],
  ],
  lstp: [
    [512, 8, 0.708, 0.823, 0.0001633, 0.00202],
    [512, 32, 0.938, 1.963, 0.0001664, 0.00209],
    [1024, 8, 1.17, 1.096, 0.0002994, 0.00372],
    [1024, 32, 1.477, 2.311, 0.0002961, 0.00382],
    [2048, 64, 3.154, 4.823, 0.0006702, 0.00843],
    [4096, 64, 3.865, 7.317, 0.001324, 0.01501],
    [8192, 64, 7.069, 9.028, 0.002457, 0.02938],
    [16384, 64, 13.421, 12.394, 0.004549, 0.05699],
    [16384, 128, 12.437, 26.471, 0.004873, 0.05669],
    [32768, 64, 19.504, 17.654, 0.009034, 0.10619],
    [32768, 128, 23.595, 31.717, 0.009037, 0.1096],
    [65536, 64, 29.888, 22.89, 0.01669, 0.2358],
    [65536, 128, 45.832, 42.132, 0.0166, 0.21211],
    [131072, 64, 37.066, 30.068, 0.03338, 0.48441],
    [131072, 128, 58.196, 54.497, 0.0332, 0.4667],
    [262144, 128, 82.176, 78.477, 0.06639, 0.9771],
    [524288, 128, 116.059, 102.062, 0.1276, 2.04475],
    [1048576, 64, 105.954, 86.451, 0.2542, 3.68568],
    [1048576, 128, 175.455, 148.112, 0.2537, 3.67105],
  ],
}

/** Columns of a row. */
const READ = 2
const WRITE = 3
const LEAKAGE = 4
const AREA = 5
type Column = typeof READ | typeof WRITE | typeof LEAKAGE | typeof AREA

/** @throws WhiteDwarfError E_OPTION when the buffer is none */
export function bufferCost({ bytes, width, banks = 1 }: Buffer, tech: Technology): BufferCost {
  if (!(bytes >= 64 && bytes <= 2 ** 26) || !(width >= 1 && width <= 8192)) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `a buffer has 64 bytes to 64 MiB and 1 to 8192 bits, got ${bytes} and ${width}`,
    )
  }
  const rows = CACTI_45[tech.cell]
  const at = (column: Column) => overSizes(rows, bytes, (size) => ofWidth(rows, size, width, column))
  return {
    read: scaleEnergy(at(READ), 45, tech) / width,
    write: scaleEnergy(at(WRITE), 45, tech) / width,
    leakage: banks * scaleLeakage(at(LEAKAGE), tech),
    area: banks * scaleArea(at(AREA) * 1e6, 45, tech),
  }
}

/** Between two sizes of the table that are next to each other; the ends are continued. */
function overSizes(rows: readonly Row[], bytes: number, valueAt: (size: number) => number): number {
  const sizes = [...new Set(rows.map((row) => row[0]))]
  const above = sizes.findIndex((size) => size > bytes)
  const i = above < 0 ? sizes.length - 1 : Math.max(1, above)
  return between(bytes, sizes[i - 1], sizes[i], valueAt)
}

/**
 * At a size of the table, between the widths that it has there. What is narrower than all of them still reads a whole row; what is wider reads
 * several, from a memory that is no larger.
 */
function ofWidth(rows: readonly Row[], size: number, width: number, column: Column): number {
  const widths = [...new Set(rows.map((row) => row[1]))].filter((each) => covers(rows, each, size))
  const valueAt = (each: number) =>
    overSizes(
      rows.filter((row) => row[1] === each),
      size,
      (exact) => (rows.find((row) => row[0] === exact && row[1] === each) as Row)[column],
    )
  const [least, most] = [widths[0], widths[widths.length - 1]]
  if (width <= least) return valueAt(least)
  if (width >= most) return valueAt(most) * (column === READ || column === WRITE ? width / most : 1)
  const above = widths.findIndex((each) => each > width)
  return between(width, widths[above - 1], widths[above], valueAt)
}

/** Whether the table has rows of this width both up to and from this size on: not every width is there at every size. */
function covers(rows: readonly Row[], width: number, size: number): boolean {
  const sizes = rows.filter((row) => row[1] === width).map((row) => row[0])
  return sizes[0] <= size && size <= sizes[sizes.length - 1]
}

/** On logarithmic scales. */
function between(x: number, a: number, b: number, valueAt: (x: number) => number): number {
  const [from, to] = [valueAt(a), valueAt(b)]
  return from * (to / from) ** (Math.log(x / a) / Math.log(b / a))
}
