/**
 * The dense product that training rests on, 512 x 512 x 512 in f32, against the 4 x 8 micro-kernel alone on panels that
 * stay in the first-level cache: what this machine allows such a product at best.
 */
import { Arena, instantiate, Rng } from 'whitedwarf/kernels'
import { type Contestant, compare } from '../harness.js'
import { round } from '../machine.js'
import type { Suite, SuiteResult } from '../suite.js'

const N = 512
const MICRO_K = 256
/** As assembly/kernels/gemm/gemm.ts asks. */
const SCRATCH_BYTES = (128 * 256 + 256 * 256 + 32) * 4

export interface GemmFigure {
  /** GFLOP/s of the whole product at the median and at the tenth percentile of time. */
  readonly rate: number
  readonly rateP10: number
  /** GFLOP/s of the micro-kernel alone, timed in turns with it. */
  readonly limit: number
  /** rate / limit */
  readonly share: number
  readonly spread: number
  readonly warnings: readonly string[]
}

/** The product, checked, and its micro-kernel: to be timed in turns with each other, or with what rests on them. */
export async function gemmContestants(): Promise<Contestant[]> {
  const { exports, memory } = await instantiate('train')
  const arena = new Arena(memory)
  const [a, b, c] = [0, 1, 2].map(() => arena.alloc(4 * N * N))
  const scratch = arena.alloc(SCRATCH_BYTES)
  const rng = new Rng(1)
  const [A, B, C] = [a, b, c].map((p) => new Float32Array(memory.buffer, p, N * N))
  // Small whole numbers: every order of summation gives the same exact sums.
  for (const x of [A, B]) for (let i = 0; i < x.length; i++) x[i] = rng.below(9) - 4
  const product = () => exports.gemm_f32(N, N, N, a, N, 1, b, N, 1, c, N, 0, scratch)
  product()
  checkProduct(A, B, C)
  const micro = () => exports.gemm_micro_f32(MICRO_K, a, b, scratch, 100)
  return [
    { name: 'gemm_f32', run: product, work: 2 * N ** 3 },
    { name: 'micro-kernel', run: micro, work: 2 * 4 * 8 * MICRO_K * 100 },
  ]
}

export async function measureGemm(): Promise<GemmFigure> {
  const comparison = await compare(await gemmContestants())
  const [whole, limit] = comparison.measurements
  return {
    rate: round(whole.rate! / 1e9),
    rateP10: round(whole.rateP10! / 1e9),
    limit: round(limit.rate! / 1e9),
    share: whole.rate! / limit.rate!,
    spread: whole.spread,
    warnings: comparison.warnings,
  }
}

/** What is timed must be right: a few rows against plain sums. */
function checkProduct(a: Float32Array, b: Float32Array, c: Float32Array): void {
  for (const i of [0, 1, N - 1]) {
    for (let j = 0; j < N; j++) {
      let sum = 0
      for (let k = 0; k < N; k++) sum += a[i * N + k] * b[k * N + j]
      if (c[i * N + j] !== sum) throw new Error(`row ${i}, column ${j}: the kernel says ${c[i * N + j]}, it is ${sum}`)
    }
  }
}

export const gemmSuite: Suite = {
  name: 'gemm',
  title: `dense product ${N} x ${N} x ${N}, f32, one core`,
  async run(): Promise<SuiteResult> {
    const f = await measureGemm()
    return {
      figures: [
        { name: 'gemm_f32', value: f.rate, unit: 'GFLOP/s', spread: f.spread },
        { name: 'micro-kernel in cache', value: f.limit, unit: 'GFLOP/s' },
        { name: 'share of the micro-kernel', value: round(100 * f.share), unit: '%' },
      ],
      warnings: f.warnings,
    }
  },
}
