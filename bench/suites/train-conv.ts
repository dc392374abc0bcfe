/**
 * The passes of a convolution in training, one core: forward, gradient of the input, gradient of the weights. In turns with
 * them runs what the machine allows a dense f32 product at best: its 4 x 8 micro-kernel with data in the first-level cache.
 */

import type { Shape } from 'whitedwarf/compress'
import { Rng } from 'whitedwarf/kernels'
import { type Contestant, compare, type Measurement } from '../harness.js'
import { round } from '../machine.js'
import { type Convolution, convolutions, NETWORKS } from '../networks.js'
import type { Figure, Suite, SuiteResult } from '../suite.js'
import { ConvLayer, type SparseWeights, TrainMemory } from '../trainer.js'
import { gemmContestants } from './gemm.js'

/** Images. */
export const BATCH = 64
/** Where few weights are not zero, training computes forward passes and gradients of inputs by levels. */
export const DENSITIES = [0.1, 0.25] as const
export const PASSES = ['forward', 'inputGradient', 'weightGradient'] as const
export type Pass = (typeof PASSES)[number]

export interface PassFigure {
  readonly pass: Pass
  /** GFLOP/s, two operations for each multiply-accumulate; zeros of the weights count as work. */
  readonly rate: number
  readonly spread: number
  /** rate / gemm */
  readonly shareOfGemm: number
  /** rate / limit */
  readonly shareOfLimit: number
  /** How many times faster the pass by levels is, by density. Gradients of weights are always dense. */
  readonly sparse: Readonly<Record<string, number>>
}

export interface ConvFigure {
  readonly convolution: Convolution
  readonly passes: readonly PassFigure[]
  /** GFLOP/s of the product 512 x 512 x 512 and of its micro-kernel in cache, timed in turns with the passes. */
  readonly gemm: number
  readonly limit: number
  readonly warnings: readonly string[]
  /** Those of them that concern the dense passes and their limit. */
  readonly denseWarnings: readonly string[]
}

const DENSE = [...PASSES, 'gemm_f32', 'micro-kernel']

export async function measureConvolution(convolution: Convolution): Promise<ConvFigure> {
  const dense = await passesOf(convolution)
  const contestants: Contestant[] = PASSES.map((pass) => ({
    name: pass,
    run: dense[pass],
    work: 2 * convolution.macs * BATCH,
  }))
  const sparsePasses = PASSES.filter(
    (pass) => pass === 'forward' || (pass === 'inputGradient' && isSparse(convolution)),
  )
  for (const density of DENSITIES) {
    const sparse = await passesOf(convolution, density)
    for (const pass of sparsePasses) contestants.push({ name: `${pass} ${density}`, run: sparse[pass] })
  }
  const options = { rounds: 4, samples: 3, warmupMs: 50 }
  const { measurements, warnings } = await compare([...contestants, ...(await gemmContestants())], options)
  const named = (warning: string) => `${convolution.name}, ${warning}`
  const of = (name: string) => measurements.find((m) => m.name === name) as Measurement
  const rate = (name: string) => of(name).rate as number
  const passes = PASSES.map((pass): PassFigure => {
    const times = measurements
      .filter((m) => m.name.startsWith(`${pass} `))
      .map((m) => [m.name.slice(pass.length + 1), round(of(pass).medianNs / m.medianNs)])
    return {
      pass,
      rate: round(rate(pass) / 1e9),
      spread: of(pass).spread,
      shareOfGemm: rate(pass) / rate('gemm_f32'),
      shareOfLimit: rate(pass) / rate('micro-kernel'),
      sparse: Object.fromEntries(times),
    }
  })
  return {
    convolution,
    passes,
    gemm: round(rate('gemm_f32') / 1e9),
    limit: round(rate('micro-kernel') / 1e9),
    warnings: warnings.map(named),
    denseWarnings: warnings.filter((w) => DENSE.some((name) => w.startsWith(`${name}:`))).map(named),
  }
}

/** Gradients of inputs are by levels only where the stride is 1. */
const isSparse = ({ node }: Convolution) => node.stride[0] === 1 && node.stride[1] === 1

/**
 * A convolution's layer over a batch, ready to run each of its passes: with dense weights, or with ternary levels of
 * some density.
 */
async function passesOf(convolution: Convolution, density?: number): Promise<Record<Pass, () => void>> {
  const { node, input, output } = convolution
  const mem = await TrainMemory.create()
  const shape = [node.channels, input[0] / (node.groups ?? 1), ...node.kernel]
  const n = { x: BATCH * size(input), y: BATCH * size(output), w: size(shape) }
  const buffers = (words: number) => ({ value: mem.words(words), grad: mem.words(words) })
  const [x, y] = [buffers(n.x), buffers(n.y)]
  const [weights, grad, levels] = [mem.words(n.w), mem.words(n.w), mem.bytes(n.w)]
  const w = { name: node.name, shape, fanIn: n.w / node.channels, n: n.w, weights, grad }
  const rng = new Rng(1)
  // Small whole numbers: every order of summation gives the same exact sums.
  const fill = (address: number, count: number) => {
    const numbers = mem.f32(address, count)
    for (let i = 0; i < count; i++) numbers[i] = rng.below(5) - 2
  }
  fill(x.value, n.x)
  fill(y.grad, n.y)
  fill(weights, n.w)
  let sparse: SparseWeights | undefined
  if (density !== undefined) {
    const some = Int8Array.from({ length: n.w }, () => (rng.float() < density ? 1 - 2 * rng.below(2) : 0))
    mem.i8(levels, n.w).set(some)
    mem.f32(weights, n.w).set(some)
    sparse = { levels, maxLevel: 1, constant: 1, nonzeros: some.filter((v) => v !== 0).length }
  }
  const weightBuffers = sparse === undefined ? w : { ...w, sparse }
  const layer = new ConvLayer(mem, node, BATCH, input, output, x, y, weightBuffers, grad)
  mem.allocateScratch()
  layer.prepare(true)
  const passes = {
    forward: () => layer.forward(),
    inputGradient: () => layer.inputGradient(x.grad),
    // Without an address for the input's gradient a backward pass makes that of the weights only.
    weightGradient: () => layer.backward([0]),
  }
  for (const pass of PASSES) passes[pass]()
  const copy = (address: number, count: number) => mem.f32(address, count).slice()
  checkPasses(convolution, {
    ...{ x: copy(x.value, n.x), w: copy(weights, n.w), y: copy(y.value, n.y) },
    ...{ dx: copy(x.grad, n.x), dw: copy(grad, n.w), dy: copy(y.grad, n.y) },
  })
  return passes
}

