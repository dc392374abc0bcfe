/**
 * Seeded signs: the sign of every weight from a 16-bit xorshift generator, so that a file stores only magnitudes.
 * The generator and its seeding are those of BingoGCN (Lo et al., ISCA 2025): the 16 bits of a state are the signs of
 * 16 neighbouring output channels.
 *
 *   step       x ^= x << 7;  x ^= x >> 9;  x ^= x << 8      (16 bits, period 65535)
 *   dense      outputs 16 b .. 16 b + 15, inputs 8 g .. 8 g + 7: seed ((s + 1) << 10) ^ ((b + 1) << 5) ^ (g + 1),
 *              one draw per input
 *   conv       input channel i: seed ((s + 1) << 10) ^ i; draws run over kernel positions (row-major), then over
 *              blocks of 16 outputs
 *
 * A draw is one step and then the state. Output o has sign +1 where bit (o mod 16) of its draw is 0, else -1. Seeds are
 * taken modulo 2^16; 0, which the generator cannot leave, is replaced by 1.
 */
import { WhiteDwarfError } from '../errors.js'

export const MAX_SIGN_SEED = 62

/** The state after `x`. */
export function xorshift16(x: number): number {
  x ^= (x << 7) & 0xffff
  x ^= x >>> 9
  x ^= (x << 8) & 0xffff
  return x
}

export const startState = (seed: number): number => (seed & 0xffff) || 1

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
    throw new WhiteDwarfError('E_SHAPE', `seeded signs need a shape [out, in] or [out, in, kh, kw], got [${shape.join(', ')}]`)
  }
  const rows = shape[0]
  const cols = shape.slice(1).reduce((a, b) => a * b, 1)
  const signs = new Int8Array(rows * cols)
  const draws = new SignDraws(shape, seed)
  for (let r = 0; r < rows; r++) {
    if (r % 16 === 0) draws.nextBlock()
    for (let k = 0; k < cols; k++) signs[r * cols + k] = (draws.words[k] >>> (r % 16)) & 1 ? -1 : 1
  }
  return signs
}

/** The draws of one block of 16 outputs after the other: `words[k]` is the draw for column k. */
class SignDraws {
  readonly words: Uint16Array
  private readonly states: Uint16Array
  private readonly plane: number
  private block = 0
  private readonly conv: boolean
  private readonly seed: number

  constructor(shape: readonly number[], seed: number) {
    this.conv = shape.length === 4
    this.seed = seed
    this.plane = this.conv ? shape[2] * shape[3] : 1
    this.words = new Uint16Array(shape[1] * this.plane)
    this.states = Uint16Array.from({ length: this.conv ? shape[1] : 0 }, (_, i) => startState(((seed + 1) << 10) ^ i))
  }

  nextBlock(): void {
    let x = 0
    for (let k = 0; k < this.words.length; k++) {
      if (this.conv) {
        if (k % this.plane === 0) x = this.states[k / this.plane]
      } else if (k % 8 === 0) {
        x = startState(((this.seed + 1) << 10) ^ ((this.block + 1) << 5) ^ ((k >>> 3) + 1))
      }
      x = xorshift16(x)
      this.words[k] = x
      if (this.conv && (k + 1) % this.plane === 0) this.states[Math.floor(k / this.plane)] = x
    }
    this.block++
  }
}
