/** The gather array: the published efficiency behind a calibration by one factor, and how fast its models are computed. */
import { resnet } from 'whitedwarf/compress'
import { decodeModel } from 'whitedwarf/format'
import { Rng } from 'whitedwarf/kernels'
import {
  archs,
  estimateReport,
  type GatherArch,
  graphWorkload,
  modelWorkload,
  onChipSize,
  type PeLayer,
  referencePoint,
  referenceWalk,
  simulate,
  type Workload,
} from 'whitedwarf/pe'
import { compare } from '../harness.js'
import { round } from '../machine.js'
import { shippedModel } from '../models.js'
import type { Claim } from './claim.js'

const array = archs.whitedwarf as GatherArch
const fitted = archs['whitedwarf-calibrated'] as GatherArch

const PUBLISHED = 12.24
const ZEROS = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999]

const totalAt = (arch: GatherArch, zeros: number, weightBits = 4) =>
  estimateReport(referencePoint(arch, { density: 1 - zeros, weightBits }), arch).total

/** Weights looked at by an element in a cycle, zeros counted, along the real masks of many filters. */
async function walkedPositions(zeros: number, weightBits: 2 | 4): Promise<number> {
  const [filters, k] = [3200, 1024]
  const layer = { ...referencePoint(array, { density: 1 - zeros, weightBits }).layers[0], n: filters, k }
  const { total } = await simulate({ name: '', layers: [withMasks(layer, new Rng(1))] }, array, { masks: true })
  return total.macs / total.cycles / 1024
}

/** The layer with levels drawn by its density: from one that is not zero to the next. */
function withMasks(layer: PeLayer, rng: Rng): PeLayer & Required<Pick<PeLayer, 'levels'>> {
  const { groups, n, k, taps, weightDensity: density, weightBits } = layer
  const maxLevel = weightBits === 2 ? 1 : 7
  const levels = new Int8Array(groups * n * k)
  const gap = () => (density === 1 ? 0 : Math.floor(Math.log(1 - rng.float()) / Math.log(1 - density)))
  for (let i = gap(); i < levels.length; i += 1 + gap()) {
    levels[i] = (1 + rng.below(maxLevel)) * (rng.below(2) === 1 ? 1 : -1)
  }
  return { ...layer, levels: { shape: [groups * n, k / taps, taps, 1], maxLevel, levels } }
}

/** Ends of the band when each end of the constants is fitted to the published figure by a factor of its own. */
function fittedBand(zeros: number): string {
  const [here, there] = [totalAt(array, zeros), totalAt(array, 0.99)].map((total) => total.denseTopsPerWatt)
  const ends = [(PUBLISHED * here.low) / there.low, (PUBLISHED * here.high) / there.high].sort((a, b) => a - b)
  return ends.map((end) => end.toFixed(1)).join(' to ')
}

async function shippedRow(name: string) {
  const model = decodeModel(shippedModel(name))
  const workload = modelWorkload(model, { name })
  const balanced = { ...fitted, order: 'balanced' as const }
  const [{ total }, sorted] = await Promise.all(
    [fitted, balanced].map((arch) => simulate(workload, arch, { masks: true })),
  )
  const size = onChipSize(model)
  return {
    model: name,
    'modelled cycles an image': total.cycles,
    'filters sorted': sorted.total.cycles,
    'useful share, %': round(100 * total.utilisation),
    'modelled nJ an image, fitted': round(total.energyTotal.mid / 1000),
    'on-chip KB, mask and values': round(size.masked / 8192),
    'share of float32, %': round(100 * size.maskedShare),
    'on-chip KB, run lengths': round(size.runLength / 8192),
    'share of float32, run lengths, %': round(100 * size.runLengthShare),
  }
}

