/** Modelled arrays beside published figures: blocks of few bits, and pairs of non-zero operands. */
import { readFile } from 'node:fs/promises'
import { mlp } from 'whitedwarf/compress'
import { archs, type BlockArch, blockStorage, graphWorkload, type PeLayer, simulate } from 'whitedwarf/pe'
import { round } from '../machine.js'
import { inRepository } from '../models.js'
import type { Claim } from './claim.js'

/** Nanojoules for an image, Yin et al., arXiv 1804.07370. */
const PUBLISHED_NJ = 20

interface Point {
  readonly hidden: number
  readonly weightBits: number
  readonly ratio: number
  readonly activationBits: number
}

const YIN: Point = { hidden: 512, weightBits: 3, ratio: 8, activationBits: 4 }

/** Lanes take whole products, and the memory of weights is as large as they are, in whole kilobytes. */
async function pointRow({ hidden, weightBits, ratio, activationBits }: Point) {
  const workload = graphWorkload(mlp({ hidden: [hidden, hidden], classes: 10 }))
  const preset = archs['cgs-mnist-40nm'] as BlockArch
  const engine = { ...preset, weightBits, ratio, activationBits, bitsPerLane: weightBits * activationBits }
  const bits = workload.layers.reduce((sum, layer) => sum + blockStorage(layer, engine).weights, 0)
  const weights = { ...preset.buffers.weights, bytes: 1024 * Math.ceil(bits / 8192) }
  const { total, area } = await simulate(workload, { ...engine, buffers: { ...preset.buffers, weights } })
  const { low, mid, high } = total.energyTotal
  return {
    network: `784-${hidden}-${hidden}-10`,
    'bits of a weight': weightBits,
    'one block in': ratio,
    'bits of an input': activationBits,
    'weights, KB': round(bits / 8192),
    'modelled nJ': round(mid / 1000),
    'least nJ': round(low / 1000),
    'most nJ': round(high / 1000),
    'modelled mm2': round(Object.values(area).reduce((sum, part) => sum + part.mid, 0) / 1e6),
  }
}

const cgs: Claim = {
  name: 'pe-cgs',
  title:
    'Modelled energy of an MNIST image, block engine of 40 nm, 3 bits, one block in 8: how far networks above and below it are from the published 20 nJ',
  unit: 'times',
  bar: { op: '<=', value: 2 },
  also: [
    { figure: 'large', unit: 'nJ (784-512-512-10, modelled)', bar: { op: '>=', value: PUBLISHED_NJ } },
    { figure: 'small', unit: 'nJ (784-256-256-10, modelled)', bar: { op: '<=', value: PUBLISHED_NJ } },
  ],
  minutes: 0.1,
  async measure() {
    const rows = []
    for (const hidden of [512, 256]) {
      for (const activationBits of [4, 8]) rows.push(await pointRow({ ...YIN, hidden, activationBits }))
    }
    for (const weightBits of [1, 2, 4, 8]) rows.push(await pointRow({ ...YIN, weightBits }))
    for (const ratio of [1, 2, 4, 16]) rows.push(await pointRow({ ...YIN, ratio }))
    const [large, , small] = rows.map((row) => row['modelled nJ'])
    const factor = Math.max(large / PUBLISHED_NJ, PUBLISHED_NJ / small)
    return { value: round(factor), details: { large, small, rows } }
  },
}

type Row = Readonly<Record<string, string>>

async function fixture(name: string): Promise<Row[]> {
  const text = await readFile(inRepository(`test/fixtures/pe/${name}`), 'utf8')
  const [head, ...lines] = text.trim().split('\n')
  const fields = head.split(',')
  return lines.map((line) => Object.fromEntries(line.split(',').map((value, i) => [fields[i], value])))
}

/** A layer with as many weights and inputs of each channel as were counted. */
function publishedLayer(row: Row, channels: readonly Row[]): PeLayer {
  const [filters, count, pixels] = [Number(row.M), Number(row.C), Number(row.E) * Number(row.F)]
  const levels = new Int8Array(filters * count)
  channels.forEach((channel, c) => {
    for (let f = 0; f < Number(channel.nnz_weights_over_M); f++) levels[f * count + c] = 1
  })
  return {
    name: row.layer,
    op: 'conv2d',
    m: pixels,
    n: filters,
    k: count,
    groups: 1,
    taps: 1,
    inputs: pixels * count,
    weightBits: 8,
    activationBits: 8,
    weightDensity: Number(row.nnz_weights) / (filters * count),
    activationDensity: Number(row.nnz_iacts) / (count * pixels),
    levels: { shape: [filters, count, 1, 1], maxLevel: 1, levels },
    activeInputs: { of: pixels, perChannel: Uint32Array.from(channels, (c) => Number(c.nnz_iacts_over_EF)) },
  }
}

const eyeriss: Claim = {
  name: 'pe-eyeriss',
  title:
    'Pruned MobileNet layers whose modelled cycles on an Eyeriss v2 element are those published with Sparseloop, from the non-zeros of each channel',
  unit: 'of 8 layers',
  bar: { op: '>=', value: 8 },
  minutes: 0.1,
  async measure() {
    const channels = await fixture('eyerissv2pe_channels.csv')
    const published = await fixture('eyerissv2pe_layers.csv')
    const layers = published.map((row) =>
      publishedLayer(
        row,
        channels.filter(({ layer }) => layer === row.layer),
      ),
    )
    const element = { ...archs['eyeriss-v2'], elements: 1, fetch: [1, 1] as const }
    const workload = { name: 'pruned MobileNet', layers }
    const [walked, estimated] = [await simulate(workload, element, { masks: true }), await simulate(workload, element)]
    const rows = published.map((row, i) => ({
      layer: row.layer,
      'published cycles': Number(row.published_ground_truth_cycles),
      'modelled, from the non-zeros of channels': Math.round(walked.layers[i].cycles),
      'modelled, from densities': Math.round(estimated.layers[i].cycles),
    }))
    const exact = rows.filter((row) => row['published cycles'] === row['modelled, from the non-zeros of channels'])
    return { value: exact.length, details: { rows } }
  },
}

export const peOtherClaims: readonly Claim[] = [cgs, eyeriss]
