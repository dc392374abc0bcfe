/**
 * The scalar supermask: real scores become small integer levels by comparing their size with thresholds, one per coat.
 *
 *   |level| = number of coats i with |score| >= threshold[i],   sign: the score's (learned) or a generator's (seeded)
 *
 * One coat is a signed supermask (edge-popup's mask with learned signs), three and seven coats give INT3 and INT4 levels
 * (multicoated supermasks, Okoshi et al., ICML 2022).
 */
import { WhiteDwarfError } from '../errors.js'

export type Coats = 1 | 3 | 7

export interface SupermaskOptions {
  /** Levels run from -coats to coats. Default 1. */
  readonly coats?: Coats
  /** Share of levels that are not zero, in (0, 1]. Default 0.1. */
  readonly density?: number
  /**
   * 'linear': threshold i is i times the first, which makes the level a uniform quantiser of the score. 'uniform': coat
   * i keeps density * (coats - i + 1) / coats of the weights. Default 'linear'.
   */
  readonly thresholds?: 'linear' | 'uniform'
  /**
   * 'global': the density holds for all layers together; layers compete with |score| * sqrt(fan-in). 'layer': it holds
   * in each. Default 'global'.
   */
  readonly scope?: 'global' | 'layer'
  /** 'learned': a level has its score's sign. A number 0..62: signs come from this seed, and cost no bytes. Default 'learned'. */
  readonly signs?: 'learned' | number
}

export type Supermask = Required<SupermaskOptions>

/** Fills in defaults. @throws WhiteDwarfError E_OPTION naming the allowed range */
export function supermask(options: SupermaskOptions = {}): Supermask {
  const { coats = 1, density = 0.1, thresholds = 'linear', scope = 'global', signs = 'learned' } = options
  const refuse = (name: string, allowed: string, got: unknown) => {
    throw new WhiteDwarfError('E_OPTION', `supermask.${name} must be ${allowed}, got ${String(got)}`)
  }
  if (coats !== 1 && coats !== 3 && coats !== 7) refuse('coats', '1, 3 or 7', coats)
  if (!(density > 0 && density <= 1)) refuse('density', 'above 0 and at most 1', density)
  if (thresholds !== 'linear' && thresholds !== 'uniform') refuse('thresholds', "'linear' or 'uniform'", thresholds)
  if (scope !== 'global' && scope !== 'layer') refuse('scope', "'global' or 'layer'", scope)
  if (signs !== 'learned' && !(Number.isInteger(signs) && signs >= 0 && signs <= 62)) {
    refuse('signs', "'learned' or a whole number from 0 to 62", signs)
  }
  return { coats, density, thresholds, scope, signs }
}

/** Scores of one layer and the factor that makes them comparable with other layers'. */
export interface ScoreGroup {
  readonly scores: Float32Array
  readonly scale: number
}

/**
 * Thresholds on |score| * scale, ascending, such that the wanted share of all the groups' scores reaches the first. With no equal
 * scores the count is exact: the nearest whole number to density * n, at least 1.
 */
export function chooseThresholds(groups: readonly ScoreGroup[], mask: Supermask, density = mask.density): Float32Array {
  const n = groups.reduce((sum, g) => sum + g.scores.length, 0)
  const keys = new Float32Array(n)
  let at = 0
  for (const { scores, scale } of groups) {
    const s = Math.fround(scale)
    for (let i = 0; i < scores.length; i++) keys[at++] = Math.abs(scores[i]) * s
  }
  const quantile = (share: number) => kthLargest(keys, Math.min(n, Math.max(1, Math.round(share * n))))
  const { coats } = mask
  if (mask.thresholds === 'uniform') {
    return Float32Array.from({ length: coats }, (_, i) => quantile((density * (coats - i)) / coats))
  }
  const first = quantile(density)
  return Float32Array.from({ length: coats }, (_, i) => first * (i + 1))
}

/**
 * The k-th largest (from 1) of non-negative numbers: their bit patterns sort like the numbers, so three histograms of 11, 11
 * and 10 bits find it exactly.
 */
export function kthLargest(values: Float32Array, k: number): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let prefix = 0
  let above = 32
  for (const shift of [21, 10, 0]) {
    const width = above - shift
    const counts = new Uint32Array(2 ** width)
    const mask = 2 ** width - 1
    for (let i = 0; i < bits.length; i++) {
      if (above === 32 || bits[i] >>> above === prefix) counts[(bits[i] >>> shift) & mask]++
    }
    let digit = mask
    while (k > counts[digit]) k -= counts[digit--]
    prefix = prefix * 2 ** width + digit
    above = shift
  }
  return new Float32Array(Uint32Array.of(prefix).buffer)[0]
}

/** Levels of scores: |level| counts the thresholds that |score| * scale reaches; sign as the score's, or as given. */
export function levelsFromScores(group: ScoreGroup, thresholds: Float32Array, signs?: Int8Array): Int8Array {
  const scale = Math.fround(group.scale)
  return Int8Array.from(group.scores, (a, i) => {
    const key = Math.fround(Math.abs(a) * scale)
    let level = 0
    for (const t of thresholds) if (key >= t) level++
    return (signs === undefined ? a < 0 : signs[i] < 0) ? -level : level
  })
}

/** The factor that gives c * levels the variance 2 / fanIn (He initialisation): sqrt(2 / (fanIn * mean(level^2))). */
export function layerConstant(fanIn: number, sumOfSquares: number, n: number): number {
  return Math.sqrt((2 * n) / (fanIn * Math.max(1, sumOfSquares)))
}
