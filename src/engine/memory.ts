/**
 * The memory plan: values and scratch that are not needed at the same time lie in the same place.
 *
 * A value lives from the operation that makes it to the last one that reads it, an output to the end of the run, scratch during one
 * operation.
 *
 * Values in planes are surrounded by zeros that are written once, when the session is created. Such a value shares memory only with
 * values of the same border: zeros at the same places, however many channels they have. Sharing with all others and clearing them in
 * each run would save 2 of 13 MB for a ResNet-50 and take 1 % of its time.
 */
import { laneBytes } from '../kernels/lanes.js'
import { ALIGNMENT, type Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { type Lowered, type Op, operands } from './lower.js'
import { type Block, placeBlocks } from './placement.js'
import { isPlanes, type Value, valueBytes } from './values.js'

export interface Placed extends Block {
  readonly address: number
}

/** Scratch of one operation, in bytes, or where it lies: sums, pooled sums, phase planes, planes of pairs. */
export type Scratch = Readonly<Record<(typeof SCRATCH)[number], number>>

const SCRATCH = ['acc', 'pooled', 'phases', 'pairs'] as const
export const NO_SCRATCH: Scratch = { acc: 0, pooled: 0, phases: 0, pairs: 0 }

export interface MemoryPlan {
  readonly blocks: readonly Placed[]
  readonly scratch: ReadonlyMap<Op, Scratch>
}

/**
 * Lays out all values and the scratch of each operation, and sets the values' addresses. Constants keep memory of their own.
 * @param scratchOf bytes that an operation needs
 * @throws WhiteDwarfError E_MEMORY
 */
export function layOut(
  lowered: Lowered,
  scratchOf: (op: Op) => Scratch,
  batch: number,
  instance: WasmInstance,
  arena: Arena,
): MemoryPlan {
  const requests: Request[] = []
  for (const life of livesOf(lowered)) requests.push(valueRequest(life, batch))
  const scratch = new Map<Op, Scratch>()
  for (const [i, op] of lowered.ops.entries()) {
    const bytes = scratchOf(op)
    const places = { ...NO_SCRATCH } as Record<keyof Scratch, number>
    scratch.set(op, places)
    for (const part of SCRATCH) {
      if (bytes[part] === 0) continue
      const block = { name: `${op.name}: ${part}`, bytes: aligned(bytes[part]), first: i, last: i, border: '' }
      const settle = (address: number) => {
        places[part] = address
      }
      requests.push({ block, settle })
    }
  }
  const blocks = [...byBorder(requests)].flatMap(([border, group]) => {
    const { offsets, bytes } = placeBlocks(group.map((r) => r.block))
    const base = arena.alloc(bytes)
    // Memory that decoding has used and given back is not clean.
    if (border !== '') new Uint8Array(instance.memory.buffer, base, bytes).fill(0)
    return group.map(({ block, settle }, i): Placed => {
      settle(base + offsets[i])
      return { ...block, address: base + offsets[i] }
    })
  })
  for (const value of lowered.values) {
    if (value.constant !== undefined) {
      value.base = arena.alloc(valueBytes(value, batch))
      new Float32Array(instance.memory.buffer, value.base).set(value.constant)
    }
    if (value.alias !== undefined) value.base = value.alias.base
  }
  return { blocks, scratch }
}

interface Request {
  readonly block: Block
  readonly settle: (address: number) => void
}

interface Life {
  readonly value: Value
  readonly first: number
  last: number
  /** Made by an operation that leaves some of its channels zero. */
  readonly partial: boolean
}

/** Values that need memory of their own, with the operations between which they need it. */
function livesOf({ ops, outputs }: Lowered): Iterable<Life> {
  const lives = new Map<Value, Life>()
  for (const [i, op] of ops.entries()) {
    for (const x of operands(op)) {
      const life = lives.get(rootOf(x))
      if (life !== undefined) life.last = i
    }
    const { out } = op
    const partial = op.kind === 'pad' || (op.kind === 'pool' && op.firstChannel !== undefined)
    if (out.alias === undefined && out.constant === undefined) {
      lives.set(out, { value: out, first: i, last: i, partial })
    }
  }
  for (const value of outputs.values()) {
    const life = lives.get(rootOf(value))
    if (life !== undefined) life.last = ops.length
  }
  return lives.values()
}

const rootOf = (value: Value): Value => (value.alias === undefined ? value : rootOf(value.alias))

function valueRequest({ value, first, last, partial }: Life, batch: number): Request {
  const border = partial ? `channels of ${value.name}` : borderOf(value)
  const bytes = valueBytes(value, batch)
  const settle = (address: number) => {
    value.base = address
  }
  // Within a border all sizes, and so all offsets, are whole planes.
  return { block: { name: value.name, bytes: border === '' ? aligned(bytes) : bytes, first, last, border }, settle }
}

function borderOf(value: Value): string {
  if (!isPlanes(value) || value.pad.every((p) => p === 0)) return ''
  const [, height, width] = value.shape
  return `${height} x ${width} + ${value.pad.join()}, ${laneBytes(value.lane)} bytes each`
}

function byBorder(requests: readonly Request[]): Map<string, Request[]> {
  const groups = new Map<string, Request[]>()
  for (const request of requests) {
    const group = groups.get(request.block.border)
    if (group === undefined) groups.set(request.block.border, [request])
    else group.push(request)
  }
  return groups
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
