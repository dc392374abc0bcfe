/** Level tensors in the coded stream. The codes themselves are in kernels/ref/entropy, which the WebAssembly decoder equals. */
import { elements } from '../graph/ir.js'
import type { CodedArray } from '../graph/model.js'
import type { BitCoder } from '../kernels/ref/entropy/coder.js'
import { codeContextRow } from '../kernels/ref/entropy/context.js'
import { beginLevels, beginTensor, decodeRow, endRow } from '../kernels/ref/entropy/rows.js'
import { encodeRuns } from '../kernels/ref/entropy/runs.js'
import { arraysOf, stateBytes } from '../kernels/ref/entropy/state.js'
import { codeSubset } from '../kernels/ref/entropy/subsets.js'
import { Mem } from '../kernels/row.js'
import { MODES, type TensorHeader } from './header.js'
import { damaged } from './limits.js'
import type { Packing } from './patterned.js'

/** A level tensor as it is coded: packed or as it is. */
export interface CodedTensor extends TensorHeader {
  readonly packing?: Packing
  /** Of tensors as they are, with a pattern. @throws WhiteDwarfError E_FORMAT where levels break it */
  readonly checkLevels?: (levels: Int8Array) => void
}

/** Sizes of a level tensor as a matrix: rows are outputs, columns their inputs. */
export function matrixOf(shape: readonly number[]): { rows: number; cols: number } {
  return { rows: shape[0], cols: elements(shape) / shape[0] }
}

/** The numbers that the kernel entropy_tensor takes between its state and its classes. */
export function tensorArguments(t: CodedTensor): number[] {
  const { rows, cols, plane, width } = t.packing ?? { ...matrixOf(t.shape), ...t }
  const signs = t.signSeed === undefined ? 0 : t.signSeed + 1
  return [rows, cols, plane, width, t.maxLevel, signs, t.shape.length === 4 ? 1 : 0, MODES.indexOf(t.mode)]
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

  encode(t: CodedTensor, classes: Uint8Array, levels: Int8Array): void {
    const packed = t.packing?.pack(levels)
    const [rows, cols] = this.begin(t, classes)
    const coded = packed?.levels ?? levels
    if (t.mode === 'runs') encodeRuns(this.coder, this.mem, 0, coded)
    for (let r = 0; r < rows; r++) {
      this.mem.i8.set(coded.subarray(r * cols, (r + 1) * cols), this.row)
      if (t.mode === 'context') codeContextRow(this.coder, this.mem, 0, this.row)
      endRow(this.mem, 0, this.row)
    }
    if (packed !== undefined) this.codeMembers(packed.groups, packed.members)
  }

  decode(t: CodedTensor, classes: Uint8Array): Int8Array {
    const [rows, cols] = this.begin(t, classes)
    const levels = new Int8Array(rows * cols)
    for (let r = 0; r < rows; r++) {
      decodeRow(this.coder, this.mem, 0, this.row)
      levels.set(this.mem.i8.subarray(this.row, this.row + cols), r * cols)
      if (this.coder.overrun) throw damaged('the levels run past the end of the file')
    }
    t.checkLevels?.(levels)
    if (t.packing === undefined) return levels
    return t.packing.unpack(levels, (groups) => this.codeMembers(groups, new Uint8Array(levels.length)))
  }

  /** Which members of each group (PackedWeights) are not zero. */
  private codeMembers(groups: Uint32Array, members: Uint8Array): Uint8Array {
    let at = 0
    for (const group of groups) {
      codeSubset(this.coder, group & 65535, group >>> 16, members, at)
      if (this.coder.overrun) throw damaged('the members of groups run past the end of the file')
      at += group >>> 16
    }
    return members
  }

  /** Returns rows and columns of what is coded. */
  private begin(t: CodedTensor, classes: Uint8Array): number[] {
    this.mem.u8.set(classes, this.classes)
    const args = tensorArguments(t)
    beginTensor(this.mem, 0, [...args, this.classes])
    return args
  }
}

/** What the state must be sized for: packed matrices are never larger than their tensors. */
export function largest(tensors: readonly TensorHeader[]): { maxCols: number; maxRows: number } {
  let [maxCols, maxRows] = [0, 0]
  for (const { shape } of tensors) {
    const { rows, cols } = matrixOf(shape)
    maxCols = Math.max(maxCols, cols)
    maxRows = Math.max(maxRows, rows)
  }
  return { maxCols, maxRows }
}
