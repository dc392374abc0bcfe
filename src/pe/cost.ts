/**
 * What one layer takes on one array, as every model of an array tells it: cycles, what the elements did in them, what was read and
 * written, and how often the parts of the array were used. report.ts makes energy and totals of it.
 */
import type { Band } from './units.js'

/** What the processing elements did, in element-cycles: cycles * elements in all. */
export interface Slots {
  /** Multiply-accumulates (or bit operations) that count. */
  readonly useful: number
  /** On zeros, where the array cannot skip them. */
  readonly zeros: number
  /** Waiting for others of the same group that have more to do. */
  readonly imbalance: number
  /** Waiting for other groups, or for a signal to go on. */
  readonly sync: number
  /** No work, because the layer's sizes are no multiples of the array's. */
  readonly edge: number
  /** Filling and draining pipelines and queues. */
  readonly fill: number
  /** Waiting for data. */
  readonly bandwidth: number
}

export const NO_SLOTS: Slots = { useful: 0, zeros: 0, imbalance: 0, sync: 0, edge: 0, fill: 0, bandwidth: 0 }

export const MEMORIES = ['weights', 'activations', 'outputs', 'index', 'dram'] as const
export type MemoryName = (typeof MEMORIES)[number]

export interface Traffic {
  readonly memory: MemoryName
  readonly readBits: number
  readonly writeBits: number
}

/** So many times something that takes so much energy, at the array's node and voltage. */
export interface Activity {
  /** What plots stack: 'compute', 'registers', 'network', 'gather', 'control', ... */
  readonly component: string
  readonly event: string
  readonly count: number
  /** Picojoules each. */
  readonly energy: Band
}

export interface LayerCost {
  readonly cycles: number
  readonly slots: Slots
  /** Multiply-accumulates of which no operand is zero, as far as the model knows its operands. */
  readonly effectual: number
  readonly traffic: readonly Traffic[]
  readonly activity: readonly Activity[]
  /** What the reader should know of this layer's figures. */
  readonly notes?: readonly string[]
}
