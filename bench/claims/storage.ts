/** Storage of sparse weights: the periodic patterns beside other formats, and the memory of CGS with few bits. Calculations, not times. */
import {
  compareStorage,
  familiesAt,
  type Graph,
  lenet,
  mobilenetV1,
  networkLayers,
  resnet,
  type StorageRow,
  vgg,
  weightedLayers,
  weightMemory,
} from 'whitedwarf/compress'
import { type Pattern, parsePattern } from 'whitedwarf/patterns'
import type { Claim, Detail } from './claim.js'

const to = (digits: number, value: number) => Number(value.toFixed(digits))
const kib = (bits: number | undefined) => (bits === undefined ? '' : to(bits < 819_200 ? 3 : 1, bits / 8192))

/** Eight different sets of four of nine taps, a period of eight. */
const PERIOD = 8
const PPS: Pattern = {
  kind: 'periodic',
  kernel: 3,
  rotate: true,
  taps: Array.from({ length: PERIOD }, (_, slot) => [0, 1, 3, 4].map((t) => (t + slot) % 9).sort((a, b) => a - b)),
}

/** Convolutions with 3 x 3 kernels keep the pattern, others stay dense; the classifier is not counted. */
function rowsOf(graph: Graph, bits: number): StorageRow[] {
  const layers = networkLayers(graph, { pattern: PPS }).filter((l) => l.shape.length === 4)
  return compareStorage(layers, { bits, pattern: 'PPS' })
}

const find = (rows: readonly StorageRow[], format: string) => rows.find((r) => r.format === format) as StorageRow
const ratio = (rows: readonly StorageRow[], format: string) => find(rows, format).bits / find(rows, 'PPS').bits

const NAMES: Readonly<Record<string, string>> = {
  coo: 'COO, packed',
  csr: 'CSR, packed',
  csr16: 'CSR, 16-bit places, 32-bit pointers',
  csc: 'CSC, packed',
  'in-kernel': 'place in the kernel',
  'pattern-id': 'pattern of the kernel, one of 8',
  'run-length': 'run length',
  entropy: 'entropy of the places',
  PPS: 'PPS, 4 of 9 taps, period 8',
}

const sps: Claim = {
  name: 'sps-storage',
  title:
    'Convolutions of VGG-16 for CIFAR, 4 of 9 taps, 8-bit weights: COO of the fewest bits, everything counted, of PPS',
  unit: 'x',
  bar: { op: '>=', value: 3.67 },
  also: [
    { figure: 'indexRatio', unit: 'x', bar: { op: '>=', value: 10_000 } },
    { figure: 'bitmask', unit: 'x', bar: { op: '>=', value: 1.28 } },
    { figure: 'patternId', unit: 'x', bar: { op: '>=', value: 1.09 } },
  ],
  minutes: 0.1,
  async measure() {
    const rows = rowsOf(vgg({ depth: 16 }), 8)
    const small = rowsOf(resnet({ depth: 18, stem: 'cifar', input: [3, 32, 32], classes: 10 }), 8)
    const wide = rowsOf(vgg({ depth: 16 }), 16)
    const pps = find(rows, 'PPS')
    const index = (row: StorageRow) => row.index ?? 0
    return {
      value: to(2, ratio(rows, 'coo')),
      details: {
        indexRatio: Math.round(index(find(rows, 'coo')) / index(pps)),
        bitmask: to(2, ratio(rows, 'bitmask')),
        patternId: to(2, ratio(rows, 'pattern-id')),
        resnet18: to(2, ratio(small, 'coo')),
        coo16Bit: to(2, ratio(wide, 'coo')),
        csr16Bit: to(2, ratio(wide, 'csr')),
        rows: rows.map(
          (row): Detail => ({
            format: NAMES[row.format] ?? row.format,
            'index, KiB': kib(row.index),
            'in all, KiB': kib(row.bits),
            'of PPS': to(2, row.bits / pps.bits),
            'index of that of PPS': Math.round(index(row) / index(pps)),
          }),
        ),
      },
    }
  },
}

