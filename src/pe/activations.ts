/** How many of a layer's inputs are not zero, and how large they are, counted while a network runs. */
import { WhiteDwarfError } from '../errors.js'
import { type Graph, inferShapes, isWeighted, type Shape } from '../graph/ir.js'

/** Of one layer's inputs those that are not zero. */
export interface ActiveInputs {
  /** How many numbers of each channel were looked at. */
  readonly of: number
  /** [channels], or [features] of a vector: how many of them were not zero. */
  readonly perChannel: Uint32Array
  /** [2^bits]: share of inputs of each magnitude, as whole numbers of so many bits. */
  readonly magnitudes?: Float64Array
}

export interface ActivationOptions {
  /** Largest magnitude by value, which becomes 2^bits - 1; of values that are not in it no magnitudes are counted. */
  readonly ranges?: Readonly<Record<string, number>>
  /** Of magnitudes, 1 to 16. Default 8. */
  readonly bits?: number
}

interface Count {
  of: number
  readonly perChannel: Uint32Array
  readonly magnitudes?: Float64Array
  /** Of a number of the value. */
  readonly scale: number
}

/**
 * Counts what weighted layers read, for `WorkloadOptions.activations`. A session of precision 'f32' shows the values:
 *
 *     const counter = new ActivationCounter(model.graph)
 *     await session.observe(feeds, counter.names, counter.visit)
 *     modelWorkload(model, { activations: counter.layers() })
 */
export class ActivationCounter {
  /** Values that weighted layers read. */
  readonly names: ReadonlySet<string>
  private readonly graph: Graph
  private readonly counts: ReadonlyMap<string, Count>

  /** @throws WhiteDwarfError E_OPTION; E_GRAPH, E_SHAPE when the graph is not valid */
  constructor(graph: Graph, { ranges = {}, bits = 8 }: ActivationOptions = {}) {
    if (!(Number.isInteger(bits) && bits >= 1 && bits <= 16)) {
      throw new WhiteDwarfError('E_OPTION', `bits of magnitudes must be a whole number from 1 to 16, got ${bits}`)
    }
    const shapes = inferShapes(graph)
    const count = (name: string): Count => {
      const perChannel = new Uint32Array((shapes.get(name) as Shape)[0])
      const range = ranges[name] ?? 0
      return range > 0
        ? { of: 0, perChannel, magnitudes: new Float64Array(2 ** bits), scale: (2 ** bits - 1) / range }
        : { of: 0, perChannel, scale: 0 }
    }
    this.graph = graph
    this.names = new Set(graph.nodes.filter(isWeighted).map((node) => node.inputs[0]))
    this.counts = new Map([...this.names].map((name) => [name, count(name)]))
  }

  /** One example's numbers of a value, [C, H, W] or [F]; other values than `names` are passed over. */
  readonly visit = (name: string, values: Float32Array): void => {
    const count = this.counts.get(name)
    if (count === undefined) return
    const { perChannel, magnitudes, scale } = count
    const size = values.length / perChannel.length
    count.of += size
    for (let c = 0; c < perChannel.length; c++) {
      let active = 0
      for (let i = c * size; i < (c + 1) * size; i++) active += values[i] === 0 ? 0 : 1
      perChannel[c] += active
    }
    if (magnitudes === undefined) return
    const most = magnitudes.length - 1
    for (const value of values) magnitudes[Math.min(most, Math.round(Math.abs(value) * scale))]++
  }

  /** By the names of the layers. Those whose input was not seen are left out. */
  layers(): Record<string, ActiveInputs> {
    const entries = this.graph.nodes.filter(isWeighted).flatMap(({ name, inputs }) => {
      const { of, perChannel, magnitudes } = this.counts.get(inputs[0]) as Count
      if (of === 0) return []
      const shares = magnitudes?.map((n) => n / (of * perChannel.length))
      return [[name, { of, perChannel: perChannel.slice(), ...(shares && { magnitudes: shares }) }] as const]
    })
    return Object.fromEntries(entries)
  }
}
