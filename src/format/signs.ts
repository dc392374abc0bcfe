/** Seeded signs: a tensor's signs from a generator, so that a file stores only magnitudes. */
import { WhiteDwarfError } from '../errors.js'
import { drawSigns } from '../kernels/ref/entropy/signs.js'
import { MAX_SIGN_SEED } from './limits.js'

/**
 * Signs (+1 or -1) for weights of shape [out, in] or [out, in, kh, kw].
 * @param seed 0..62
 * @throws WhiteDwarfError E_OPTION for a seed out of range, E_SHAPE for another number of dimensions
 */
export function seededSigns(shape: readonly number[], seed: number): Int8Array {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SIGN_SEED) {
    throw new WhiteDwarfError('E_OPTION', `sign seed must be a whole number from 0 to ${MAX_SIGN_SEED}, got ${seed}`)
  }
  if (shape.length !== 2 && shape.length !== 4) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `seeded signs need a shape [out, in] or [out, in, kh, kw], got [${shape.join(', ')}]`,
    )
  }
  const rows = shape[0]
  const cols = shape.slice(1).reduce((a, b) => a * b, 1)
  const conv = shape.length === 4
  const plane = conv ? shape[2] * shape[3] : 1
  const signs = new Int8Array(rows * cols)
  const words = new Uint16Array(cols)
  const states = new Uint16Array(cols)
  for (let r = 0; r < rows; r++) {
    if (r % 16 === 0) drawSigns(words, states, seed, conv ? plane : 0, r / 16)
    for (let k = 0; k < cols; k++) signs[r * cols + k] = (words[k] >>> (r % 16)) & 1 ? -1 : 1
  }
  return signs
}
