/**
 * Bits of level tensors from densities alone: the raw codes that papers count, and the entropy that no order-0 code
 * beats. Densities are those of the coats, d[0] >= d[1] >= ...: d[i] is the share of weights with |level| > i.
 */
import { WhiteDwarfError } from '../errors.js'
import { elements, type Graph, inferShapes, isWeighted, type Shape, weightShape } from '../graph/ir.js'
import type { MaxLevel } from '../kernels/levels.js'
import type { Coats } from './supermask.js'

/** Signs that are learned cost a bit for each weight that is kept, those of a generator nothing. */
export type SignBits = 'learned' | 'seeded'

/** Coats that keep d, d (N - 1) / N, ..., d / N: every magnitude is as frequent. */
export function uniformDensities(density: number, coats: Coats): number[] {
  return Array.from({ length: coats }, (_, i) => (density * (coats - i)) / coats)
}

/**
 * Bits per weight of the hierarchical raw code: one for the first coat, one for each further coat where the coat before
 * has the weight, and one for the sign of each weight that is kept.
 */
export function hierarchicalBits(densities: readonly number[], signs: SignBits = 'learned'): number {
  checkDensities(densities)
  const further = densities.slice(0, -1).reduce((a, b) => a + b, 0)
  return 1 + further + (signs === 'learned' ? densities[0] : 0)
}

/** Bits per weight of an ideal code for independent levels: the entropy of the magnitude, and the sign. */
export function entropyBitsPerWeight(densities: readonly number[], signs: SignBits = 'learned'): number {
  checkDensities(densities)
  const steps = [1, ...densities, 0]
  const shares = steps.slice(0, -1).map((d, i) => d - steps[i + 1])
  const magnitude = shares.reduce((bits, p) => bits - (p > 0 ? p * Math.log2(p) : 0), 0)
  return magnitude + (signs === 'learned' ? densities[0] : 0)
}

/** How often each level from -maxLevel to maxLevel occurs. */
export function levelCounts(levels: Int8Array, maxLevel: MaxLevel): number[] {
  const counts = new Uint32Array(2 * maxLevel + 1)
  for (let i = 0; i < levels.length; i++) counts[maxLevel + levels[i]]++
  return Array.from(counts)
}

/** Order-0 entropy in bits of all levels with these counts; seeded signs cost nothing. */
export function countedBits(counts: readonly number[], signs: SignBits): number {
  const n = counts.reduce((a, b) => a + b, 0)
  const zero = counts.length >> 1
  const symbols = signs === 'learned' ? counts : counts.slice(zero).map((c, i) => c + (i === 0 ? 0 : counts[zero - i]))
  return symbols.reduce((bits, c) => bits - (c > 0 ? c * Math.log2(c / n) : 0), 0)
}

/** What a hidden network stores, by the rule of its papers: no entropy coding, and no running statistics. */
export interface RawSize {
  /** Weights that carry mask bits. */
  readonly weights: number
  /** Densities of the coats. */
  readonly densities: readonly number[]
  readonly signs: SignBits
  /** Channels of batch normalisation with a learned scale and shift, 32 bits each. */
  readonly learnedNorms: number
}

/** Of the generator of the signs. */
const SEED_BITS = 32

/**
 * Bytes by the rule of hidden-fold networks (Garcia-Arias et al., BMVC 2021) and multicoated supermasks (Okoshi et al., ICML
 * 2022): the first coat's bit for each weight; for coat i + 1 a bit for each weight of coat i; a 32-bit seed, or for learned
 * signs a bit for each weight that is kept; learned batch normalisation as float32.
 */
export function rawBytes({ weights, densities, signs, learnedNorms }: RawSize): number {
  checkDensities(densities)
  const kept = (density: number) => Math.ceil(weights * density)
  const further = densities.slice(0, -1).reduce((sum, d) => sum + kept(d), 0)
  const signBits = signs === 'learned' ? kept(densities[0]) : SEED_BITS
  return (weights + further + signBits + 64 * learnedNorms) / 8
}

export interface StoredCounts {
  /** Weights that several nodes share count once. */
  readonly weights: number
  /** Channels of batch normalisation, all of them. */
  readonly norms: number
  /** Those that hidden-fold networks learn: behind nodes that share weights, as each iteration of a folded block has its own. */
  readonly learnedNorms: number
}

/** @throws WhiteDwarfError E_GRAPH, E_SHAPE */
export function storedCounts(graph: Graph): StoredCounts {
  const shapes = inferShapes(graph)
  const shape = (name: string) => shapes.get(name) as Shape
  const weighted = graph.nodes.filter(isWeighted)
  const sharing = new Set(weighted.flatMap((n) => (n.weightsOf === undefined ? [] : [n.name, n.weightsOf])))
  let [weights, norms, learnedNorms] = [0, 0, 0]
  for (const node of weighted) {
    if (node.weightsOf === undefined) weights += elements(weightShape(node, shape(node.inputs[0])))
  }
  for (const node of graph.nodes) {
    if (node.op !== 'batchnorm') continue
    const channels = shape(node.name)[0]
    norms += channels
    if (sharing.has(node.inputs[0])) learnedNorms += channels
  }
  return { weights, norms, learnedNorms }
}

/** Bytes of a network in float32: weights, and scale and shift of batch normalisation. */
export const float32Bytes = ({ weights, norms }: StoredCounts): number => 4 * (weights + 2 * norms)

function checkDensities(densities: readonly number[]): void {
  const fits = densities.every((d, i) => d >= 0 && d <= (i === 0 ? 1 : densities[i - 1]))
  if (densities.length > 0 && fits) return
  throw new WhiteDwarfError(
    'E_OPTION',
    `densities of coats must be at least one number from 0 to 1, none above the one before, got [${densities.join(', ')}]`,
  )
}
