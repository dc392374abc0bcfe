/** Level tensors in the coded stream: picks the mode's code and applies seeded signs. */
import { Mem } from '../kernels/row.js'
import type { BitCoder } from './coder.js'
import { beginContext, beginContextTensor, codeContextRow } from './context.js'
import { MODES, type TensorHeader } from './header.js'
import { damaged } from './limits.js'
import { beginRuns, decodeRunsRow, encodeRuns } from './runs.js'
import { drawSigns } from './signs.js'
import { columnArrays, stateBytes, WORD } from './state.js'

/** Sizes of a level tensor as a matrix: rows are outputs, columns their inputs. */
export function matrixOf(shape: readonly number[]): { rows: number; cols: number; plane: number } {
  const plane = shape.length === 4 ? shape[2] * shape[3] : 1
  return { rows: shape[0], cols: shape[1] * plane, plane }
}

/** Parameters of entropy_tensor, in its order. */
export function tensorArguments(t: TensorHeader): number[] {
  const { rows, cols, plane } = matrixOf(t.shape)
  const signs = t.signSeed === undefined ? 0 : t.signSeed + 1
  return [rows, cols, plane, t.width, t.maxLevel, signs, t.shape.length === 4 ? 1 : 0, MODES.indexOf(t.mode)]
}

/** Codes the level tensors of one file, one after the other: what they share is that a tensor begins where the last ended. */
export class LevelCoder {
  private readonly coder: BitCoder
  private readonly mem: Mem

  constructor(coder: BitCoder, tensors: readonly TensorHeader[]) {
    this.coder = coder
    this.mem = new Mem(new ArrayBuffer(stateBytes(tensors.reduce((most, t) => Math.max(most, matrixOf(t.shape).cols), 0))))
    beginLevels(this.mem, 0)
  }

  encode(t: TensorHeader, levels: Int8Array): void {
    beginTensor(this.mem, 0, tensorArguments(t))
    const { rows, cols } = matrixOf(t.shape)
    if (t.mode === 'runs') {
      encodeRuns(this.coder, this.mem, 0, levels)
    } else {
      for (let r = 0; r < rows; r++) codeContextRow(this.coder, this.mem, 0, levels.subarray(r * cols, (r + 1) * cols))
    }
  }

  decode(t: TensorHeader): Int8Array {
    beginTensor(this.mem, 0, tensorArguments(t))
    const { rows, cols } = matrixOf(t.shape)
    const levels = new Int8Array(rows * cols)
    for (let r = 0; r < rows; r++) {
      decodeRow(this.coder, this.mem, 0, levels.subarray(r * cols, (r + 1) * cols))
      if (this.coder.overrun) throw damaged('the levels run past the end of the file')
    }
    return levels
  }
}

export function beginLevels(mem: Mem, state: number): void {
  beginContext(mem, state)
}

/** Sets the words of a tensor and forgets what was learned of the last. `args` as tensorArguments gives them. */
export function beginTensor(mem: Mem, state: number, args: readonly number[]): void {
  const [rows, cols, plane, width, maxLevel, signs, conv, mode] = args
  const w = state >> 2
  mem.u32.set([rows, cols, plane, width, maxLevel, signs, conv, mode, 0], w + WORD.rows / 4)
  if (mode === 1) beginRuns(mem, state)
  else beginContextTensor(mem, state)
}

/** Decodes the next row. */
export function decodeRow(coder: BitCoder, mem: Mem, state: number, row: Int8Array): void {
  const w = state >> 2
  if (mem.u32[w + WORD.mode / 4] === 1) decodeRunsRow(coder, mem, state, row)
  else codeContextRow(coder, mem, state, row)
  const seeded = mem.u32[w + WORD.signs / 4] !== 0
  if (seeded) applySigns(mem, state, row)
  mem.u32[w + WORD.row / 4]++
}

/** Gives the magnitudes of the next row the signs of its generator. */
function applySigns(mem: Mem, state: number, row: Int8Array): void {
  const w = state >> 2
  const [r, cols, plane] = [mem.u32[w + WORD.row / 4], mem.u32[w + WORD.cols / 4], mem.u32[w + WORD.plane / 4]]
  const at = columnArrays(state, cols)
  const words = mem.u16.subarray(at.signWords >> 1, (at.signWords >> 1) + cols)
  if (r % 16 === 0) {
    const states = mem.u16.subarray(at.signStates >> 1, (at.signStates >> 1) + cols)
    drawSigns(words, states, mem.u32[w + WORD.signs / 4] - 1, mem.u32[w + WORD.conv / 4] ? plane : 0, r >>> 4)
  }
  for (let k = 0; k < cols; k++) if ((words[k] >>> (r % 16)) & 1) row[k] = -row[k]
}
