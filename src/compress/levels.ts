/** Levels from scores and thresholds: the plain form of the kernels in assembly/train/levels.ts. */
import type { Rng } from '../rng.js'
import type { Frozen } from './supermask.js'
import type { ScoreGroup } from './thresholds.js'

/**
 * |level| counts the thresholds that |score| * scale reaches; sign as the score's, or as given where it is not 0. Pruned
 * positions are 0, locked ones at least 1.
 */
export function levelsFromScores(group: ScoreGroup, thresholds: Float32Array, signs?: Int8Array): Int8Array {
  const scale = Math.fround(group.scale)
  return Int8Array.from(group.scores, (a, i) => {
    const state = group.frozen?.[i] ?? 0
    if (state < 0) return 0
    const key = Math.fround(Math.abs(a) * scale)
    let level = 0
    for (const t of thresholds) if (key >= t) level++
    if (state > 0) level = Math.max(1, level)
    const given = signs?.[i] ?? 0
    return (given === 0 ? a < 0 : given < 0) ? -level : level
  })
}

/**
 * Draws which of n positions are pruned (-1), locked (1) or free (0), each independently, and a sign for the locked ones (0
 * elsewhere). Layers draw from one generator in order.
 */
export function drawFrozen(n: number, frozen: Required<Frozen>, rng: Rng): { frozen: Int8Array; signs: Int8Array } {
  const states = new Int8Array(n)
  const signs = new Int8Array(n)
  for (let i = 0; i < n; i++) {
    const u = rng.float()
    if (u < frozen.pruned) states[i] = -1
    else if (u < frozen.pruned + frozen.locked) {
      states[i] = 1
      signs[i] = rng.u32() & 1 ? -1 : 1
    }
  }
  return { frozen: states, signs }
}

/** The factor that gives c * levels the variance 2 / fanIn (He initialisation): sqrt(2 / (fanIn * mean(level^2))). */
export function layerConstant(fanIn: number, sumOfSquares: number, n: number): number {
  return Math.sqrt((2 * n) / (fanIn * Math.max(1, sumOfSquares)))
}
