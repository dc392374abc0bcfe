/**
 * Layers whose levels are at hand as a matrix, those of 8 bits and those of a pattern: which kernel computes their products. The
 * choice is by estimated time; lanes of values are settled with it.
 */
import { laneBytes } from '../kernels/lanes.js'
import { type Panel, panelsOf } from '../patterns/panels.js'
import type { BlockPattern, PeriodicPattern } from '../patterns/pattern.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import {
  countLevels,
  DENSE_TILE,
  groupPanels,
  type LevelCounts,
  prefersDense,
  writeDenseLevels,
  writeProgram,
} from './byte-levels.js'
import { emitDepthwise, prefersDepthwise, writeDepthwiseLevels } from './depthwise.js'
import { emitDenseLevels } from './emit.js'
import { CAPACITY, chooseLanes, type LevelSums, sumBound } from './lanes.js'
import type { Lowered, Op } from './lower.js'
import { emitPairs, type PairLayer, pairLayer, writePairs } from './pairs.js'
import { emitPanels, panelProducts, writePanels } from './panels.js'
import { programProduct, programRequest } from './products.js'
import { PAIR_COST, RATES } from './rates.js'
import type { Product, Weighted } from './site.js'

/** What a layer's products can run on; 'program': the gather kernels. */
type Choice = 'program' | 'pairs' | 'panels' | 'dense' | 'depthwise'

/** Those that read i16 and sum in i32. */
const WIDE: readonly Choice[] = ['panels', 'dense', 'depthwise']

/**
 * Chooses kernels for the layers whose levels are at hand, and lanes for all values.
 * @param matrices levels by the tensor's name
 * @param sums level sums of the other layers, by operation; those of these layers are added
 * @returns writes the weights and gives the products; to be called once
 */
export function chooseLevelProducts(
  lowered: Lowered,
  weighted: ReadonlyMap<Op, Weighted>,
  matrices: ReadonlyMap<string, Int8Array>,
  sums: Map<string, LevelSums>,
  batch: number,
  instance: WasmInstance,
  arena: Arena,
): () => [Op, Product][] {
  const layers = [...weighted.values()].flatMap((w) => {
    const levels = matrices.get(w.tensor.name)
    return levels === undefined ? [] : [new MatrixLayer(w, levels)]
  })
  for (const { w, counts } of layers) sums.set(w.op.name, counts.sums)
  const wide = new Map<Op, Choice>()
  const choose = () => {
    wide.clear()
    for (const layer of layers) {
      const choice = layer.choose()
      if (WIDE.includes(choice)) wide.set(layer.w.op, choice)
    }
    return wide.size
  }
  // A value that another layer needs wider leaves its readers to programs, which may need wider values again.
  for (let before = Infinity; choose() < before; ) {
    before = wide.size
    chooseLanes(lowered, sums, (op) => wide.has(op) || weighted.get(op)?.scalar === true)
  }
  return () => layers.map((layer) => [layer.w.op, layer.write(layer.choose(), batch, instance, arena)])
}

/** One layer, its levels, and what each kernel would have to do. */
class MatrixLayer {
  readonly counts: LevelCounts
  /** Of the pattern, where its rows have columns in common. */
  private readonly regular: readonly Panel[] | undefined
  private readonly panels: readonly Panel[]
  private readonly pairLayer: PairLayer | undefined

  constructor(
    readonly w: Weighted,
    private readonly levels: Int8Array,
  ) {
    const { tensor, geometry } = w
    const { rows, cols, shape, maxLevel = 127, pattern } = tensor
    const shared = pattern !== undefined && pattern.kind !== 'groups' && geometry.groups === 1
    this.regular = shared ? panelsOf(pattern, shape) : undefined
    this.panels = this.regular ?? groupPanels(rows, cols, geometry.groups)
    this.counts = countLevels(levels, rows, maxLevel, this.panels)
    if (shared && !w.scalar && maxLevel < 127) {
      this.pairLayer = pairLayer(levels, rows, maxLevel, this.panels, shape[1], pairDistance(pattern))
    }
  }

