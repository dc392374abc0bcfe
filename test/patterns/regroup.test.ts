/** Regrouping and ownership transfer, on random weights against plain counts. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { transfer } from '../../src/patterns/transfer.js'
import { capacity, type GroupPattern, largestOfGroups, regroup } from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'

const shapes = fc.record({
  out: fc.integer({ min: 2, max: 14 }),
  in: fc.integer({ min: 1, max: 4 }),
  taps: fc.integer({ min: 1, max: 2 }),
  of: fc.integer({ min: 2, max: 5 }),
  keep: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
})

const normals = (n: number, seed: number) => {
  const rng = new Rng(seed)
  return Float32Array.from({ length: n }, () => rng.normal())
}

/** Sum of |weight| that a pattern keeps. */
const kept = (pattern: GroupPattern, shape: number[], weights: Float32Array) =>
  largestOfGroups(pattern, shape, weights).reduce((sum, m, i) => sum + (m === 1 ? Math.abs(weights[i]) : 0), 0)

describe('regroup', () => {
  it('keeps at least as much, with each filter once, groups in one order', () => {
    fc.assert(
      fc.property(shapes, ({ out, in: ins, taps, of, keep, seed }) => {
        const shape = [out, ins, taps, 1]
        const pattern: GroupPattern = { kind: 'groups', axis: 'out', of, keep: Math.min(keep, of - 1) }
        const weights = normals(out * ins * taps, seed)
        const order = regroup(pattern, shape, weights, new Rng(seed))
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: out }, (_, n) => n))
        const before = kept(pattern, shape, weights)
        expect(kept({ ...pattern, order }, shape, weights)).toBeGreaterThanOrEqual(before - 1e-6)
        expect(regroup(pattern, shape, weights, new Rng(seed))).toEqual(order)
        const full = Math.floor(out / of)
        const firsts = Array.from({ length: full }, (_, g) => order[g * of])
        expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
        for (let g = 0; g * of < out; g++) {
          const group = order.slice(g * of, (g + 1) * of)
          expect(group).toEqual([...group].sort((a, b) => a - b))
        }
      }),
    )
  })

  it('begins with the order that a pattern has, and loses nothing of it', () => {
    const shape = [8, 6]
    const weights = normals(48, 3)
    const pattern: GroupPattern = { kind: 'groups', axis: 'out', of: 4, keep: 1 }
    const order = regroup(pattern, shape, weights, new Rng(1))
    const again = regroup({ ...pattern, order }, shape, weights, new Rng(2))
    expect(kept({ ...pattern, order: again }, shape, weights)).toBeGreaterThanOrEqual(
      kept({ ...pattern, order }, shape, weights) - 1e-6,
    )
  })

  it('finds filters that do not collide', () => {
    // Filters 0 and 1 have the same places, 2 and 3 the others: as they are each pair loses half.
    const weights = Float32Array.of(1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1)
    const pattern: GroupPattern = { kind: 'groups', axis: 'out', of: 2, keep: 1 }
    const order = regroup(pattern, [4, 4], weights, new Rng(1))
    expect(kept(pattern, [4, 4], weights)).toBe(4)
    expect(kept({ ...pattern, order }, [4, 4], weights)).toBe(8)
  })
})

describe('transfer', () => {
  it('moves the smallest to the members that gain most; the pattern keeps as many', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.constantFrom<'out' | 'in'>('out', 'in'),
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ out, in: ins, taps, of, keep, seed }, axis, share) => {
          const shape = [out, ins, taps, 1]
          const pattern: GroupPattern = { kind: 'groups', axis, of, keep: Math.min(keep, of - 1) }
          const n = out * ins * taps
          const scores = normals(n, seed)
          const gains = normals(n, seed + 1)
          const states = Int8Array.from(largestOfGroups(pattern, shape, scores), (m) => m - 1)
          const before = states.slice()
          const owners = capacity(pattern, shape)
          const count = Math.floor(share * owners)
          const moves = transfer(pattern, shape, states, scores, (i) => gains[i], count)
          expect(moves.length).toBeLessThanOrEqual(count)
          expect(states.filter((s) => s === 0).length).toBe(owners)
          expect(new Set(moves.map(([from]) => from)).size).toBe(moves.length)
          expect(new Set(moves.map(([, to]) => to)).size).toBe(moves.length)
          const sizes = scores.map(Math.abs)
          const bar = [...sizes].filter((_, i) => before[i] === 0).sort((a, b) => a - b)[Math.max(0, count - 1)]
          for (const [from, to] of moves) {
            expect([before[from], before[to], states[from], states[to]]).toEqual([0, -1, -1, 0])
            expect(sizes[from]).toBeLessThanOrEqual(bar)
          }
          // Nobody who stayed outside gains more than one who came in, within a group of the outputs.
          if (axis === 'out') {
            const cols = ins * taps
            const groupOf = (i: number) => `${Math.floor(Math.floor(i / cols) / of)} ${i % cols}`
            for (const [, to] of moves) {
              for (let i = 0; i < n; i++) {
                if (groupOf(i) === groupOf(to) && before[i] < 0 && states[i] < 0)
                  expect(gains[i]).toBeLessThanOrEqual(gains[to])
              }
            }
          }
        },
      ),
    )
  })

  it('moves as many as it should among equal scores', () => {
    const pattern: GroupPattern = { kind: 'groups', axis: 'in', of: 2, keep: 1 }
    const states = Int8Array.from({ length: 20 }, (_, i) => (i % 2) - 1)
    const moves = transfer(pattern, [1, 20], states, new Float32Array(20).fill(0.5), () => 1, 3)
    expect(moves).toEqual([
      [1, 0],
      [3, 2],
      [5, 4],
    ])
  })
})
