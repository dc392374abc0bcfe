/** Level tensors in the coded stream: picks the mode's code and applies seeded signs. */
import { Mem } from '../kernels/row.js'
import type { BitCoder } from './coder.js'
import { beginContext, beginContextTensor, codeContextRow } from './context.js'
import { MODES, type TensorHeader } from './header.js'
import { beginRuns, decodeRunsRow, encodeRuns } from './runs.js'
import { fillSignWords, startSigns } from './signs.js'
import { layoutOf, WORD } from './state.js'

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
