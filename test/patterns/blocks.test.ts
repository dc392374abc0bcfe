/** CGS and HCGS: how many blocks stay, where, and that a seed determines them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BlockPattern, capacity, keptAreas, project, violation } from '../../src/patterns.js'
import { blockCase, count, difference, seededLevels } from './arbitrary.js'

const outer = ({ kind, block, ratio, seed }: BlockPattern): BlockPattern => ({ kind, block, ratio, seed })

function rowsOf<A extends readonly number[]>(areas: readonly A[]): Map<number, A[]> {
  const rows = new Map<number, A[]>()
  for (const area of areas) rows.set(area[0], [...(rows.get(area[0]) ?? []), area])
  return rows
}

describe('blocks', () => {
  it('are as many in each row of blocks, none of them twice', () => {
    fc.assert(
      fc.property(blockCase, ({ pattern, shape }) => {
        const { block, ratio } = pattern
        const areas = keptAreas(outer(pattern), shape)
        const rows = rowsOf(areas)
        expect([...rows.keys()]).toEqual(Array.from({ length: Math.ceil(shape[0] / block) }, (_, r) => r * block))
        const columns = Math.ceil(shape[1] / block)
        for (const row of rows.values()) {
          expect(row).toHaveLength(Math.max(1, Math.round(columns / ratio)))
          const places = row.map(([, x]) => x / block)
          expect(places).toEqual([...new Set(places)].sort((a, b) => a - b))
          expect(places.every((c) => Number.isInteger(c) && c < columns)).toBe(true)
        }
      }),
    )
  })

  it('leave no column of blocks out where there are enough', () => {
    fc.assert(
      fc.property(blockCase, ({ pattern, shape }) => {
        const areas = keptAreas(outer(pattern), shape)
        const used = new Set(areas.map(([, x]) => x)).size
        expect(used).toBe(Math.min(areas.length, Math.ceil(shape[1] / pattern.block)))
      }),
    )
  })

  it('keep exactly one in `ratio` where that divides', () => {
    for (const [block, ratio] of [
      [16, 2],
      [16, 8],
      [32, 4],
      [64, 8],
    ]) {
      const pattern: BlockPattern = { kind: 'blocks', block, ratio, seed: 3 }
      expect(capacity(pattern, [256, 512, 3, 3])).toBe((256 * 512 * 9) / ratio)
    }
    const hierarchical: BlockPattern = { kind: 'blocks', block: 64, ratio: 4, seed: 3, inner: { block: 16, ratio: 4 } }
    expect(capacity(hierarchical, [512, 512])).toBe((512 * 512) / 16)
  })

  it('are those of their seed', () => {
    fc.assert(
      fc.property(blockCase, ({ pattern, shape }) => {
        const again = project({ ...pattern }, shape, seededLevels(shape, 1))
        expect(difference(project(pattern, shape, []), again)).toBe(-1)
      }),
    )
    const mask = (seed: number) => project({ kind: 'blocks', block: 8, ratio: 4, seed }, [64, 64], [])
    expect(mask(1)).not.toEqual(mask(2))
  })

  it('within blocks lie in the blocks of the same seed without them, as many in each of their rows', () => {
    fc.assert(
      fc.property(blockCase, ({ pattern, shape }) => {
        fc.pre(pattern.inner !== undefined)
        const inner = pattern.inner as { block: number; ratio: number }
        const parents = keptAreas(outer(pattern), shape)
        const areas = keptAreas(pattern, shape)
        let found = 0
        for (const [y, x, h, w] of parents) {
          const inside = areas.filter(([v, u]) => v >= y && v < y + h && u >= x && u < x + w)
          found += inside.length
          const columns = Math.ceil(w / inner.block)
          const wanted = Math.max(1, Math.round(columns / inner.ratio))
          expect(inside).toHaveLength(wanted * Math.ceil(h / inner.block))
          for (const row of rowsOf(inside).values()) expect(row).toHaveLength(wanted)
        }
        expect(found).toBe(areas.length)
      }),
    )
  })

  it('cover the mask, with all taps', () => {
    fc.assert(
      fc.property(blockCase, ({ pattern, shape }) => {
        const [out, ins] = shape
        const taps = count(shape.slice(2))
        const expected = new Uint8Array(count(shape))
        for (const [y, x, h, w] of keptAreas(pattern, shape)) {
          expect(y + h <= out && x + w <= ins && h > 0 && w > 0).toBe(true)
          for (let n = y; n < y + h; n++) {
            for (let c = x; c < x + w; c++) for (let t = 0; t < taps; t++) expected[(n * ins + c) * taps + t]++
          }
        }
        expect(difference(project(pattern, shape, []), expected)).toBe(-1)
      }),
    )
  })

  it('are violated by a weight beside them', () => {
    const pattern: BlockPattern = { kind: 'blocks', block: 2, ratio: 2, seed: 5 }
    const mask = project(pattern, [4, 8], [])
    expect(violation(pattern, [4, 8], mask)).toBeUndefined()
    const beside = mask.indexOf(0)
    mask[beside] = 1
    expect(violation(pattern, [4, 8], mask)).toBe(`weight ${beside} is not zero, but not on the pattern`)
  })
})