/** Images are channel-major: x [channel][image][row][column]. */
export type Buffers = Readonly<Record<'x' | 'w' | 'y' | 'dx' | 'dw' | 'dy', Float32Array>>

/** What is timed must be right: some elements of each result against plain sums. */
export function checkPasses({ name, node, input, output }: Convolution, b: Buffers): void {
  const [C, H, W] = input
  const [O, OH, OW] = output
  const [[kh, kw], [sy, sx], [top, left]] = [node.kernel, node.stride, node.pad]
  /** Calls back with each output pixel that a weight meets, and the input pixel it meets there. */
  const meet = (u: number, v: number, use: (i: number, j: number, row: number, column: number) => void) => {
    for (let i = 0; i < OH; i++) {
      for (let j = 0; j < OW; j++) {
        const [row, column] = [i * sy + u - top, j * sx + v - left]
        if (row >= 0 && row < H && column >= 0 && column < W) use(i, j, row, column)
      }
    }
  }
  const xAt = (c: number, n: number, row: number, column: number) => ((c * BATCH + n) * H + row) * W + column
  const yAt = (o: number, n: number, i: number, j: number) => ((o * BATCH + n) * OH + i) * OW + j
  const wAt = (o: number, c: number, u: number, v: number) => ((o * C + c) * kh + u) * kw + v
  const kernel = Array.from({ length: kh * kw }, (_, t): [number, number] => [Math.floor(t / kw), t % kw])
  const rng = new Rng(2)
  const expect = (pass: Pass, got: number, sum: number) => {
    if (got !== sum) throw new Error(`${name}, ${pass}: the kernel says ${got}, it is ${sum}`)
  }
  for (let k = 0; k < 3; k++) {
    const [o, c, n] = [rng.below(O), rng.below(C), rng.below(BATCH)]
    const y = new Float64Array(OH * OW)
    const dx = new Float64Array(H * W)
    for (const [u, v] of kernel) {
      let dw = 0
      meet(u, v, (i, j, row, column) => {
        for (let from = 0; from < C; from++) y[i * OW + j] += b.w[wAt(o, from, u, v)] * b.x[xAt(from, n, row, column)]
        for (let to = 0; to < O; to++) dx[row * W + column] += b.w[wAt(to, c, u, v)] * b.dy[yAt(to, n, i, j)]
        for (let m = 0; m < BATCH; m++) dw += b.dy[yAt(o, m, i, j)] * b.x[xAt(c, m, row, column)]
      })
      expect('weightGradient', b.dw[wAt(o, c, u, v)], dw)
    }
    y.forEach((sum, p) => {
      expect('forward', b.y[yAt(o, n, 0, p)], sum)
    })
    dx.forEach((sum, p) => {
      expect('inputGradient', b.dx[xAt(c, n, 0, p)], sum)
    })
  }
}

const size = (shape: Shape) => shape.reduce((a, b) => a * b, 1)

/** All convolutions of both networks. */
export async function measureConvolutions(onProgress?: (line: string) => void): Promise<ConvFigure[]> {
  const figures: ConvFigure[] = []
  for (const convolution of NETWORKS.flatMap(convolutions)) {
    const f = await measureConvolution(convolution)
    figures.push(f)
    onProgress?.(`${convolution.name}: ${f.passes.map((p) => `${p.pass} ${p.rate}`).join(', ')} GFLOP/s of ${f.limit}`)
  }
  return figures
}

export const trainConvSuite: Suite = {
  name: 'train-conv',
  title: `convolutions in training, ${BATCH} images, f32, one core; the limit is the micro-kernel of the dense product in cache`,
  async run(): Promise<SuiteResult> {
    const all = await measureConvolutions()
    const figures = all.flatMap(({ convolution, passes, limit }): Figure[] => [
      { name: `${convolution.name} (limit)`, value: limit, unit: 'GFLOP/s' },
      ...passes.flatMap(({ pass, rate, spread, shareOfLimit, sparse }): Figure[] => [
        { name: `  ${pass}`, value: rate, unit: `GFLOP/s, ${round(100 * shareOfLimit)} % of the limit`, spread },
        ...Object.entries(sparse).map(([density, times]) => ({
          ...{ name: `  ${pass}, density ${density}`, value: times, unit: 'times faster than dense' },
        })),
      ]),
    ])
    return { figures, warnings: all.flatMap((f) => f.warnings) }
  },
}
