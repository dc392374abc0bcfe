/**
 * What the weights of a network take in every format that sparse networks are stored in: the formulas of patterns/storage.ts over all
 * layers, and what needs more than counts: run lengths, entropy, the file. Constants (scales, biases) are in none of them.
 *
 * Layers come from a graph, where a pattern or a density says how many weights stay, or from the weights of a model.
 */
import { WhiteDwarfError } from '../errors.js'
import { MAX_PARAMETER } from '../format/run-length.js'
import { capacity } from '../patterns/mask.js'
import { misfit, type Pattern } from '../patterns/pattern.js'
import {
  COUNTED_FORMATS,
  type CountedFormat,
  DEFAULT_SETS,
  formatBits,
  patternBits,
  type StoredBits,
  setTableBits,
  type ValueBits,
} from '../patterns/storage.js'
import { entropyBitsPerWeight } from './size-formulas.js'
import type { StorageLayer } from './storage-layers.js'

export interface StorageOptions {
  /** Bits of a value, 1 to 32. Default those of each layer's levels, or 8. */
  readonly bits?: number
  /** What the row is called in which layers have the format of the pattern that they keep to. Default 'pattern'. */
  readonly pattern?: string
  /** Other patterns that the layers with zeros might have had, by name. */
  readonly beside?: Readonly<Record<string, Pattern>>
  /** Sets of taps of 'pattern-id' where they cannot be counted in weights. Default 8. */
  readonly sets?: number
}

/** Besides those of COUNTED_FORMATS. 'file': the entropy-coded file (format/wd.ts), of models that have one. */
export type StorageFormat = CountedFormat | 'run-length' | 'entropy' | 'file'

export interface StorageRow {
  /** A format, or the name of a pattern, which is stored in its own. */
  readonly format: StorageFormat | string
  /** Bits of values, and of all that says where they are. Of the file only their sum is known. */
  readonly values?: number
  readonly index?: number
  readonly bits: number
  /** Weights that have a value in it: those that are not zero, or the slots of the pattern and the weights of layers that are dense. */
  readonly kept: number
  /** Any weights can be stored so; else those that keep to the pattern. */
  readonly general: boolean
}

const DEFAULT_BITS = 8
const DENSE: StorageFormat = 'dense'

/**
 * A row for each format. Layers without zeros are dense in all of them.
 * @throws WhiteDwarfError E_OPTION
 */
export function compareStorage(layers: readonly StorageLayer[], options: StorageOptions = {}): StorageRow[] {
  const { bits, sets, pattern = 'pattern', beside = {} } = options
  if (bits !== undefined && !(Number.isInteger(bits) && bits >= 1 && bits <= 32)) {
    throw new WhiteDwarfError('E_OPTION', `bits must be a whole number from 1 to 32, got ${bits}`)
  }
  if (sets !== undefined && !(Number.isInteger(sets) && sets >= 1 && sets <= 2 ** 16)) {
    throw new WhiteDwarfError('E_OPTION', `sets must be a whole number from 1 to 65536, got ${sets}`)
  }
  const valueBits = (layer: StorageLayer) => bits ?? layer.bits ?? DEFAULT_BITS
  /** No value of it is zero, and there is nothing to say of places. */
  const full = (layer: StorageLayer) => formatBits('dense', layer, valuesOf(valueBits(layer)))
  const row = (
    format: string,
    stored: (layer: StorageLayer) => StoredBits,
    kept: (layer: StorageLayer) => number,
    { shared = 0, general = true, withFull = false } = {},
  ): StorageRow => {
    const all = layers.map((layer) => (layer.nonZeros === layer.weights && !withFull ? full(layer) : stored(layer)))
    const values = all.reduce((sum, s) => sum + s.values, 0)
    const index = all.reduce((sum, s) => sum + s.index, shared)
    return { format, values, index, bits: values + index, kept: sum(layers, kept), general }
  }
  const counted = COUNTED_FORMATS.map((format) => {
    const shared = format === 'pattern-id' ? tableBits(layers, sets) : 0
    return row(
      format,
      (l) => formatBits(format, l, valueBits(l), { sets: l.sets ?? sets ?? DEFAULT_SETS }),
      (l) => (format === DENSE ? l.weights : l.nonZeros),
      // A set number says what a kernel looks like only where there are few different ones.
      { shared, general: format !== 'pattern-id' || layers.every((l) => l.sets !== undefined) },
    )
  })
  const patterned = (name: string, patternOf: (l: StorageLayer) => Pattern | undefined, real = false) => {
    const stored = (l: StorageLayer) => {
      const p = patternOf(l)
      if (p === undefined) return formatBits('dense', l, valueBits(l))
      return patternBits(p, l.shape, valueBits(l), real ? { nonZeros: l.nonZeros } : {})
    }
    const kept = (l: StorageLayer) => {
      const p = patternOf(l)
      return p !== undefined && misfit(p, l.shape) === undefined ? capacity(p, l.shape) : l.weights
    }
    return row(name, stored, kept, { general: false })
  }
  const hasZeros = (l: StorageLayer) => l.nonZeros < l.weights
  const nonZeros = (l: StorageLayer) => l.nonZeros
  return [
    ...counted,
    row('run-length', (l) => ({ values: l.nonZeros * valuesOf(valueBits(l)), index: runBits(l) }), nonZeros),
    row('entropy', (l) => entropy(l, valueBits(l), bits === undefined), nonZeros, { withFull: true }),
    ...fileRow(layers),
    ...(layers.some((l) => l.pattern) ? [patterned(pattern, (l) => l.pattern, true)] : []),
    ...Object.entries(beside).map(([name, p]) => patterned(name, (l) => (hasZeros(l) ? p : undefined))),
  ]
}

