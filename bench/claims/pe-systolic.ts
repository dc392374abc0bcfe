/** Models of systolic arrays beside published and measured figures. Calculations, not times. */
import { readFileSync } from 'node:fs'
import { type Graph, networkLayers, resnet, type StorageLayer, vgg } from 'whitedwarf/compress'
import { type CountedFormat, formatBits, type Pattern, patternBits, setTableBits } from 'whitedwarf/patterns'
import {
  archs,
  type Dataflow,
  graphWorkload,
  type LayerReport,
  type Skipping,
  type SystolicArch,
  simulate,
  topologyWorkload,
  type Workload,
} from 'whitedwarf/pe'
import { inRepository } from '../models.js'
import type { Claim, Detail } from './claim.js'

const to = (digits: number, value: number) => Number(value.toFixed(digits))
const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((all, item) => all + of(item), 0)

const topology = (network: string): Workload =>
  topologyWorkload(readFileSync(inRepository(`test/fixtures/topologies/${network}.csv`), 'utf8'), { name: network })

const arrayOf = (fields: Partial<SystolicArch>): SystolicArch => ({
  ...(archs['systolic-os'] as SystolicArch),
  ...fields,
})

const cyclesOf = async (workload: Workload, fields: Partial<SystolicArch>): Promise<number> =>
  (await simulate(workload, arrayOf(fields))).total.cycles

const DATAFLOWS: readonly Dataflow[] = ['os', 'ws', 'is']

const scalesim: Claim = {
  name: 'pe-scalesim',
  title:
    'Cycles of 7 networks on 2 dense systolic arrays with 3 dataflows that are exactly those of SCALE-Sim v3, of 42',
  unit: 'exact',
  bar: { op: '>=', value: 42 },
  minutes: 0.1,
  async measure() {
    const [, ...lines] = readFileSync(inRepository('test/fixtures/pe/scalesim_totals.csv'), 'utf8').trim().split('\n')
    let value = 0
    const rows: Detail[] = []
    for (const line of lines) {
      const [network, rowsText, columnsText, ...reference] = line.split(',')
      const size = { rows: Number(rowsText), columns: Number(columnsText) }
      const cycles = await Promise.all(DATAFLOWS.map((dataflow) => cyclesOf(topology(network), { ...size, dataflow })))
      const exact = cycles.filter((count, i) => count === Number(reference[i])).length
      value += exact
      const [os, ws, is] = cycles
      rows.push({ network, array: `${size.rows} x ${size.columns}`, OS: os, WS: ws, IS: is, exact: `${exact} of 3` })
    }
    return { value, details: { rows } }
  },
}

/** Network, dataflow, rows, columns, speed-ups with 2, 4, 8, 16 and 32 in one, to the digits that are known. */
const PACKED = [
  ['resnet50', 'ws', 32, 32, ['1.99', '3.78', '6.70', '9.77', '12.2']],
  ['resnet50', 'ws', 16, 64, ['2.00', '3.98', '7.57', '13.4', '19.5']],
  ['resnet50', 'os', 32, 32, ['1.74', '2.76', '3.91', '4.93', '5.67']],
  ['resnet18', 'ws', 32, 32, ['1.98', '3.80', '7.10', '11.6', '18.1']],
  ['resnet18', 'os', 32, 32, ['1.84', '3.19', '5.01', '7.03', '8.81']],
] as const

const complementary: Claim = {
  name: 'pe-complementary',
  title:
    'Complementary packing on systolic arrays, 2 to 32 inputs in one row: largest difference of 25 speed-ups from those of an independent calculation, rounded as they are',
  unit: 'x',
  bar: { op: '<=', value: 0 },
  minutes: 0.1,
  async measure() {
    let value = 0
    const details: Detail[] = []
    for (const [network, dataflow, rows, columns, expected] of PACKED) {
      const workload = topology(network)
      const dense = await cyclesOf(workload, { dataflow, rows, columns })
      const row: Record<string, Detail> = { network, dataflow: dataflow.toUpperCase(), array: `${rows} x ${columns}` }
      for (const [i, text] of expected.entries()) {
        const factor = 2 ** (i + 1)
        const skipping: Skipping = { kind: 'complementary', factor, axis: 'k' }
        const digits = text.split('.')[1].length
        const speedUp = to(digits, dense / (await cyclesOf(workload, { dataflow, rows, columns, skipping })))
        value = Math.max(value, Math.abs(speedUp - Number(text)))
        row[`${factor} in one`] = speedUp
      }
      details.push(row)
    }
    return { value: to(2, value), details: { rows: details } }
  },
}

