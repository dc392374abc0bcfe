/**
 * The .wd file.
 *
 *     0    'W' 'D'
 *     2    version 1, plus 128 if sections follow
 *     3    length of the whole file, LEB128
 *          sections: count, then tag, length and bytes of each (all LEB128 but the bytes)
 *          coded stream: header, params, levels
 *     -4   CRC-32 of all before it, little-endian
 *
 * docs/format.md is the specification.
 */
import { elements } from '../graph/ir.js'
import type { LevelTensor, Model } from '../graph/model.js'
import { RangeDecoder, RangeEncoder } from '../kernels/ref/entropy/coder.js'
import { checkedHeader } from './check.js'
import { Fields } from './fields.js'
import { frame, type Section } from './frame.js'
import { codeHeader, type Header, type Mode, setOwn, type TensorHeader } from './header.js'
import { type CodedTensor, LevelCoder } from './levels.js'
import { damaged, MAX_CONTEXT_WEIGHTS, refuse } from './limits.js'
import * as patterned from './patterned.js'
import {
  claimedBytes,
  classesOf,
  codeConstants,
  codeParams,
  GRACE,
  readFile,
  type StreamPosition,
  type WdFile,
} from './read.js'

export type { StreamPosition, WdFile, WdTensor } from './read.js'

export interface EncodeOptions {
  /** How levels are coded. By default the smaller of both for up to 2^21 weights, the smallest tensors first, `runs` for others. */
  readonly mode?: Mode
  readonly sections?: readonly Section[]
}

/**
 * Writes a model.
 * @throws WhiteDwarfError E_GRAPH, E_SHAPE or E_OPTION for a graph or a pattern that is not valid, E_FORMAT for what the format
 *   cannot hold
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): Uint8Array {
  const header = checkedHeader(model)
  const encode = (tensors: readonly CodedTensor[]) => encodeWith(model, header, tensors, options.sections ?? [])
  const whole = codings(header.tensors, options.mode).map(encode)
  // Each tensor in the coding in which it was smallest: nearly always the best, as tensors hardly depend on each other.
  const mixed = header.tensors.map(
    (_, i) => whole.reduce((best, e) => (e.tensorBits[i] < best.tensorBits[i] ? e : best)).tensors[i],
  )
  const candidates = whole.length > 1 ? [whole[0], encode(mixed), ...whole.slice(1)] : whole
  const readable = candidates.filter((e) => claimedBytes(header, e.tensors) <= e.streamBytes + GRACE)
  if (readable.length === 0) throw refuse('a pattern has too many blocks for how few levels it holds')
  return readable.reduce((best, e) => (e.bytes.length < best.bytes.length ? e : best)).bytes
}

/** The ways of coding all tensors that are tried: the mode, or both modes; and each with tensors as they are, and packed. */
function codings(tensors: readonly TensorHeader[], mode?: Mode): CodedTensor[][] {
  const context = contextModes(tensors)
  if (mode === 'context' && context.includes('runs')) {
    throw refuse(
      `mode 'context' codes at most ${MAX_CONTEXT_WEIGHTS} weights a file, and no 8-bit levels: leave the mode out, or use 'runs'`,
    )
  }
  const lists = mode === undefined ? [context, context.map((): Mode => 'runs')] : [context.map(() => mode)]
  const plain = lists.map((modes) => tensors.map((t, i) => ({ ...t, mode: modes[i] })))
  if (tensors.every((t) => t.pattern === undefined)) return plain
  const packings = tensors.map((t) => t.pattern && patterned.packingOf({ ...t, pattern: t.pattern }))
  const pack = (t: TensorHeader, i: number): CodedTensor => {
    const packing = packings[i]
    return packing === undefined ? t : { ...t, packed: true, packing }
  }
  return [...plain, ...plain.map((list) => list.map(pack))]
}

/** Context mode for the smallest tensors, as many as the limit allows; runs for the others, and for 8-bit levels. */
function contextModes(tensors: readonly TensorHeader[]): Mode[] {
  const modes = tensors.map((): Mode => 'runs')
  const smallestFirst = tensors.map((t, i) => ({ i, size: elements(t.shape) })).sort((a, b) => a.size - b.size)
  let total = 0
  for (const { i, size } of smallestFirst) {
    if (tensors[i].maxLevel === 127) continue
    total += size
    if (total <= MAX_CONTEXT_WEIGHTS) modes[i] = 'context'
  }
  return modes
}

/** Reads a whole model. Round trip: encodeModel(decodeModel(bytes)) gives bytes written by encodeModel again. */
export function decodeModel(bytes: Uint8Array): Model {
  const file = readWd(bytes)
  const coder = resume(bytes, file.levels)
  const levelCoder = new LevelCoder(coder, file.tensors)
  const tensors: Record<string, LevelTensor> = {}
  for (const t of file.tensors) {
    const { name, shape, maxLevel, pattern, signSeed } = t
    const levels = levelCoder.decode(t, t.rowClasses)
    const more = { ...(signSeed !== undefined && { signSeed }), ...(pattern !== undefined && { pattern }) }
    setOwn(tensors, name, { shape, maxLevel, levels, ...more })
  }
  if (!coder.exhausted) throw damaged('the stream of levels is longer than its tensors')
  const { graph, layers, ranges, constants } = file
  return { graph, tensors, layers, ranges, ...(Object.keys(constants).length > 0 && { constants }) }
}

/** Coded size of each level tensor in bytes (fractional), in file order. Decodes all levels. */
export function tensorBytes(bytes: Uint8Array): { name: string; bytes: number }[] {
  const file = readWd(bytes)
  const coder = resume(bytes, file.levels)
  const levelCoder = new LevelCoder(coder, file.tensors)
  return file.tensors.map((t) => {
    const before = coder.bits
    levelCoder.decode(t, t.rowClasses)
    return { name: t.name, bytes: (coder.bits - before) / 8 }
  })
}

/**
 * Checks a file and reads everything but the levels, which the kernels decode (or decodeModel).
 * @throws WhiteDwarfError E_FORMAT
 */
export const readWd = (bytes: Uint8Array): WdFile => readFile(bytes, patterned)

function resume(bytes: Uint8Array, at: StreamPosition): RangeDecoder {
  return RangeDecoder.resume(bytes, at.range, at.code, at.next, at.end)
}

interface Encoded {
  readonly bytes: Uint8Array
  readonly tensors: readonly CodedTensor[]
  readonly tensorBits: readonly number[]
  readonly streamBytes: number
}

function encodeWith(
  model: Model,
  header: Header,
  tensors: readonly CodedTensor[],
  sections: readonly Section[],
): Encoded {
  const coder = new RangeEncoder()
  const f = new Fields(coder)
  codeHeader(f, patterned, { ...header, tensors })
  const classes = classesOf(header, codeParams(f, header, model))
  codeConstants(f, header, model)
  const levelCoder = new LevelCoder(coder, tensors)
  const tensorBits = tensors.map((t, i) => {
    const before = coder.bits
    levelCoder.encode(t, classes[i], model.tensors[t.name].levels)
    return coder.bits - before
  })
  const stream = coder.finish()
  return { bytes: frame(stream, sections), tensors, tensorBits, streamBytes: stream.length }
}