/** bits of hidden layers, ratio of convolutions, ratio of dense layers, bits of the first and last layer. */
const CHOICES = [
  [3, 2, 16, 3],
  [3, 2, 16, 8],
  [3, 8, 4, 3],
  [2, 2, 4, 2],
  [1, 1, 2, 1],
  [4, 4, 8, 4],
] as const

/** The CIFAR-10 network of low-precision papers of 2016 to 2018. */
const cnn = lenet({
  input: [3, 32, 32],
  stages: [128, 128, 256, 256, 512, 512].map((channels, i) => ({
    channels,
    kernel: 3,
    pad: 1,
    pool: i % 2 === 1 ? 2 : 0,
  })),
  hidden: [1024, 1024],
})

function memory([bits, conv, fc, ends]: (typeof CHOICES)[number]) {
  const layers = weightedLayers(cnn)
  return weightMemory(
    layers.map(({ weights, op }, i) =>
      i === 0 || i === layers.length - 1
        ? { weights, bits: ends }
        : { weights, bits, ratio: op === 'conv2d' ? conv : fc },
    ),
  )
}

const cgs: Claim = {
  name: 'cgs-memory',
  title:
    'Weight memory of a CIFAR-10 CNN of 14,022,016 weights: float32 over 3 bits with CGS, convolutions 2X, dense layers 16X',
  unit: 'x',
  bar: { op: '>=', value: 50 },
  minutes: 0.1,
  async measure() {
    return {
      value: to(1, memory(CHOICES[0]).reduction),
      details: {
        weights: weightedLayers(cnn).reduce((sum, l) => sum + l.weights, 0),
        rows: CHOICES.map((choice): Detail => {
          const { bits, reduction } = memory(choice)
          const [hidden, conv, fc, ends] = choice
          return {
            bits: hidden,
            convolutions: `${conv}X`,
            denseLayers: `${fc}X`,
            ends: `${ends} bit`,
            reduction: to(1, reduction),
            KiB: Math.round(bits / 8192),
          }
        }),
      },
    }
  },
}

const imagenet = { input: [3, 224, 224], classes: 1000 }
const NETWORKS: readonly (readonly [string, Graph])[] = [
  ['VGG-16 CIFAR', vgg({ depth: 16 })],
  ['ResNet-18 CIFAR', resnet({ depth: 18, stem: 'cifar', input: [3, 32, 32], classes: 10 })],
  ['ResNet-50', resnet({ depth: 50, ...imagenet })],
  ['MobileNetV1', mobilenetV1(imagenet)],
]

/** Share of weights of each layer that stay. */
const DENSITY = 0.25

const table: Claim = {
  name: 'storage-formats',
  title:
    'Networks with a quarter of the weights of each layer, 8 bits: smallest of the formats that hold any weights, above their entropy, the worst network',
  unit: '%',
  bar: { op: '<=', value: 1 },
  minutes: 0.3,
  async measure() {
    const beside = Object.fromEntries(familiesAt(DENSITY).map((name) => [name, parsePattern(name)]))
    const tables = NETWORKS.map(([, graph]) =>
      compareStorage(networkLayers(graph, { density: DENSITY }), { bits: 8, beside }),
    )
    const above = tables.map((rows) => {
      const bound = find(rows, 'entropy').bits
      const real = rows.filter((r) => r.general && r.format !== 'entropy').map((r) => r.bits)
      return 100 * (Math.min(...real) / bound - 1)
    })
    return {
      value: to(2, Math.max(...above)),
      details: {
        rows: tables[0].map(
          ({ format }): Detail => ({
            format: NAMES[format] ?? format,
            ...Object.fromEntries(NETWORKS.map(([name], i) => [name, kib(find(tables[i], format).bits)])),
          }),
        ),
      },
    }
  },
}

export const storageClaims: readonly Claim[] = [sps, cgs, table]
