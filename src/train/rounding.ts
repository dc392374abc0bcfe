/**
 * Rounding activations while training, as inference will: every value that the deployed network stores on a grid
 * (graph/ranges.ts) is rounded in place in the forward pass. Gradients pass straight through. A value's range is the
 * largest |x| of recent batches, rounded up to what a file can hold.
 */
import { foldGraph } from '../graph/fold.js'
import { elements } from '../graph/ir.js'
import { rangeCode, rangeMax } from '../graph/model.js'
import { nonnegativeValues, rangeOwners } from '../graph/ranges.js'
import { type Fp8Format, GRID_BYTES, type Grid, gridScale, gridWords, INT8 } from '../kernels/grid.js'
import type { Network } from './network.js'

/** Share by which a range shrinks per batch that does not reach it. */
const FORGET = 0.01

interface Place {
  readonly grid: Grid | Fp8Format
  /** Addresses of the grid's descriptor and of the range. */
  readonly descriptor: number
  readonly range: number
  /** Whether the range is the value's own; else that of one which it was pooled or moved from. */
  readonly owner: boolean
}

export class Rounding {
  /** Off: forward passes compute in f32. */
  active = false
  private readonly values = new Map<string, Place>()
  /** A word for each of up to 64 parts: the largest |x| it has seen. As large for any number of them, for checkpoints. */
  private readonly slots: number

  /**
   * @param gridOf of all values but the network's inputs, which are 8-bit integers in every precision
   * @throws WhiteDwarfError E_GRAPH when batch normalisation cannot be folded
   */
  constructor(
    private readonly net: Network,
    gridOf: (nonnegative: boolean) => Grid | Fp8Format,
  ) {
    const { mem } = net
    const folded = foldGraph(net.graph)
    const owners = rangeOwners(folded.graph)
    /** By the names of the folded graph. */
    const places = new Map<string, Place>()
    const nonnegative = nonnegativeValues(folded.graph)
    const inputs = new Set(net.graph.inputs.map((input) => input.name))
    for (const [original, name] of folded.values) {
      const owner = owners.get(name)
      if (owner === undefined) continue
      const known = places.get(owner)
      if (known !== undefined) {
        this.values.set(original, { ...known, owner: false })
        continue
      }
      const own = inputs.has(original) ? INT8 : gridOf(nonnegative.has(name))
      const place = { grid: own, descriptor: mem.bytes(GRID_BYTES), range: mem.words(1), owner: true }
      places.set(name, place)
      mem.u8(place.descriptor, GRID_BYTES).set(gridWords(own, false, false))
      mem.f32(place.range, 1)[0] = 0
      this.values.set(original, place)
    }
    this.slots = mem.words(64)
  }

  /** The ranges as they are: the largest |x| of each value that has its own. */
  ranges(): Record<string, number> {
    const own = [...this.values].filter(([, place]) => place.owner)
    return Object.fromEntries(own.map(([name, { range }]) => [name, this.net.mem.f32(range, 1)[0]]))
  }

  /** Rounds the value of this name, if it is one that inference rounds. @param measure whether its range may change */
  apply(name: string, measure: boolean): void {
    const place = this.values.get(name)
    if (!this.active || place === undefined) return
    const { grid, descriptor, range, owner } = place
    const { mem } = this.net
    const { kernels, part } = mem
    const [begin, end] = mem.range(elements(this.net.shape(name)) * this.net.batch, 4)
    const x = this.net.value(name).value + 4 * begin
    if (measure && owner) {
      mem.f32(this.slots, part.count)[part.index] = kernels.max_abs_f32(x, end - begin)
      part.barrier()
      if (part.index === 0) {
        const largest = mem.f32(this.slots, part.count).reduce((a, b) => Math.max(a, b), 0)
        const known = mem.f32(range, 1)
        known[0] = Math.max(largest, known[0] * (1 - FORGET))
      }
      part.barrier()
    }
    const scale = gridScale(grid, rangeMax(rangeCode(mem.f32(range, 1)[0])))
    kernels.round_f32(x, end - begin, scale, 1 / scale, descriptor)
    part.barrier()
  }
}
