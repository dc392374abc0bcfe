/**
 * A training's whole state as bytes. Continued from them, it ends with the same bits as if it had never stopped.
 *
 *     | 'WDCP' | u32 version | u32 bytes of the header | header: JSON | order | regions ... | u32 CRC-32 of all before |
 *
 * Numbers are little-endian, order is u32, regions are memory as it is (state.ts says which). The header names the options and
 * the data, so that a checkpoint is never continued by another training.
 */
import { WhiteDwarfError } from '../errors.js'
import { crc32 } from '../format/crc32.js'
import { type CheckpointInfo, Clock } from './progress.js'
import type { Settings } from './settings.js'
import { startSums } from './start.js'
import type { TrainState } from './state.js'

const MAGIC = 0x50434457
const VERSION = 1
const PREFIX = 12

interface Header extends CheckpointInfo {
  readonly recipe: Readonly<Record<string, unknown>>
  readonly seconds: number
  readonly testing: number
  readonly rng: readonly number[]
  readonly meter: readonly [number, number, number]
  readonly numbers: readonly number[]
  readonly regions: readonly (readonly [name: string, bytes: number])[]
}

/** Options that say what is reported and kept, not what is learned. */
const SILENT: ReadonlySet<string> = new Set<keyof Settings>([
  'test',
  'testEvery',
  'progressEvery',
  'onProgress',
  'signal',
  'onCheckpoint',
  'checkpointEvery',
  'checkpointMinutes',
  'resume',
  'workers',
])

/** All that determines the bits of a training, data as checksums. */
function recipe(s: Settings): Record<string, unknown> {
  const { images, labels, ...shape } = s.train
  const values: Record<string, unknown> = {
    ...s,
    train: { ...shape, count: labels.length, images: crc32(images), labels: crc32(labels) },
    ...(s.distill && { distill: { ...s.distill, teacher: teacherName(s.distill.teacher) } }),
    ...(s.start && { start: startSums(s.start) }),
  }
  return Object.fromEntries(Object.entries(values).filter(([name]) => !SILENT.has(name)))
}

const teacherName = (teacher: unknown) =>
  teacher instanceof Float32Array
    ? crc32(new Uint8Array(teacher.buffer, teacher.byteOffset, teacher.byteLength))
    : 'function'

/** Writes checkpoints of one training; what never changes is found once. */
export class CheckpointWriter {
  private readonly recipe: Record<string, unknown>

  constructor(s: Settings) {
    this.recipe = recipe(s)
  }

  write(state: TrainState): Uint8Array<ArrayBuffer> {
    const { net, order, regions, clock } = state
    const header: Header = {
      recipe: this.recipe,
      step: state.step,
      seconds: clock.seconds,
      testing: clock.testing,
      rng: state.rng.state,
      meter: state.meter.sums,
      numbers: state.weights.numbers,
      regions: regions.map(({ name, bytes }) => [name, bytes]),
      history: state.history,
    }
    const json = new TextEncoder().encode(JSON.stringify(header))
    const parts = [
      json,
      new Uint8Array(order.buffer, order.byteOffset, order.byteLength),
      ...regions.map(({ address, bytes }) => net.mem.u8(address, bytes)),
    ]
    const out = new Uint8Array(PREFIX + parts.reduce((sum, p) => sum + p.length, 0) + 4)
    const view = new DataView(out.buffer)
    view.setUint32(0, MAGIC, true)
    view.setUint32(4, VERSION, true)
    view.setUint32(8, json.length, true)
    let at = PREFIX
    for (const part of parts) {
      out.set(part, at)
      at += part.length
    }
    view.setUint32(at, crc32(out.subarray(0, at)), true)
    return out
  }
}

/** @throws WhiteDwarfError E_FORMAT when the bytes are no checkpoint, damaged, or of another version */
export function checkpointInfo(bytes: Uint8Array): CheckpointInfo {
  const { step, history } = readHeader(bytes).header
  return { step, history }
}

