/** Levels from scores and thresholds: the plain form of the kernels in assembly/train/levels.ts. */
import { elements, type Shape } from '../graph/ir.js'
import type { Rng } from '../rng.js'
import { layerDensities } from './densities.js'
import type { Frozen, Supermask } from './supermask.js'
import { chooseThresholds, type ScoreGroup } from './thresholds.js'

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

/** Scores of one layer as training leaves them. */
export interface MaskedLayer {
  readonly name: string
  /** [out, in, kh, kw] or [out, in] */
  readonly shape: Shape
  readonly scores: Float32Array
  /** Signs that are given, 0 where they are learned; absent: all learned. */
  readonly signs?: Int8Array
  /** -1 pruned, 1 locked, 0 free; absent: all free. */
  readonly frozen?: Int8Array
}

/** Levels of all layers of a network at a mask's density: what training does, in one call. Not for scope 'fixed'. */
export function levelsAt(layers: readonly MaskedLayer[], mask: Supermask): Int8Array[] {
  const densities = layerDensities(layers, mask, mask.density)
  const groups = layers.map(
    ({ scores, shape, frozen }): ScoreGroup => ({
      scores,
      scale: mask.scope === 'global' ? Math.sqrt(elements(shape) / shape[0]) : 1,
      ...(frozen && { frozen }),
    }),
  )
  const alone = (i: number) => mask.scope !== 'global' || Object.hasOwn(mask.densities, layers[i].name)
  const together = groups.filter((_, i) => !alone(i))
  const shared = together.length > 0 ? chooseThresholds(together, mask) : new Float32Array(mask.coats)
  return layers.map((layer, i) => {
    const thresholds = alone(i) ? chooseThresholds([groups[i]], mask, densities[i]) : shared
    const levels = levelsFromScores(groups[i], thresholds, layer.signs)
    if (mask.leastPerRow > 0) fillRows(layer, mask.leastPerRow, levels)
    return levels
  })
}

/** Gives rows with too few non-zero levels levels of 1 at their largest scores, as the kernel fill_rows. */
function fillRows({ shape, scores, signs, frozen }: MaskedLayer, least: number, levels: Int8Array): void {
  const cols = levels.length / shape[0]
  for (let r = 0; r < shape[0]; r++) {
    const row = Array.from({ length: cols }, (_, c) => r * cols + c)
    const missing = least - row.filter((i) => levels[i] !== 0).length
    if (missing <= 0) continue
    const free = row.filter((i) => levels[i] === 0 && (frozen?.[i] ?? 0) >= 0)
    free.sort((i, j) => Math.abs(scores[j]) - Math.abs(scores[i]) || i - j)
    for (const i of free.slice(0, missing)) levels[i] = (signs?.[i] || Math.sign(scores[i])) < 0 ? -1 : 1
  }
}
