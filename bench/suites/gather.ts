/**
 * The planar gather kernels on one layer of the kind they are for: 1024 input channels, 256 output channels, 14 x 14
 * pixels, ternary levels of which nine in ten are zero. MACs are effective ones: non-zero weights times real pixels;
 * the lanes that pad 196 pixels to whole vectors do not count.
 */
import { Arena, bestIsa, instantiate, Rng } from 'whitedwarf/kernels'
import { compare } from '../harness.js'
import { type LimitName, limitContestants, limitRate, round } from '../machine.js'
import type { Suite, SuiteResult } from '../suite.js'

export type Lane = 'i16' | 'i32' | 'f32'
export const GATHER_LANES: readonly Lane[] = ['i16', 'i32', 'f32']

const ROWS = 256
const COLS = 1024
const PIXELS = 196
const DENSITY = 0.1

export interface GatherFigure {
  readonly lane: Lane
  /** Effective GMAC/s of one core, at the median and at the tenth percentile of time. */
  readonly rate: number
  readonly rateP10: number
  readonly spread: number
  /** What the machine's load-and-add limit allows this kernel, timed in turns with it, GMAC/s. */
  readonly limit: number
  readonly nonZeros: number
  readonly warnings: readonly string[]
}

export async function measureGather(lane: Lane): Promise<GatherFigure> {
  const size = lane === 'i16' ? 2 : 4
  const vectors = Math.ceil((PIXELS * size) / 16)
  const stride = vectors * 16
  const rng = new Rng(1)
  const levels = Int8Array.from({ length: ROWS * COLS }, () => (rng.float() < DENSITY ? (rng.u32() & 1 ? 1 : -1) : 0))
  const nonZeros = levels.reduce((n, level) => n + Math.abs(level), 0)

  const { exports, memory } = await instantiate(await bestIsa())
  const arena = new Arena(memory)
  const pLevels = arena.alloc(levels.length)
  const pOffsets = arena.alloc(4 * COLS)
  const pCtx = arena.alloc(20)
  const pPairs = arena.alloc(8 * (COLS + 1))
  const program = arena.alloc(4 * (nonZeros + 2 * ROWS + 1))
  const x = arena.alloc(COLS * stride)
  const y = arena.alloc(ROWS * stride)
  const view = (lane === 'i16' ? Int16Array : lane === 'i32' ? Int32Array : Float32Array) as Int16ArrayConstructor

  new Int8Array(memory.buffer, pLevels, levels.length).set(levels)
  new Uint32Array(memory.buffer, pOffsets, COLS).set(Array.from({ length: COLS }, (_, k) => k * stride))
  new Uint32Array(memory.buffer, pCtx, 2).set([1, pOffsets])
  // Whole numbers below 128: every sum is exact in all three lanes.
  new view(memory.buffer, x, (COLS * stride) / size).forEach((_, i, a) => {
    a[i] = rng.below(128)
  })
  exports.program_from_levels(pLevels, ROWS, COLS, pPairs, pCtx, program)
  const run = () => exports[`gather_${lane}`](program, ROWS, 1, x, y, stride, vectors)

  run()
  checkRows(
    levels,
    new view(memory.buffer, x, (COLS * stride) / size),
    new view(memory.buffer, y, (ROWS * stride) / size),
  )

  const limitName: LimitName = lane === 'f32' ? 'loadAddF32' : 'loadAddI16'
  const name = `gather_${lane}`
  const comparison = await compare([{ name, run, work: nonZeros * PIXELS }, ...(await limitContestants([limitName]))], {
    rounds: 8,
  })
  const m = comparison.measurements[0]
  const limit = limitRate(comparison, limitName) / (lane === 'i32' ? 2 : 1)
  return {
    lane,
    rate: round(m.rate! / 1e9),
    rateP10: round(m.rateP10! / 1e9),
    spread: m.spread,
    limit: round(limit),
    nonZeros,
    warnings: comparison.warnings,
  }
}

/** The kernel's sums against plain ones, on a few rows: what is timed must be right. */
function checkRows(levels: Int8Array, x: ArrayLike<number>, y: ArrayLike<number>): void {
  const stride = x.length / COLS
  for (const r of [0, 1, ROWS - 1]) {
    for (let j = 0; j < PIXELS; j++) {
      let sum = 0
      for (let k = 0; k < COLS; k++) sum += levels[r * COLS + k] * x[k * stride + j]
      if (y[r * stride + j] !== sum)
        throw new Error(`row ${r}, pixel ${j}: the kernel says ${y[r * stride + j]}, it is ${sum}`)
    }
  }
}

export const gatherSuite: Suite = {
  name: 'gather',
  title: `planar gather, ${ROWS} x ${COLS} by ${PIXELS} pixels, ${100 - 100 * DENSITY} % zeros, one core`,
  async run(): Promise<SuiteResult> {
    const figures = []
    const warnings = []
    for (const lane of GATHER_LANES) {
      const f = await measureGather(lane)
      figures.push({ name: `gather_${lane}`, value: f.rate, unit: 'G effective MAC/s', spread: f.spread })
      figures.push({ name: `limit of load and add, ${lane}`, value: f.limit, unit: 'G/s' })
      warnings.push(...f.warnings)
    }
    return { figures, warnings }
  },
}