function readHeader(bytes: Uint8Array): { header: Header; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < PREFIX + 4 || view.getUint32(0, true) !== MAGIC) {
    throw new WhiteDwarfError('E_FORMAT', 'this is not a checkpoint: expected bytes that a training handed out')
  }
  const version = view.getUint32(4, true)
  if (version !== VERSION) {
    throw new WhiteDwarfError(
      'E_FORMAT',
      `the checkpoint has version ${version}, expected ${VERSION}: continue it with the release that wrote it`,
    )
  }
  const last = bytes.length - 4
  if (crc32(bytes.subarray(0, last)) !== view.getUint32(last, true)) throw damaged('its checksum does not match')
  const end = PREFIX + view.getUint32(8, true)
  if (end > last) throw damaged('its header is longer than the file')
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.slice(PREFIX, end)))
  } catch (cause) {
    throw damaged('its header is not JSON', cause)
  }
  if (!isHeader(header)) throw damaged('its header is incomplete')
  return { header, end }
}

const damaged = (why: string, cause?: unknown) =>
  new WhiteDwarfError('E_FORMAT', `the checkpoint is damaged: ${why}; use an older one or start again`, { cause })

const isNumbers = (v: unknown): v is number[] => Array.isArray(v) && v.every((n) => typeof n === 'number')
const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null

function isHeader(h: unknown): h is Header {
  return (
    isRecord(h) &&
    isRecord(h.recipe) &&
    isNumbers([h.step, h.seconds, h.testing]) &&
    Number.isInteger(h.step) &&
    isNumbers(h.rng) &&
    h.rng.length === 4 &&
    isNumbers(h.meter) &&
    h.meter.length === 3 &&
    isNumbers(h.numbers) &&
    Array.isArray(h.regions) &&
    Array.isArray(h.history) &&
    h.history.every((e) => isRecord(e) && isNumbers([e.step, e.epoch, e.loss]))
  )
}

/**
 * Puts a fresh state where a checkpoint was taken, but for the weights' `install`. Everything is checked before anything is
 * changed. Of several parts each does it all: the memory is then the same whoever comes last.
 * @param steps of the whole training
 * @throws WhiteDwarfError E_FORMAT (no checkpoint, damaged, another version, of another state)
 */
export function restore(state: TrainState, bytes: Uint8Array, steps: number): void {
  const { header, end } = readHeader(bytes)
  const { net, order, regions } = state
  const wanted = JSON.stringify(regions.map(({ name, bytes }) => [name, bytes]))
  const size = order.byteLength + regions.reduce((sum, r) => sum + r.bytes, 0)
  const fits =
    JSON.stringify(header.regions) === wanted &&
    end + size === bytes.length - 4 &&
    header.step >= 0 &&
    header.step <= steps &&
    header.numbers.length === state.weights.numbers.length
  if (!fits) throw damaged('it does not hold what its options call for')
  // A copy, because the bytes may lie anywhere and u32 must not.
  const saved = new Uint32Array(bytes.slice(end, end + order.byteLength).buffer)
  if (saved.some((k) => k >= order.length)) throw damaged('an index of the training data is out of range')

  order.set(saved)
  let at = end + order.byteLength
  for (const { address, bytes: n } of regions) {
    net.mem.u8(address, n).set(bytes.subarray(at, at + n))
    at += n
  }
  state.step = header.step
  state.rng.state = header.rng
  state.weights.numbers = header.numbers
  state.meter.sums = header.meter
  state.history.push(...header.history)
  state.clock = new Clock(header.seconds, header.testing)
}

/**
 * Compares option by option, through JSON: that is what a checkpoint holds.
 * @throws WhiteDwarfError E_OPTION when a checkpoint is of a training with other options or data, naming the first that differs;
 * E_FORMAT
 */
export function checkRecipe(bytes: Uint8Array, s: Settings): void {
  const saved = readHeader(bytes).header.recipe
  const mine = recipe(s)
  const text = (value: unknown) => JSON.stringify(value) ?? 'nothing'
  const short = (value: string) => (value.length > 60 ? `${value.slice(0, 60)}...` : value)
  for (const name of new Set([...Object.keys(mine), ...Object.keys(saved)])) {
    const [theirs, ours] = [text(saved[name]), text(mine[name])]
    if (theirs === ours) continue
    const what =
      name === 'graph'
        ? 'of another graph'
        : name === 'train'
          ? 'of other training data'
          : name === 'start'
            ? 'from another start'
            : `with ${name} ${short(theirs)}, not ${short(ours)}`
    throw new WhiteDwarfError(
      'E_OPTION',
      `the checkpoint is of a training ${what}: continue it with its own options, or start without it`,
    )
  }
}
