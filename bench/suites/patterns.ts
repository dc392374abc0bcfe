/**
 * Layers whose weights keep to a pattern: the kernel that the engine takes for them, beside the gather on the same weights and the gather
 * on weights of the same density without a pattern. One core; times are of the products alone, on sessions of one layer that take
 * turns. Rates are G effective MAC/s: on weights that are not zero, for real pixels.
 */
import { InferenceSession } from 'whitedwarf'
import { ChainBuilder, type Model } from 'whitedwarf/compress'
import { encodeModel, quantiseUniform } from 'whitedwarf/format'
import { Rng } from 'whitedwarf/kernels'
import { capacity, parsePattern, project } from 'whitedwarf/patterns'
import { compare, quantile } from '../harness.js'
import { limitContestants, limitRate, round } from '../machine.js'
import type { Figure, Suite } from '../suite.js'

export interface PatternLayer {
  /** As the command line takes it. */
  readonly pattern: string
  /** [out, in, kh, kw] or [out, in] */
  readonly shape: readonly number[]
  /** Height and width of the image. */
  readonly side: number
  /** Vectors computed together, for dense layers. */
  readonly batch: number
  /** 1 is INT2, 7 INT4. */
  readonly maxLevel: 1 | 7
}

export interface PatternFigure extends PatternLayer {
  readonly kernel: string
  /** Share of all weights that are not zero. */
  readonly density: number
  readonly rate: number
  /** Of the gather on the same weights. */
  readonly lowered: number
  /** Of the gather on weights of the same density at random places. */
  readonly unstructured: number
}

const CONV = [256, 256, 3, 3]
const POINTWISE = [512, 512, 1, 1]
const DENSE = [512, 512]

function layersOf(): PatternLayer[] {
  const layers: PatternLayer[] = []
  const add = (patterns: readonly string[], shape: readonly number[], side: number, batch = 1) => {
    for (const pattern of patterns)
      for (const maxLevel of [1, 7] as const) layers.push({ pattern, shape, side, batch, maxLevel })
  }
  const any = ['complementary:8', '1:4', 'segments:8', 'cgs:8/8', 'cgs:16/8', 'cgs:32/8', 'hcgs:64/2,16/4']
  const periodic = ['PS4_P4', 'PS2_P6', 'PS1_P9']
  add([...any, ...periodic], CONV, 14)
  add(['cgs:16/8', 'PS4_P4', 'PS1_P9'], CONV, 28)
  add(['complementary:8', 'cgs:16/8'], POINTWISE, 14)
  add(any, DENSE, 0, 1)
  add(['complementary:8', '1:4', 'cgs:8/8', 'cgs:16/8', 'cgs:32/8'], DENSE, 0, 16)
  return layers
}

/** A network of one layer with the levels given. */
export function modelOf({ shape, side, maxLevel }: PatternLayer, levels: Int8Array, pattern?: string): Uint8Array {
  const [out, channels, kernel = 1] = shape
  const graph =
    side === 0
      ? new ChainBuilder([channels]).dense(out).build()
      : new ChainBuilder([channels, side, side]).conv(out, kernel, kernel >> 1).build()
  const [{ name }] = graph.nodes
  const constants = quantiseUniform(new Float64Array(out).fill(0.01), 1)
  const tensor = { shape, maxLevel, levels, ...(pattern === undefined ? {} : { pattern: parsePattern(pattern) }) }
  const layers: Model['layers'] = { [name]: { tensor: name, scale: constants, bias: constants } }
  const ranges = Object.fromEntries([graph.inputs[0], ...graph.nodes].map((value) => [value.name, 128]))
  return encodeModel({ graph, tensors: { [name]: tensor }, layers, ranges }, { mode: 'runs' })
}

/** 1 where the pattern allows a weight; groups keep the largest of random weights. */
function drawMask({ pattern, shape }: PatternLayer, rng: Rng): Uint8Array {
  const length = shape.reduce((product, n) => product * n, 1)
  const weights = Float32Array.from({ length }, () => rng.normal())
  return project(parsePattern(pattern), shape, weights)
}

