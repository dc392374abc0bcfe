/** Patterns, layers that they fit, and levels, for property tests. */
import fc from 'fast-check'
import { type BlockPattern, type GroupPattern, misfit, type Pattern, type PeriodicPattern } from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

const convShape = fc
  .tuple(
    fc.integer({ min: 1, max: 13 }),
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom([1, 1], [3, 3], [2, 3], [5, 5]),
  )
  .map(([out, ins, kernel]) => [out, ins, ...kernel])
const denseShape = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 40 })).map((s) => [...s])
const anyShape = fc.oneof(convShape, denseShape)

export interface Case<P extends Pattern> {
  readonly pattern: P
  readonly shape: readonly number[]
}

const fitting = <P extends Pattern>(cases: fc.Arbitrary<Case<P>>): fc.Arbitrary<Case<P>> =>
  cases.filter(({ pattern, shape }) => misfit(pattern, shape) === undefined)

/** Every axis, groups that divide the axis and that do not, with an order of filters and without. */
export const groupCase: fc.Arbitrary<Case<GroupPattern>> = fitting(
  fc
    .tuple(
      anyShape,
      fc.constantFrom('out', 'in', 'in-strided'),
      fc.integer({ min: 2, max: 9 }),
      fc.nat(),
      fc.option(fc.nat()),
    )
    .map(([shape, axis, of, keep, seed]): Case<GroupPattern> => {
      const pattern = { kind: 'groups', axis, of, keep: 1 + (keep % (of - 1)) } as const
      if (axis !== 'out' || seed === null) return { pattern, shape }
      const order = Array.from({ length: shape[0] }, (_, n) => n)
      new Rng(seed).shuffle(order)
      return { pattern: { ...pattern, order }, shape }
    }),
)

/** Blocks that divide the layer and that do not, with inner blocks and without. */
export const blockCase: fc.Arbitrary<Case<BlockPattern>> = fitting(
  fc
    .record({
      shape: fc.oneof(
        anyShape,
        fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 8, max: 70 })).map((s) => [...s]),
      ),
      inner: fc.constantFrom(undefined, 1, 2, 3),
      block: fc.integer({ min: 1, max: 4 }),
      ratio: fc.constantFrom(1, 2, 2.5, 4, 16),
      seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    })
    .map(({ shape, inner, block, ratio, seed }): Case<BlockPattern> => {
      if (inner === undefined) return { shape, pattern: { kind: 'blocks', block, ratio, seed } }
      return {
        shape,
        pattern: { kind: 'blocks', block: block * inner, ratio, seed, inner: { block: inner, ratio: 2 } },
      }
    }),
)

/** Any sets of taps, also empty ones, of kernels of several sizes. */
export const periodicCase: fc.Arbitrary<Case<PeriodicPattern>> = fc
  .record({
    kernel: fc.integer({ min: 1, max: 5 }),
    out: fc.integer({ min: 1, max: 40 }),
    ins: fc.integer({ min: 1, max: 9 }),
    rotate: fc.boolean(),
  })
  .chain(({ kernel, out, ins, rotate }) =>
    fc
      .array(fc.subarray(Array.from({ length: kernel ** 2 }, (_, t) => t)), { minLength: 1, maxLength: 10 })
      .filter((taps) => taps.some((set) => set.length > 0))
      .map((taps) => ({
        shape: [out, ins, kernel, kernel],
        pattern: { kind: 'periodic', kernel, taps, rotate } as const,
      })),
  )

export const anyCase: fc.Arbitrary<Case<Pattern>> = fc.oneof(groupCase, blockCase, periodicCase)

/** Levels -7..7 by a seed, many of them zero. */
export function seededLevels(shape: readonly number[], seed: number): Int8Array {
  const rng = new Rng(seed)
  return Int8Array.from({ length: count(shape) }, () => Math.max(-7, Math.min(7, Math.round(3 * rng.normal()))))
}

export const masked = (levels: Int8Array, mask: Uint8Array): Int8Array => levels.map((level, i) => level * mask[i])

/** Where two arrays differ first, -1 if they do not: comparing them by `toEqual` takes a hundred times as long. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i
  return -1
}
