/** What a systolic array reads and writes: words between array and memories, bits of each memory, and what crosses to DRAM. */
import type { Dataflow, SystolicArch } from '../arch.js'
import type { Traffic } from '../cost.js'
import type { Buffer } from '../sram.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { foldsOf, type Product, type Size, sumsOf } from './folds.js'
import type { Plan } from './plan.js'

/** Words between the array and its memories; of outputs with the partial sums that a later fold goes on with. */
export interface Words {
  readonly inputReads: number
  readonly weightReads: number
  readonly outputWrites: number
  readonly partialReads: number
}

/** Bits of a sum of k products: exact. */
export const sumBits = ({ weightBits, activationBits, k }: PeLayer): number =>
  weightBits + activationBits + Math.ceil(Math.log2(k))

/**
 * Rows and columns are fed once for each fold: OS streams inputs into rows and weights into columns and empties every element; WS holds weights
 * and streams inputs into rows, sums leave by columns; IS likewise with the two exchanged.
 */
function wordsOf(layer: PeLayer, { folds, streams, sums }: Plan, dataflow: Dataflow): Words {
  const { rowWords, columnWords, held } = sumsOf(folds)
  const finished = layer.m * layer.n * layer.groups
  const [inputReads, weightReads, outputWrites] =
    dataflow === 'os'
      ? [rowWords * streams, columnWords, held * sums]
      : dataflow === 'ws'
        ? [rowWords * streams, held, columnWords * sums]
        : [held * streams, rowWords, columnWords * sums]
  // Sums of outputs whose number the factor does not divide are fractions that add up to whole numbers.
  const writes = Math.round(outputWrites)
  return {
    inputReads: Math.round(inputReads),
    weightReads,
    outputWrites: writes,
    partialReads: Math.max(0, writes - finished),
  }
}

export function trafficOf(layer: PeLayer, plan: Plan, arch: SystolicArch): Traffic[] {
  const words = wordsOf(layer, plan, arch.dataflow)
  const { weightBits, activationBits, groups, m, n } = layer
  const finished = m * n * groups
  const index = words.weightReads * plan.indexBits
  const apart = arch.buffers.index !== undefined
  const read = (memory: 'weights' | 'activations' | 'index', bits: number): Traffic => ({
    memory,
    readBits: bits,
    writeBits: 0,
  })
  return [
    read('weights', words.weightReads * weightBits + (apart ? 0 : index)),
    read('activations', words.inputReads * activationBits),
    {
      memory: 'outputs',
      readBits: words.partialReads * sumBits(layer),
      writeBits: finished * activationBits + words.partialReads * sumBits(layer),
    },
    ...(apart && index > 0 ? [read('index', index)] : []),
    dramTraffic(layer, plan, arch, words),
  ]
}

/**
 * Weights and inputs come from DRAM and outputs go there, once each, layer by layer, as far as the buffers hold what is needed again. Else, with
 * the loops over rows and columns in the order that moves less:
 *
 *   - weights and inputs that do not fit their buffer come again for each fold that needs them
 *   - sums that do not fit go and come again between folds of K (ws, is)
 */
function dramTraffic(layer: PeLayer, plan: Plan, { buffers, dataflow, columns }: SystolicArch, words: Words): Traffic {
  const { groups, m, n, k } = layer
  const weights = plan.slots * (layer.weightBits + plan.indexBits) + tableBits(layer, plan)
  const inputs = layer.inputs * layer.activationBits
  const holds = ({ bytes, banks = 1 }: Buffer, bits: number) => bits <= 8 * bytes * banks
  const again = (bits: number, buffer: Buffer, times: number) => (holds(buffer, bits / groups) ? bits : bits * times)
  const weightsAgain = again(weights, buffers.weights, words.weightReads / plan.slots)
  const inputsAgain = again(inputs, buffers.activations, words.inputReads / (m * k * groups))
  /** Partial sums that go and come, of so many that live at a time. */
  const spilled = (living: number) =>
    holds(buffers.outputs, living * sumBits(layer)) ? 0 : words.partialReads * sumBits(layer)
  const columnSums = columns * plan.sums
  const [operands, sums] = {
    os: () => [Math.min(weightsAgain + inputs, weights + inputsAgain), 0],
    ws: () => cheaper([weights + inputsAgain, spilled(m * columnSums)], [weights + inputs, spilled(m * n)]),
    is: () => cheaper([inputs + weightsAgain, spilled(columns * n)], [inputs + weights, spilled(m * n)]),
  }[dataflow]()
  return { memory: 'dram', readBits: operands + sums, writeBits: m * n * groups * layer.activationBits + sums }
}

const cheaper = (a: [number, number], b: [number, number]): [number, number] =>
  a[0] + 2 * a[1] <= b[0] + 2 * b[1] ? a : b

/** Of the taps of a periodic pattern, once for a layer: independent of its channels. */
export const tableBits = ({ taps }: PeLayer, { table }: Plan): number => table * Math.ceil(Math.log2(taps))

/**
 * Words as SCALE-Sim v3 reports them, for comparison: partial sums are written and never read, outputs of 'os' are counted once more for
 * each fold and element (its issue 166: M N + folds (R + C)), inputs that N:M fills up are read.
 */
export function scaleSimWords(product: Product, array: Size, nm: readonly [n: number, m: number] = [1, 1]) {
  const left = { ...product, k: ceilDiv(product.k, nm[1]) * nm[0] }
  const { folds, rowWords, columnWords, held } = sumsOf(foldsOf(left, array))
  const { rows, columns, dataflow } = array
  const grown = nm[1] / nm[0]
  switch (dataflow) {
    case 'os':
      return { ifmapReads: rowWords * grown, filterReads: columnWords, ofmapWrites: held + folds * (rows + columns) }
    case 'ws':
      return { ifmapReads: rowWords * grown, filterReads: held, ofmapWrites: columnWords }
    case 'is':
      return { ifmapReads: held * grown, filterReads: rowWords, ofmapWrites: columnWords }
  }
}
