/** Random patterns, and models whose levels keep to them. */
import { elements, type Graph } from '../../src/graph/ir.js'
import type { LevelTensor, Model } from '../../src/graph/model.js'
import type { MaxLevel } from '../../src/kernels/levels.js'
import { project } from '../../src/patterns/mask.js'
import { misfit, type Pattern } from '../../src/patterns/pattern.js'
import { Rng } from '../../src/rng.js'
import { denseModel, randomLevels } from './models.js'

export const FAMILIES = ['out', 'in', 'in-strided', 'blocks', 'periodic'] as const
export type Family = (typeof FAMILIES)[number]

/** A random pattern of a family for weights of a shape; undefined where there is none. */
export function randomPattern(rng: Rng, family: Family, shape: readonly number[]): Pattern | undefined {
  const [out, ins, kh = 1, kw = 1] = shape
  const whole = (low: number, high: number) => low + rng.below(high - low + 1)
  const groups = (length: number): Pattern | undefined => {
    if (length < 2) return undefined
    const of = whole(2, Math.min(length, rng.below(8) ? 8 : 256))
    return {
      kind: 'groups',
      axis: family as 'out' | 'in' | 'in-strided',
      of,
      keep: rng.below(2) ? 1 : whole(1, of - 1),
    }
  }
  switch (family) {
    case 'out': {
      const pattern = groups(out)
      if (pattern === undefined || rng.below(2)) return pattern
      const order = Array.from({ length: out }, (_, i) => i)
      rng.shuffle(order)
      return order.every((filter, i) => filter === i) ? pattern : ({ ...pattern, order } as Pattern)
    }
    case 'in':
      return groups(ins)
    case 'in-strided': {
      const cols = ins * kh * kw
      const divisors = Array.from({ length: Math.min(cols, 256) }, (_, i) => i + 1).filter(
        (n) => n > 1 && cols % n === 0,
      )
      if (divisors.length === 0) return undefined
      const of = divisors[rng.below(divisors.length)]
      return { kind: 'groups', axis: 'in-strided', of, keep: whole(1, of - 1) }
    }
    case 'blocks': {
      if (ins < 2) return undefined
      const ratio = () => (rng.below(2) ? whole(1, 8) : 1 + 8 * rng.float())
      const block = whole(1, Math.min(8, Math.floor(ins / 2)))
      const pattern = { kind: 'blocks', block, ratio: ratio(), seed: rng.u32() } as const
      const parts = Array.from({ length: block }, (_, i) => i + 1).filter((n) => block % n === 0)
      if (rng.below(2)) return pattern
      return { ...pattern, inner: { block: parts[rng.below(parts.length)], ratio: ratio() } }
    }
    case 'periodic': {
      if (shape.length !== 4 || kh !== kw) return undefined
      const most = kh * kw
      const same = whole(1, most)
      const taps = Array.from({ length: whole(1, 6) }, () => {
        const set = Array.from({ length: most }, (_, tap) => tap)
        rng.shuffle(set)
        return set.slice(0, rng.below(2) ? same : whole(1, most)).sort((a, b) => a - b)
      })
      return { kind: 'periodic', kernel: kh, taps, rotate: rng.below(2) === 1 }
    }
  }
}

/** The tensor with a pattern, and zeros where it has none. */
export function onPattern(rng: Rng, tensor: LevelTensor, pattern: Pattern): LevelTensor {
  const mask = project(
    pattern,
    tensor.shape,
    tensor.levels.map((level) => (level === 0 ? 0 : 1 + rng.below(127))),
  )
  return { ...tensor, levels: tensor.levels.map((level, i) => level * mask[i]), pattern }
}

/** The model with random patterns on most of the tensors that can have one. */
export function withPatterns(rng: Rng, model: Model): Model {
  const tensors = Object.entries(model.tensors).map(([name, tensor]): [string, LevelTensor] => {
    const pattern = randomPattern(rng, FAMILIES[rng.below(FAMILIES.length)], tensor.shape)
    const fits = pattern !== undefined && misfit(pattern, tensor.shape) === undefined && rng.below(5) > 0
    return [name, fits ? onPattern(rng, tensor, pattern) : tensor]
  })
  return { ...model, tensors: Object.fromEntries(tensors) }
}

/** The same without patterns. */
export function withoutPatterns(model: Model): Model {
  const tensors = Object.entries(model.tensors).map(([name, { pattern: _, ...tensor }]) => [name, tensor])
  return { ...model, tensors: Object.fromEntries(tensors) }
}

/** One layer on a pattern: dense, or a convolution of an image of 4 x 4. @param density of the weights that the pattern keeps */
export function patternedLayer(
  seed: number,
  shape: readonly number[],
  pattern: Pattern,
  maxLevel: MaxLevel,
  density: number,
): Model {
  const rng = new Rng(seed)
  const full = onPattern(rng, { shape, maxLevel, levels: randomLevels(rng, elements(shape), maxLevel, 1) }, pattern)
  const levels = full.levels.map((level) => (rng.float() < density ? level : 0))
  const tensor = { ...full, levels }
  const [out, ins, kh, kw] = shape
  const model = denseModel(out, elements(shape) / out, maxLevel, levels)
  const graph: Graph =
    shape.length === 2
      ? model.graph
      : {
          inputs: [{ name: 'image', shape: [ins, 4, 4], scale: [1 / 255], offset: [0] }],
          nodes: [
            {
              op: 'conv2d',
              name: 'fc1',
              inputs: ['image'],
              channels: out,
              kernel: [kh, kw],
              stride: [1, 1],
              pad: [1, 1, 1, 1],
            },
          ],
          outputs: ['fc1'],
        }
  return { ...model, graph, tensors: { fc1: tensor }, ranges: { [graph.inputs[0].name]: 128 } }
}
