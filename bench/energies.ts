/** How much of the energy (sum of squares) of random weights each pattern keeps: what it leaves to training. */

import { Rng } from 'whitedwarf/kernels'
import { kernelSets, minePattern, type Pattern, parsePattern, project } from 'whitedwarf/patterns'

export const normals = (count: number, seed: number): Float32Array => {
  const rng = new Rng(seed)
  return Float32Array.from({ length: count }, () => rng.normal())
}

/** The share of the energy where the mask is 1. */
export function keptEnergy(weights: Float32Array, mask: Uint8Array): number {
  let all = 0
  let kept = 0
  weights.forEach((w, i) => {
    all += w * w
    if (mask[i] === 1) kept += w * w
  })
  return kept / all
}

/** Of equal parts of `size` weights each, the share `density` with the most energy stays. */
export function blockEnergy(weights: Float32Array, size: number, density: number): number {
  const energies = new Float64Array(Math.floor(weights.length / size))
  for (let i = 0; i < energies.length * size; i++) energies[Math.floor(i / size)] += weights[i] ** 2
  energies.sort().reverse()
  const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0)
  return sum(energies.subarray(0, Math.round(energies.length * density))) / sum(energies)
}

/** Weights of a side x side layer, drawn by a seed, at a density of 1 / G for each G. */
export function patternEnergies(side = 1024, seed = 1): Record<string, number>[] {
  const weights = normals(side * side, seed)
  const kept = (pattern: Pattern) => keptEnergy(weights, project(pattern, [side, side], weights))
  return [2, 4, 8, 16].map((g) => ({
    g,
    unstructured: blockEnergy(weights, 1, 1 / g),
    fourOf: kept(parsePattern(`4:${4 * g}`)),
    twoOf: kept(parsePattern(`2:${2 * g}`)),
    oneOf: kept(parsePattern(`1:${g}`)),
    complementary: kept(parsePattern(`complementary:${g}`)),
    blocks4: blockEnergy(weights, 4, 1 / g),
    blocks16: blockEnergy(weights, 16, 1 / g),
    blocks64: blockEnergy(weights, 64, 1 / g),
    cgs: kept(parsePattern(`cgs:16/${g}`)),
  }))
}

/** Random 3 x 3 kernels of which 4 taps are kept: any, the best of some sets with the centre, one set for all filters of a channel. */
export function kernelEnergies(side = 256, seed = 1) {
  const shape = [side, side, 3, 3]
  const weights = normals(side * side * 9, seed)
  const sets = kernelSets(weights, shape, 4)
  const bestOf = (count: number) => {
    const mask = new Uint8Array(weights.length)
    const energy = (first: number, taps: readonly number[]) => taps.reduce((sum, t) => sum + weights[first + t] ** 2, 0)
    for (let first = 0; first < weights.length; first += 9) {
      const best = sets.slice(0, count).reduce((a, b) => (energy(first, b.taps) > energy(first, a.taps) ? b : a))
      for (const tap of best.taps) mask[first + tap] = 1
    }
    return keptEnergy(weights, mask)
  }
  const free = new Uint8Array(weights.length)
  for (let first = 0; first < weights.length; first += 9) {
    const order = [...Array(9).keys()].sort((a, b) => Math.abs(weights[first + b]) - Math.abs(weights[first + a]))
    for (const tap of order.slice(0, 4)) free[first + tap] = 1
  }
  const shared = (filters: number) => {
    const layer = [filters, side, 3, 3]
    const some = normals(filters * side * 9, seed + filters)
    return keptEnergy(some, project(minePattern(some, layer, { kept: 4, period: side, rotate: false }), layer, some))
  }
  return {
    sets: sets.length,
    free: keptEnergy(weights, free),
    best: Object.fromEntries([56, 32, 16, 8, 4].map((count) => [count, bestOf(count)])),
    shared: Object.fromEntries([64, 128, 512].map((filters) => [filters, shared(filters)])),
  }
}
