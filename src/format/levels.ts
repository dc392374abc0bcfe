/** Level tensors in the coded stream: picks the mode's code and applies seeded signs. */
import type { CodedArray } from '../graph/model.js'
import { Mem } from '../kernels/row.js'
import type { BitCoder } from './coder.js'
import { beginContext, beginContextTensor, codeContextRow } from './context.js'
import { MODES, type TensorHeader } from './header.js'
import { damaged } from './limits.js'
import { beginRuns, decodeRunsRow, encodeRuns } from './runs.js'
import { drawSigns } from './signs.js'
import { fillRates } from './slots.js'
import { arraysOf, stateBytes, WORD } from './state.js'

/** Sizes of a level tensor as a matrix: rows are outputs, columns their inputs. */
export function matrixOf(shape: readonly number[]): { rows: number; cols: number; plane: number } {
  const plane = shape.length === 4 ? shape[2] * shape[3] : 1
  return { rows: shape[0], cols: shape[1] * plane, plane }
}

/** The numbers that the kernel entropy_tensor takes between its state and its classes. */
export function tensorArguments(t: TensorHeader): number[] {
  const { rows, cols } = matrixOf(t.shape)
  const signs = t.signSeed === undefined ? 0 : t.signSeed + 1
  return [rows, cols, t.plane, t.width, t.maxLevel, signs, t.shape.length === 4 ? 1 : 0, MODES.indexOf(t.mode)]
}

/** The class of each row, 0..7, by the size of its scale: rows with few non-zero levels tend to have large scales. */
export function rowClasses(scale: CodedArray): Uint8Array {
  if (scale.kind === 'f16') return Uint8Array.from(scale.codes, (code) => (code >>> 10) & 7)
  const shift = Math.max(0, scale.bits - 3)
  return Uint8Array.from(scale.codes, (code) => code >>> shift)
}

/** Codes the level tensors of one file in their order. */
export class LevelCoder {
  private readonly coder: BitCoder
  private readonly mem: Mem
  private readonly row: number
  private readonly classes: number

  constructor(coder: BitCoder, tensors: readonly TensorHeader[]) {
    const { maxCols, maxRows } = largest(tensors)
    this.coder = coder
    this.classes = stateBytes(maxCols, maxRows)
    this.mem = new Mem(new ArrayBuffer((this.classes + maxRows + 7) & ~7))
    this.row = arraysOf(0, maxCols, maxRows).levels
    beginLevels(this.mem, 0, maxCols, maxRows)
  }

  encode(t: TensorHeader, classes: Uint8Array, levels: Int8Array): void {
    const { rows, cols } = this.begin(t, classes)
    if (t.mode === 'runs') encodeRuns(this.coder, this.mem, 0, levels)
    for (let r = 0; r < rows; r++) {
      this.mem.i8.set(levels.subarray(r * cols, (r + 1) * cols), this.row)
      if (t.mode === 'context') codeContextRow(this.coder, this.mem, 0, this.row)
      endRow(this.mem, 0, this.row)
    }
  }

  decode(t: TensorHeader, classes: Uint8Array): Int8Array {
    const { rows, cols } = this.begin(t, classes)
    const levels = new Int8Array(rows * cols)
    for (let r = 0; r < rows; r++) {
      decodeRow(this.coder, this.mem, 0, this.row)
      levels.set(this.mem.i8.subarray(this.row, this.row + cols), r * cols)
      if (this.coder.overrun) throw damaged('the levels run past the end of the file')
    }
    return levels
  }

  private begin(t: TensorHeader, classes: Uint8Array): { rows: number; cols: number } {
    this.mem.u8.set(classes, this.classes)
    beginTensor(this.mem, 0, [...tensorArguments(t), this.classes])
    return matrixOf(t.shape)
  }
}

/** What the state must be sized for. */
export function largest(tensors: readonly TensorHeader[]): { maxCols: number; maxRows: number } {
  let [maxCols, maxRows] = [0, 0]
  for (const { shape } of tensors) {
    const { rows, cols } = matrixOf(shape)
    maxCols = Math.max(maxCols, cols)
    maxRows = Math.max(maxRows, rows)
  }
  return { maxCols, maxRows }
}

/** Tables and slots for a new file. */
export function beginLevels(mem: Mem, state: number, maxCols: number, maxRows: number): void {
  const w = state >> 2
  mem.u32.fill(0, w + WORD.rows / 4, w + WORD.maxCols / 4)
  mem.u32[w + WORD.maxCols / 4] = maxCols
  mem.u32[w + WORD.maxRows / 4] = maxRows
  fillRates(mem, state)
  beginContext(mem, state)
}

/** Sets the words of a tensor and forgets what was learned of the last. `args` as tensorArguments, then the pointer to the row classes. */
export function beginTensor(mem: Mem, state: number, args: readonly number[]): void {
  const w = state >> 2
  const u32 = mem.u32
  const at = arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4])
  const before = u32[w + WORD.rows / 4]
  u32.copyWithin(at.producerCounts >> 2, at.rowCounts >> 2, (at.rowCounts >> 2) + before)
  u32.set(args, w + WORD.rows / 4)
  u32[w + WORD.row / 4] = 0
  u32[w + WORD.producers / 4] = before
  u32.fill(0, at.columnCounts >> 2, (at.columnCounts >> 2) + args[1])
  beginRuns(mem, state)
  beginContextTensor(mem, state)
}

/** Decodes the next row to `row`, one byte per level. */
export function decodeRow(coder: BitCoder, mem: Mem, state: number, row: number): void {
  const w = state >> 2
  if (mem.u32[w + WORD.mode / 4] === 1) decodeRunsRow(coder, mem, state, row)
  else codeContextRow(coder, mem, state, row)
  if (mem.u32[w + WORD.signs / 4] !== 0) applySigns(mem, state, row)
  endRow(mem, state, row)
}

function endRow(mem: Mem, state: number, row: number): void {
  const w = state >> 2
  const u32 = mem.u32
  let count = 0
  for (let c = 0; c < u32[w + WORD.cols / 4]; c++) count += mem.i8[row + c] !== 0 ? 1 : 0
  const r = u32[w + WORD.row / 4]++
  u32[(arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4]).rowCounts >> 2) + r] = count
}

/** Gives the magnitudes of the next row the signs of their generators. */
function applySigns(mem: Mem, state: number, row: number): void {
  const w = state >> 2
  const u32 = mem.u32
  const [r, cols] = [u32[w + WORD.row / 4], u32[w + WORD.cols / 4]]
  const at = arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4])
  const words = mem.u16.subarray(at.signWords >> 1, (at.signWords >> 1) + cols)
  if (r % 16 === 0) {
    const states = mem.u16.subarray(at.signStates >> 1, (at.signStates >> 1) + cols)
    const plane = u32[w + WORD.conv / 4] ? u32[w + WORD.plane / 4] : 0
    drawSigns(words, states, u32[w + WORD.signs / 4] - 1, plane, r >>> 4)
  }
  for (let c = 0; c < cols; c++) if ((words[c] >>> (r % 16)) & 1) mem.i8[row + c] = -mem.i8[row + c]
}
