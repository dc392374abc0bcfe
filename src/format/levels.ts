/** Level tensors in the coded stream. The codes themselves are in kernels/ref/entropy, which the WebAssembly decoder equals. */
import { elements } from '../graph/ir.js'
import type { CodedArray } from '../graph/model.js'
import type { BitCoder } from '../kernels/ref/entropy/coder.js'
import { codeContextRow } from '../kernels/ref/entropy/context.js'
import { beginLevels, beginTensor, decodeRow, endRow } from '../kernels/ref/entropy/rows.js'
import { encodeRuns } from '../kernels/ref/entropy/runs.js'
import { arraysOf, stateBytes } from '../kernels/ref/entropy/state.js'
import { Mem } from '../kernels/row.js'
import { MODES, type TensorHeader } from './header.js'
import { damaged } from './limits.js'

/** Sizes of a level tensor as a matrix: rows are outputs, columns their inputs. */
export function matrixOf(shape: readonly number[]): { rows: number; cols: number } {
  return { rows: shape[0], cols: elements(shape) / shape[0] }
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
