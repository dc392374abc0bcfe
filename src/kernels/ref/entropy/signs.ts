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
/** The state after `x`. */
export function xorshift16(x: number): number {
  x ^= (x << 7) & 0xffff
  x ^= x >>> 9
  x ^= (x << 8) & 0xffff
  return x
}

const startState = (seed: number): number => seed & 0xffff || 1

/**
 * Draws the signs of one block of 16 outputs. Blocks must be drawn in order.
 * @param words receives the draw of every column
 * @param states generator of each input channel, kept from block to block (conv only)
 * @param plane kernel positions per input channel, 0 for dense
 */
export function drawSigns(words: Uint16Array, states: Uint16Array, seed: number, plane: number, block: number): void {
  if (plane > 0) {
    const channels = words.length / plane
    for (let i = 0; i < channels; i++) {
      let x = block === 0 ? startState(((seed + 1) << 10) ^ i) : states[i]
      for (let p = 0; p < plane; p++) {
        x = xorshift16(x)
        words[i * plane + p] = x
      }
      states[i] = x
    }
    return
  }
  let x = 0
  for (let k = 0; k < words.length; k++) {
    if (k % 8 === 0) x = startState(((seed + 1) << 10) ^ ((block + 1) << 5) ^ ((k >>> 3) + 1))
    x = xorshift16(x)
    words[k] = x
  }
}