/** Levels of all sizes alike, zeros among them, where the pattern allows; and as many at random places. */
function drawLevels(layer: PatternLayer) {
  const { shape, maxLevel } = layer
  const rng = new Rng(1)
  const level = () => rng.below(2 * maxLevel + 1) - maxLevel
  const mask = drawMask(layer, rng)
  const share = capacity(parsePattern(layer.pattern), shape) / mask.length
  return {
    regular: Int8Array.from(mask, (allowed) => (allowed === 1 ? level() : 0)),
    random: Int8Array.from({ length: mask.length }, () => (rng.float() < share ? level() : 0)),
  }
}

/** Levels of all sizes alike, but no zeros, where the pattern allows. */
export function drawFull(layer: PatternLayer): Int8Array {
  const rng = new Rng(1)
  const level = () => (1 + rng.below(layer.maxLevel)) * (rng.below(2) ? 1 : -1)
  return Int8Array.from(drawMask(layer, rng), (allowed) => (allowed === 1 ? level() : 0))
}

const ROUNDS = 5

export async function measurePattern(layer: PatternLayer): Promise<PatternFigure> {
  const { regular, random } = drawLevels(layer)
  const models = [modelOf(layer, regular, layer.pattern), modelOf(layer, regular), modelOf(layer, random)]
  const sessions = await Promise.all(models.map((model) => InferenceSession.create(model, { batch: layer.batch })))
  const rates = sessions.map((): number[] => [])
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [i, session] of sessions.entries()) {
      const [entry] = (await session.profile({ runs: 200, seconds: 0.1 })).filter((e) => e.macs > 0)
      rates[i].push(entry.gmacs ?? 0)
    }
  }
  const [rate, lowered, unstructured] = rates.map((values) =>
    round(
      quantile(
        values.sort((a, b) => a - b),
        0.5,
      ),
    ),
  )
  const [{ kernel, density }] = sessions[0].info.layers
  for (const session of sessions) session.dispose()
  return { ...layer, kernel, density, rate, lowered, unstructured }
}

export interface PatternTable {
  readonly figures: readonly PatternFigure[]
  /** Loads and additions of i16 lanes that the machine does at best, G/s. */
  readonly limit: number
  readonly warnings: readonly string[]
}

export async function measurePatterns(onProgress: (figure: PatternFigure) => void = () => {}): Promise<PatternTable> {
  const comparison = await compare(await limitContestants(['loadAddI16']))
  const figures: PatternFigure[] = []
  for (const layer of layersOf()) {
    const figure = await measurePattern(layer)
    onProgress(figure)
    figures.push(figure)
  }
  return { figures, limit: limitRate(comparison, 'loadAddI16'), warnings: comparison.warnings }
}

/** The place of a layer in words: its shape, and what it is applied to. */
export const describeLayer = ({ shape, side, batch }: PatternLayer): string =>
  side === 0
    ? `${shape.join(' x ')}, ${batch === 1 ? 'one vector' : `${batch} vectors`}`
    : `${shape.join(' x ')} at ${side} x ${side}`

export const patternsSuite: Suite = {
  name: 'patterns',
  title: 'Kernels of sparsity patterns beside the gather at equal density, one core',
  async run() {
    const { figures: measured, limit, warnings } = await measurePatterns()
    const figures: Figure[] = [{ name: 'limit of load and add, i16', value: limit, unit: 'G/s' }]
    for (const f of measured) {
      const name = `${f.pattern}, INT${f.maxLevel === 1 ? 2 : 4}, ${describeLayer(f)}`
      const percent = round(100 * f.density)
      const unit = `G effective MAC/s (${f.kernel}, ${percent} %); gather on the same ${f.lowered}, at random places ${f.unstructured}`
      figures.push({ name, value: f.rate, unit })
    }
    return { figures, warnings }
  },
}