const TAPS = [9, 6, 4, 3, 2, 1] as const
const SPS_CYCLES = {
  os: [1718374, 1244518, 928614, 770662, 612710, 454758],
  ws: [2519836, 1749388, 1235756, 978940, 722124, 465308],
} as const

const spsCycles: Claim = {
  name: 'pe-sps-cycles',
  title:
    'Periodic patterns on a 32 x 32 array, ResNet-18 with 9 to 1 taps: cycles that are exactly those of an independent calculation, of 12',
  unit: 'exact',
  bar: { op: '>=', value: 12 },
  minutes: 0.1,
  async measure() {
    const vgg16 = graphWorkload(vgg({ depth: 16 }))
    let value = 0
    const rows: Detail[] = []
    for (const [i, taps] of TAPS.entries()) {
      const skipping: Skipping = { kind: 'periodic', taps, period: 8 }
      const row: Record<string, Detail> = { 'taps of 9': taps }
      for (const dataflow of ['os', 'ws'] as const) {
        const cycles = await cyclesOf(topology('resnet18'), { dataflow, skipping })
        if (cycles === SPS_CYCLES[dataflow][i]) value++
        const speedUp = (await cyclesOf(vgg16, { dataflow })) / (await cyclesOf(vgg16, { dataflow, skipping }))
        row[`ResNet-18, ${dataflow.toUpperCase()}`] = cycles
        row[`${dataflow.toUpperCase()}, x`] = to(2, SPS_CYCLES[dataflow][0] / cycles)
        row[`VGG-16 CIFAR, ${dataflow.toUpperCase()}, x`] = to(2, speedUp)
      }
      rows.push(row)
    }
    return { value, details: { rows } }
  },
}

/** Picojoules: an 8-bit product and a 32-bit sum at 45 nm, and a bit from DRAM (Horowitz, ISSCC 2014). */
const MAC = 0.3
const DRAM_BIT = 20
const BITS = 8
const PERIOD = 8

/** Four of nine taps, eight different sets. */
const PPS: Pattern = {
  kind: 'periodic',
  kernel: 3,
  rotate: false,
  taps: Array.from({ length: PERIOD }, (_, slot) => [0, 1, 3, 4].map((t) => (t + slot) % 9).sort((a, b) => a - b)),
}

const FORMATS: readonly (readonly [CountedFormat | 'PPS', string])[] = [
  ['dense', 'dense, every weight'],
  ['coo', 'COO, packed'],
  ['csr', 'CSR, packed'],
  ['csc', 'CSC, packed'],
  ['bitmask', 'bitmask'],
  ['pattern-id', 'pattern of the kernel, one of 8'],
  ['PPS', 'PPS, 4 of 9 taps, period 8'],
]

/** Convolutions; the first layer and 1 x 1 kernels are dense in all formats. */
function convolutions(graph: Graph): StorageLayer[] {
  const first = graph.nodes.find((node) => node.op === 'conv2d')?.name
  return networkLayers(graph, { pattern: PPS, keepDense: (layer) => layer.name === first }).filter(
    (layer) => layer.shape.length === 4,
  )
}

function storedBits(layer: StorageLayer, format: CountedFormat | 'PPS') {
  if (layer.pattern === undefined) return formatBits('dense', layer, BITS)
  return format === 'PPS' ? patternBits(PPS, layer.shape, BITS) : formatBits(format, layer, BITS)
}

