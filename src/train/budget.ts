/**
 * Training towards a byte budget. Between choices of levels the size of the file is predicted,
 *
 *   bytes = overhead + ratio * (order-0 entropy of the levels) / 8
 *
 * and the density moves so that it becomes the budget. Overhead (graph, constants) and ratio (what the coder makes of
 * the entropy) come from real files, encoded ever more rarely. The last choice encodes until it is as large as it may be.
 */
import { densityRange, largestWithin, slackFor } from '../compress/budget.js'
import type { MaskedLayer } from '../compress/levels.js'
import { countedBits, levelCounts } from '../compress/size-formulas.js'
import type { Supermask } from '../compress/supermask.js'
import { WhiteDwarfError } from '../errors.js'
import { encodeModel, readWd } from '../format/wd.js'
import { type Folded, foldGraph } from '../graph/fold.js'
import { rangedValues } from '../graph/ranges.js'
import { foldModel } from './export.js'
import type { Network } from './network.js'
import { trainedNorms } from './norms.js'
import type { ConstantBits } from './quantise.js'
import type { TrainedNetwork } from './trained.js'

/** The part of the masked weights that a budget steers. */
export interface Steered {
  /** Sets thresholds for a density, and the levels that they give. */
  readonly choose: (density: number) => void
  readonly trained: () => Pick<TrainedNetwork, 'tensors'>
  readonly layers: () => readonly MaskedLayer[]
}

/** The file's ranges are not known before the end: about a byte each is set aside. */
const RANGE_BYTES = 1
/** Another real file when there have been this much more choices than at the last one. */
const RARER = 1.1
/** Largest factor between one choice and the next: what the coder makes of levels changes as they settle. */
const MOST_STEP = 1.2

export class BudgetKeeper {
  private readonly folded: Folded
  private readonly ranges: Readonly<Record<string, number>>
  private readonly range: ReturnType<typeof densityRange>
  /** The density to arrive at, as it looks now. */
  private target: number
  private ratio = 1
  private overhead = 0
  private choices = 0
  private nextFile = 1

  /** @throws WhiteDwarfError E_GRAPH when the network cannot be exported */
  constructor(
    private readonly net: Network,
    private readonly mask: Supermask,
    private readonly budget: number,
    private readonly weights: Steered,
  ) {
    this.folded = foldGraph(net.graph)
    this.ranges = Object.fromEntries([...rangedValues(this.folded.graph)].map((name) => [name, 128]))
    this.range = densityRange(weights.layers(), mask)
    this.target = mask.density
  }

  get density(): number {
    return this.target
  }

  /** All of the state, for checkpoints. */
  get numbers(): readonly number[] {
    return [this.target, this.ratio, this.overhead, this.choices, this.nextFile]
  }

  set numbers(values: readonly number[]) {
    ;[this.target, this.ratio, this.overhead, this.choices, this.nextFile] = values
  }

  /** Moves the density towards the one whose file fits. Leaves levels of the density before. */
  steer(): void {
    this.weights.choose(this.target)
    const { tensors } = this.weights.trained()
    const signs = this.mask.signs === 'learned' ? 'learned' : 'seeded'
    const bits = Object.values(tensors).reduce(
      (sum, t) => sum + countedBits(levelCounts(t.levels, t.maxLevel), signs),
      0,
    )
    this.choices++
    if (this.choices >= this.nextFile) {
      const { bytes, levels } = this.file()
      this.ratio = bits > 0 ? (8 * levels) / bits : 1
      this.overhead = bytes - levels
      this.nextFile = Math.ceil(RARER * this.choices) + 1
    }
    const room = this.room - this.overhead
    if (room <= 0) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `a budget of ${this.budget} bytes is too small: the graph and the constants alone take ${Math.ceil(this.overhead)}; allow more, or fewer bits for constants`,
      )
    }
    const change = (8 * room) / Math.max(1, this.ratio * bits)
    const { n, least, most } = this.range
    const target = this.target * Math.min(MOST_STEP, Math.max(1 / MOST_STEP, change))
    this.target = Math.min(most / n, Math.max(least / n, target))
  }

  /** Chooses the levels with the highest density whose file fits. */
  settle(): void {
    const { n, least, most } = this.range
    const range = { least, most, guess: this.target * n, slack: slackFor(n, this.budget) }
    const { k } = largestWithin(this.room, range, (k) => {
      this.weights.choose(k / n)
      return this.file().bytes
    })
    this.target = k / n
    this.weights.choose(this.target)
  }

  /** Bytes that the file may have while its ranges are not known. */
  private get room(): number {
    return this.budget - RANGE_BYTES * Object.keys(this.ranges).length
  }

  /** Size of the file with the levels and the batch normalisation of now; the part of levels is fractional. */
  private file(): { bytes: number; levels: number } {
    const { net, folded, ranges } = this
    const bits = this.mask.constantBits as ConstantBits
    const trained = { graph: net.graph, ...this.weights.trained(), norms: trainedNorms(net) }
    const model = foldModel(trained, folded, { scaleBits: bits, biasBits: bits })
    const bytes = encodeModel({ graph: folded.graph, ...model, ranges })
    return { bytes: bytes.length, levels: readWd(bytes).size.levels }
  }
}