const whitedwarf: Claim = {
  name: 'pe-whitedwarf',
  title:
    'Modelled efficiency of the reconstructed 1024-element gather array at 99 % zeros, INT4, FP8, zeros counted, all energies fitted by one factor to the published 12.24 TFLOPS/W: distance from it',
  unit: 'TFLOPS/W off',
  bar: { op: '<=', value: 0.01 },
  also: [
    { figure: 'uncalibratedLow', unit: 'TFLOPS/W (modelled, 1.1 V)', bar: { op: '<=', value: PUBLISHED } },
    { figure: 'uncalibratedHigh', unit: 'TFLOPS/W (modelled, 1.1 V)', bar: { op: '>=', value: PUBLISHED } },
  ],
  minutes: 0.2,
  async measure() {
    const nominal = totalAt({ ...array, tech: { ...array.tech, voltage: 1.1 } }, 0.99).denseTopsPerWatt
    const plain = totalAt(array, 0.99).denseTopsPerWatt
    const rows = []
    for (const zeros of ZEROS) {
      const total = totalAt(fitted, zeros)
      rows.push({
        'zeros, %': round(100 * zeros),
        'INT4, fitted': round(total.denseTopsPerWatt.mid),
        band: fittedBand(zeros),
        'INT4, not fitted': round(totalAt(array, zeros).denseTopsPerWatt.mid),
        'INT2, same factor': round(totalAt(fitted, zeros, 2).denseTopsPerWatt.mid),
        'positions a cycle, INT4': round(await walkedPositions(zeros, 4)),
        'positions a cycle, INT2': round(await walkedPositions(zeros, 2)),
        'pJ an effectual MAC': round(total.energyTotal.mid / total.effectual),
      })
    }
    const models = []
    for (const name of ['mnist-mlp', 'mnist-lenet', 'cifar-12k', 'cifar-40k']) models.push(await shippedRow(name))
    return {
      value: round(Math.abs(totalAt(fitted, 0.99).denseTopsPerWatt.mid - PUBLISHED)),
      details: {
        factor: round(fitted.calibration as number),
        uncalibratedLow: round(nominal.low),
        uncalibrated: round(nominal.mid),
        uncalibratedHigh: round(nominal.high),
        uncalibrated09V: round(plain.mid),
        uncalibrated09VLow: round(plain.low),
        uncalibrated09VHigh: round(plain.high),
        rows,
        models,
      },
    }
  },
}

const resnet50 = (): Workload =>
  graphWorkload(resnet({ depth: 50, classes: 1000 }), { name: 'ResNet-50', weightDensity: 0.05, weightBits: 4 })

const walk: Claim = {
  name: 'pe-walk',
  title:
    'Walk of the gather array over masks of all layers of ResNet-50 at 95 % zeros, one core: time, beside a plain walk in TypeScript',
  unit: 's',
  bar: { op: '<=', value: 10 },
  also: [{ figure: 'ratio', unit: 'x as fast as the plain walk', bar: { op: '>=', value: 5 } }],
  minutes: 0.5,
  async measure() {
    const rng = new Rng(1)
    const layers = resnet50().layers.map((layer) => withMasks(layer, rng))
    const workload = { name: 'ResNet-50', layers }
    const { total } = await simulate(workload, array, { masks: true })
    // The plain walk goes through one set of pixels; how often it is repeated does not matter for the comparison.
    const one = layers.map((layer) => ({ ...layer, m: array.lanes }))
    const single = { name: 'ResNet-50, 16 pixels', layers: one }
    const plain = () => one.reduce((sum, layer) => sum + referenceWalk(layer, array).cycles, 0)
    const expected = (await simulate(single, array, { masks: true })).total.cycles
    if (plain() !== expected) throw new Error('the two walks differ')
    const { measurements, warnings } = await compare(
      [
        { name: 'all', run: async () => void (await simulate(workload, array, { masks: true })) },
        { name: 'one set of pixels', run: async () => void (await simulate(single, array, { masks: true })) },
        { name: 'plain', run: () => void plain() },
      ],
      { rounds: 6, samples: 4, warmupMs: 500 },
    )
    const [all, fast, slow] = measurements
    return {
      value: round(all.medianNs / 1e9),
      spread: all.spread,
      details: {
        ratio: round(slow.medianNs / fast.medianNs),
        plainSeconds: round(slow.medianNs / 1e9),
        weights: layers.reduce((sum, { levels }) => sum + levels.levels.length, 0),
        modelledCycles: total.cycles,
      },
      warnings,
    }
  },
}

const closedForm: Claim = {
  name: 'pe-closed-form',
  title: 'Closed form of the gather array for ResNet-50 at 95 % zeros, all of a report',
  unit: 'ms',
  bar: { op: '<=', value: 5 },
  minutes: 0.1,
  async measure() {
    const workload = resnet50()
    const start = performance.now()
    estimateReport(workload, array)
    const firstCall = round(performance.now() - start)
    // Samples of many calls: one alone is at the mercy of the garbage collector.
    const { measurements, warnings } = await compare(
      [{ name: 'closed form', run: () => estimateReport(workload, array) }],
      { minSampleMs: 40, warmupMs: 1000 },
    )
    const [{ medianNs, minNs, spread }] = measurements
    const details = { firstCall, least: round(minNs / 1e6), layers: workload.layers.length }
    return { value: round(medianNs / 1e6), spread, details, warnings }
  },
}

export const peGatherClaims: readonly Claim[] = [whitedwarf, walk, closedForm]