const sum = <T>(all: readonly T[], of: (one: T) => number): number => all.reduce((total, one) => total + of(one), 0)

const valuesOf = (bits: number | ValueBits): number => (typeof bits === 'number' ? bits : bits.nonZero)

/** The sets of taps of all layers with zeros, once for each size of kernel. */
function tableBits(layers: readonly StorageLayer[], sets = DEFAULT_SETS): number {
  const tables = new Map<number, number>()
  for (const { shape, weights, nonZeros, sets: own } of layers) {
    const taps = shape.slice(2).reduce((a, b) => a * b, 1)
    if (nonZeros < weights && taps > 1) tables.set(taps, setTableBits(Math.sqrt(taps), own ?? sets))
  }
  return [...tables.values()].reduce((a, b) => a + b, 0)
}

/** Runs of zeros in Golomb-Rice code: those of real weights, else what independent places take on average. */
function runBits({ weights, nonZeros, runs }: StorageLayer): number {
  if (runs !== undefined) return runs
  const empty = 1 - nonZeros / weights
  let best = Number.POSITIVE_INFINITY
  for (let k = 0; k <= MAX_PARAMETER; k++) {
    // Share of runs of 2^k or more: each 2^k zeros are a further bit.
    const q = empty ** (2 ** k)
    best = Math.min(best, k + 1 + q / (1 - q))
  }
  return nonZeros === 0 ? 0 : Math.ceil(nonZeros * best)
}

/** @param coded whether values take their entropy, where it is known, and not all the bits of a value */
function entropy(layer: StorageLayer, bits: number | ValueBits, coded: boolean): StoredBits {
  const { weights, nonZeros, valueEntropy } = layer
  const index = weights * entropyBitsPerWeight([nonZeros / weights], 'seeded')
  return { values: coded && valueEntropy !== undefined ? valueEntropy : nonZeros * valuesOf(bits), index }
}

/** Coded sizes, if all layers have one. */
function fileRow(layers: readonly StorageLayer[]): StorageRow[] {
  if (layers.length === 0 || layers.some((l) => l.fileBits === undefined)) return []
  const bits = sum(layers, (l) => l.fileBits ?? 0)
  return [{ format: 'file', bits, kept: sum(layers, (l) => l.nonZeros), general: true }]
}

/** PPS of the ready-made sets (periodic.ts), by the taps that they keep of nine. */
const PERIODIC = [1, 2, 4]

/**
 * Names of one pattern of each family that comes close to a density: N:M and complementary with a power of two, CGS of 16 x 16 blocks,
 * PPS of 3 x 3 kernels. None at density 1.
 */
export function familiesAt(density: number): string[] {
  if (!(density > 0 && density < 1)) return []
  const of = 2 ** Math.min(8, Math.max(1, Math.round(-Math.log2(density))))
  const taps = PERIODIC.reduce((a, b) => (Math.abs(b - 9 * density) < Math.abs(a - 9 * density) ? b : a))
  const ratio = Number((1 / density).toFixed(3))
  return [of === 2 ? '2:4' : `1:${of}`, `complementary:${of}`, `cgs:16/${ratio}`, `PS${taps}_P8`]
}

export interface MemoryPart {
  /** Of the dense network. */
  readonly weights: number
  readonly bits: number
  /** One in `ratio` weights is stored. Default 1. */
  readonly ratio?: number
}

/** Weight memory of layers at different bits and ratios, against 32 bits a weight; no index, as for masks that a seed draws. */
export function weightMemory(parts: readonly MemoryPart[]): { readonly bits: number; readonly reduction: number } {
  const bits = sum(parts, (p) => (p.weights * p.bits) / (p.ratio ?? 1))
  return { bits, reduction: (32 * sum(parts, (p) => p.weights)) / bits }
}
