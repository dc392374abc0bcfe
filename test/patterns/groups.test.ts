/** Groups of weights: which belong together, and that the largest stay. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capacity, eachGroup, parsePattern, project, violation } from '../../src/patterns.js'
import { count, difference, groupCase, masked, seededLevels } from './arbitrary.js'

const seed = fc.nat()
const groupsOf = (pattern: Parameters<typeof eachGroup>[0], shape: readonly number[]): number[][] => {
  const groups: number[][] = []
  eachGroup(pattern, shape, (places, size) => groups.push(Array.from(places.subarray(0, size))))
  return groups
}

describe('groups', () => {
  it('hold every weight once, and differ along their axis only', () => {
    fc.assert(
      fc.property(groupCase, ({ pattern, shape }) => {
        const groups = groupsOf(pattern, shape)
        const all = groups.flat().sort((a, b) => a - b)
        expect(
          difference(
            all,
            Array.from({ length: count(shape) }, (_, i) => i),
          ),
        ).toBe(-1)
        const row = count(shape.slice(1))
        const taps = count(shape.slice(2))
        for (const group of groups) {
          const filters = new Set(group.map((i) => Math.floor(i / row)))
          const columns = new Set(group.map((i) => i % row))
          if (pattern.axis === 'out') {
            expect(columns.size).toBe(1)
            expect(filters.size).toBe(group.length)
            continue
          }
          expect(filters.size).toBe(1)
          const step = pattern.axis === 'in' ? taps : row / pattern.of
          expect(group.every((place, j) => place === group[0] + j * step)).toBe(true)
          if (pattern.axis === 'in') expect(Math.floor((group[0] % row) / taps) % pattern.of).toBe(0)
          else expect(group).toHaveLength(pattern.of)
        }
      }),
    )
  })

  it('of filters follow the order that is given', () => {
    const pattern = { kind: 'groups', axis: 'out', of: 2, keep: 1, order: [3, 0, 2, 1] } as const
    expect(groupsOf(pattern, [4, 2])).toEqual([
      [6, 0],
      [7, 1],
      [4, 2],
      [5, 3],
    ])
  })

  it('at the edge are smaller', () => {
    expect(groupsOf({ kind: 'groups', axis: 'in', of: 4, keep: 2 }, [1, 6])).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ])
    expect(groupsOf({ kind: 'groups', axis: 'out', of: 2, keep: 1 }, [3, 1])).toEqual([[0, 1], [2]])
  })
})

describe('projection on groups', () => {
  it('keeps as many as allowed of each, the largest, the first of equal ones', () => {
    fc.assert(
      fc.property(groupCase, seed, ({ pattern, shape }, s) => {
        const levels = seededLevels(shape, s)
        const mask = project(pattern, shape, levels)
        expect(mask.reduce((a, b) => a + b, 0)).toBe(capacity(pattern, shape))
        for (const group of groupsOf(pattern, shape)) {
          const sorted = [...group.keys()].sort(
            (a, b) => Math.abs(levels[group[b]]) - Math.abs(levels[group[a]]) || a - b,
          )
          const expected = sorted.slice(0, pattern.keep).map((j) => group[j])
          expect(group.filter((place) => mask[place] === 1)).toEqual(
            expected.sort((a, b) => group.indexOf(a) - group.indexOf(b)),
          )
        }
        expect(violation(pattern, shape, masked(levels, mask))).toBeUndefined()
      }),
    )
  })

  it('gives each place of a complementary group one owner', () => {
    const shape = [8, 5, 3, 3]
    const pattern = parsePattern('complementary:4')
    const mask = project(pattern, shape, seededLevels(shape, 1))
    for (let g = 0; g < 2; g++) {
      for (let k = 0; k < 45; k++) {
        const owners = [0, 1, 2, 3].filter((j) => mask[(4 * g + j) * 45 + k] === 1)
        expect(owners).toHaveLength(1)
      }
    }
  })
})

describe('violation', () => {
  it('names the group that has one too many', () => {
    fc.assert(
      fc.property(groupCase, seed, fc.nat(), ({ pattern, shape }, s, pick) => {
        const levels = masked(seededLevels(shape, s), project(pattern, shape, seededLevels(shape, s)))
        const full = groupsOf(pattern, shape).filter((group) => group.length > pattern.keep)
        const group = full[pick % full.length]
        group.slice(0, pattern.keep + 1).forEach((place) => {
          levels[place] = 1
        })
        const wanted = group.filter((place) => levels[place] !== 0).length
        expect(violation(pattern, shape, levels)).toBe(
          `the group of weight ${group[0]} has ${wanted} that are not zero, at most ${pattern.keep} are allowed`,
        )
      }),
    )
  })
})
