/** Memories: the table's values at its points, in between them elsewhere, and how they scale. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Buffer, type BufferCost, bufferCost, type Cell } from '../../src/pe/sram.js'

/** What CACTI 7 printed. */
const rows = readFileSync(new URL('../fixtures/pe/cacti45_sram.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(','))
  .map(([bytes, width, , cell, read, write, leakage, , area]) => ({
    bytes: Number(bytes),
    width: Number(width),
    cell: cell.replace('itrs-', '') as Cell,
    cost: { read: Number(read), write: Number(write), leakage: Number(leakage), area: Number(area) },
  }))

const table = { node: 45, voltage: 0.9, frequency: 1000 }
const FIELDS = ['read', 'write', 'leakage', 'area'] as const

const cost = (bytes: number, width: number, cell: Cell = 'lop'): BufferCost =>
  bufferCost({ bytes, width }, { ...table, cell })

const sizes = [...new Set(rows.map(({ bytes }) => bytes))]
const anyCell = fc.constantFrom<Cell>('hp', 'lop', 'lstp')
const anyBuffer: fc.Arbitrary<Buffer> = fc.record({
  bytes: fc.integer({ min: 6, max: 26 }).chain((log) => fc.integer({ min: 2 ** log, max: 2 ** Math.min(26, log + 1) })),
  width: fc.integer({ min: 1, max: 1024 }),
})

describe('memories', () => {
  it("have the table's values at its points", () => {
    expect(rows).toHaveLength(57)
    for (const { bytes, width, cell, cost: printed } of rows) {
      const { read, write, leakage, area } = cost(bytes, width, cell)
      const what = `${bytes} x ${width} ${cell}`
      expect(read * width, what).toBeCloseTo(printed.read, 9)
      expect(write * width, what).toBeCloseTo(printed.write, 9)
      // The table in the source has four digits of leakage.
      expect(Math.abs(leakage / printed.leakage - 1), what).toBeLessThan(0.001)
      expect(area / 1e6, what).toBeCloseTo(printed.area, 9)
    }
  })

  it('lie between those of the next sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: sizes.length - 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 512 }),
        anyCell,
        (i, share, width, cell) => {
          const [a, b] = [sizes[i - 1], sizes[i]]
          const [from, to, at] = [a, b, Math.round(a + share * (b - a))].map((bytes) => cost(bytes, width, cell))
          for (const field of FIELDS) {
            expect(at[field]).toBeGreaterThanOrEqual(Math.min(from[field], to[field]) * (1 - 1e-12))
            expect(at[field]).toBeLessThanOrEqual(Math.max(from[field], to[field]) * (1 + 1e-12))
          }
        },
      ),
    )
  })

  it('do not jump: a byte or a bit more hardly matters', () => {
    fc.assert(
      fc.property(anyBuffer, anyCell, ({ bytes, width }, cell) => {
        const here = cost(bytes, width, cell)
        const more = cost(Math.min(2 ** 26, bytes + 1), width, cell)
        for (const field of FIELDS) expect(Math.abs(more[field] / here[field] - 1)).toBeLessThan(0.025)
        // The table's steepest step is about in proportion to the width; its ends are continued, which makes steeper ones.
        const wider = cost(bytes, width + 1, cell)
        for (const field of ['read', 'write'] as const) {
          const ratio = (wider[field] * (width + 1)) / (here[field] * width)
          expect(Math.abs(ratio - 1)).toBeLessThan(2 / width)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('read a whole row for fewer bits, and several rows for more', () => {
    for (const cell of ['hp', 'lop', 'lstp'] as const) {
      expect(cost(512, 1, cell).read).toBeCloseTo(8 * cost(512, 8, cell).read, 9)
      expect(cost(4096, 16, cell).read).toBeCloseTo(4 * cost(4096, 64, cell).read, 9)
      expect(cost(65536, 1024, cell).read).toBeCloseTo(cost(65536, 128, cell).read, 9)
      expect(cost(65536, 1024, cell).area).toBeCloseTo(cost(65536, 128, cell).area, 3)
    }
    // Between 128 KB and 1 MB the table has rows of 128 bits only; reading 64 of them is cheaper than a row.
    expect(64 * cost(262144, 64).read).toBeLessThan(128 * cost(262144, 128).read)
    expect(64 * cost(262144, 64).read).toBeGreaterThan(64 * cost(131072, 64).read)
  })

  it('of low operating power and 64 bits read for about 1.3 pJ times the root of the kilobytes', () => {
    for (let kilobytes = 2; kilobytes <= 1024; kilobytes *= 2 ** 0.25) {
      const read = 64 * cost(1024 * kilobytes, 64).read
      expect(Math.abs((1.3 * Math.sqrt(kilobytes)) / read - 1), `${kilobytes} KB`).toBeLessThan(0.35)
    }
  })

  it('scale with voltage, node and number of banks', () => {
    fc.assert(
      fc.property(
        anyBuffer,
        anyCell,
        fc.double({ min: 0.4, max: 1.4, noNaN: true }),
        fc.double({ min: 7, max: 90, noNaN: true }),
        fc.integer({ min: 1, max: 64 }),
        (buffer, cell, voltage, node, banks) => {
          const at45 = cost(buffer.bytes, buffer.width, cell)
          const scaled = bufferCost({ ...buffer, banks }, { ...table, cell, voltage, node })
          const [v, n] = [voltage / 0.9, node / 45]
          expect(scaled.read / at45.read).toBeCloseTo(n * v * v, 9)
          expect(scaled.write / at45.write).toBeCloseTo(n * v * v, 9)
          expect(scaled.leakage / at45.leakage).toBeCloseTo(v * banks, 9)
          expect(scaled.area / at45.area).toBeCloseTo(n * n * banks, 9)
        },
      ),
    )
  })

  it('of fast cells leak most, of low standby power least', () => {
    for (const bytes of sizes) {
      const [hp, lop, lstp] = (['hp', 'lop', 'lstp'] as const).map((cell) => cost(bytes, 64, cell))
      expect(hp.leakage).toBeGreaterThan(10 * lop.leakage)
      expect(lop.leakage).toBeGreaterThan(10 * lstp.leakage)
    }
  })

  it('are refused when they are none', () => {
    for (const buffer of [
      { bytes: 63, width: 8 },
      { bytes: 2 ** 26 + 1, width: 8 },
      { bytes: Number.NaN, width: 8 },
      { bytes: 64, width: 0 },
      { bytes: 64, width: 8193 },
    ]) {
      expect(() => bufferCost(buffer, { ...table, cell: 'lop' })).toThrow(/a buffer has 64 bytes to 64 MiB/)
    }
  })
})