  /** The kernel with the least estimated time of those that can compute the layer with its input's lanes as they are. */
  choose(): Choice {
    const { w } = this
    const { digits, nonzeros } = this.counts
    const { lane } = w.op.x
    const density = nonzeros / this.levels.length
    if (w.scalar) {
      const panels = panelProducts(this.panels) / RATES.panels_i16
      return lane === 'i16' && panels < digits / RATES.gather_scalar_i16 ? 'panels' : 'program'
    }
    if (prefersDepthwise(w, density)) return 'depthwise'
    if (this.regular === undefined) {
      const dense = lane === 'i16' && prefersDense(density, this.panels[0].count)
      return dense ? 'dense' : 'program'
    }
    if (lane === 'f32') return 'program'
    return this.fastest(lane)
  }

  /** Of the kernels for layers with a pattern. */
  private fastest(lane: 'i16' | 'i32'): Choice {
    const { w, panels, counts } = this
    const fits = sumBound(w.op.x, counts.sums) <= CAPACITY.i16
    const lanes = lane === 'i16' && fits ? 'i16' : 'i32'
    const vectors = Math.ceil((w.geometry.flat * laneBytes(lanes)) / 16) / RATES[`gather_${lanes}`]
    const times: [Choice, number][] = [
      ['program', counts.digits * vectors],
      ['pairs', this.pairTimes() * vectors],
    ]
    if (lane === 'i16') {
      // A pair of columns takes two multiplications, one for either half of the i32 sums.
      const products = panels.reduce((sum, { count, columns }) => sum + wholeTiles(count) * columns.length, 0)
      times.push(['dense', (products * Math.ceil(w.geometry.flat / 8)) / RATES.dense_i16])
    }
    return times.reduce((best, other) => (other[1] < best[1] ? other : best))[0]
  }

  /** Additions over pairs for each output, and what takes as long as making the planes of the pairs. */
  private pairTimes(): number {
    const { pairLayer } = this
    return pairLayer === undefined ? Infinity : pairLayer.additions + pairLayer.pairs.length * PAIR_COST
  }

  /** Writes the weights of a choice. */
  write(choice: Choice, batch: number, instance: WasmInstance, arena: Arena): Product {
    const { w, levels, panels, counts } = this
    const { rows, maxLevel = 127 } = w.tensor
    const known = { lane: 'i32' as const, nonzeros: counts.nonzeros, sums: counts.sums }
    switch (choice) {
      case 'depthwise': {
        const weights = writeDepthwiseLevels(levels, w, instance, arena)
        const emit: Product['emit'] = (op, layer, _, ...rest) => emitDepthwise(op, layer, weights, ...rest)
        return { ...known, kernel: 'depthwise_i16', fused: true, bytes: weights.bytes, emit }
      }
      case 'dense': {
        const weights = writeDenseLevels(levels, rows, panels, programRequest(w), instance, arena)
        const emit: Product['emit'] = (op, layer, ...rest) => emitDenseLevels(op, layer, weights, ...rest)
        return { ...known, kernel: 'dense_i16', bytes: weights.bytes, emit }
      }
      case 'panels': {
        const weights = writePanels(levels, rows, panels, instance, arena)
        const emit: Product['emit'] = (op, layer, ...rest) => emitPanels(op, layer, weights, ...rest)
        return { ...known, kernel: 'panels_i16', bytes: weights.bytes, emit }
      }
      case 'pairs': {
        const { lane } = w.op.x
        const program = writePairs(this.pairLayer as PairLayer, w, batch, instance, arena)
        const emit: Product['emit'] = (op, layer, ...rest) => emitPairs(op, layer, program, ...rest)
        return { ...known, lane, kernel: `pairs_${lane}`, bytes: program.bytes, pairs: program.scratch, emit }
      }
      case 'program':
        return programProduct(w, writeProgram(levels, counts, rows, maxLevel, programRequest(w), instance, arena))
    }
  }
}

/** Channels between those whose weights are there together: periodic kernels repeat. */
const pairDistance = (pattern: BlockPattern | PeriodicPattern): number =>
  pattern.kind === 'periodic' ? pattern.taps.length : 1

const wholeTiles = (rows: number): number => Math.ceil(rows / DENSE_TILE) * DENSE_TILE