interface FormatEnergy {
  /** Microjoules of arithmetic and of weights from DRAM, once each. */
  readonly arithmetic: number
  readonly weights: number
  readonly index: number
  /** Picojoules of the whole array with its memories, modelled. */
  readonly whole: number
}

async function formatEnergy(graph: Graph, format: CountedFormat | 'PPS'): Promise<FormatEnergy> {
  const layers = convolutions(graph)
  const dense = format === 'dense'
  const stored = layers.map((layer) => storedBits(layer, format))
  const sets = format === 'pattern-id' ? setTableBits(3) : 0
  const index = sum(stored, (bits) => bits.index) + sets
  const macs = sum(layers, (layer) => (dense ? layer.weights : layer.nonZeros) * layer.pixels)
  // The array of periodic patterns, all formats at its speed: their index comes from DRAM and goes through the memory of weights as well.
  const workload = graphWorkload(graph)
  const kept = { ...workload, layers: workload.layers.filter((layer) => layer.op === 'conv2d') }
  const { layers: reports } = await simulate(kept, archs[dense ? 'systolic-os' : 'sps'])
  const whole = sum(reports, (report) => {
    const i = layers.findIndex((layer) => layer.name === report.name)
    const added = format === 'PPS' || dense ? 0 : stored[i].index
    return energyOf(report) + added * (DRAM_BIT + perStoredBit(report, stored[i].values))
  })
  return {
    arithmetic: macs * MAC * 1e-6,
    weights: sum(stored, (bits) => bits.values) * DRAM_BIT * 1e-6 + index * DRAM_BIT * 1e-6,
    index: index * DRAM_BIT * 1e-6,
    whole,
  }
}

const energyOf = ({ energy }: LayerReport): number => sum(Object.values(energy), (band) => band.mid)

/** Energy of reading weights from their memory as often as the array does, over the bits that are stored. */
const perStoredBit = ({ energy }: LayerReport, bits: number): number => energy.weights.mid / bits

const sps: Claim = {
  name: 'pe-sps',
  title:
    'VGG-16 for CIFAR, 4 of 9 taps, 8-bit weights once from DRAM and arithmetic: energy with COO of that with PPS (published, of formats and a design unknown: 4.49)',
  unit: 'x',
  bar: { op: '>=', value: 3.59 },
  also: [
    { figure: 'bitmask', unit: 'x', bar: { op: '>=', value: 1.27 } },
    { figure: 'patternId', unit: 'x', bar: { op: '>=', value: 1.09 } },
    { figure: 'resnet18', unit: 'x', bar: { op: '>=', value: 3.3 } },
  ],
  minutes: 0.1,
  async measure() {
    const networks = {
      'VGG-16': vgg({ depth: 16 }),
      'ResNet-18': resnet({ depth: 18, stem: 'cifar', input: [3, 32, 32], classes: 10 }),
    }
    const rows: Record<string, Detail>[] = []
    const ratios: Record<string, number> = {}
    for (const [network, graph] of Object.entries(networks)) {
      const pps = await formatEnergy(graph, 'PPS')
      for (const [format, name] of FORMATS) {
        const energy = await formatEnergy(graph, format)
        const ratio = (energy.arithmetic + energy.weights) / (pps.arithmetic + pps.weights)
        ratios[`${network} ${format}`] = to(2, ratio)
        rows.push({
          network,
          format: name,
          'arithmetic, µJ': to(1, energy.arithmetic),
          'weights, µJ': to(1, energy.weights),
          'of which index, µJ': to(1, energy.index),
          'of PPS': to(2, ratio),
          'of PPS, whole array': to(2, energy.whole / pps.whole),
        })
      }
    }
    return {
      value: ratios['VGG-16 coo'],
      details: {
        csr: ratios['VGG-16 csr'],
        bitmask: ratios['VGG-16 bitmask'],
        patternId: ratios['VGG-16 pattern-id'],
        resnet18: ratios['ResNet-18 coo'],
        rows,
      },
    }
  },
}

export const peSystolicClaims: readonly Claim[] = [scalesim, complementary, spsCycles, sps]
