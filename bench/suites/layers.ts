/**
 * The kernels that can compute one layer, each on the same layer: 1024 input channels, 256 output channels, 14 x 14 pixels, 1 x 1. Two
 * things of the engine rest on these figures: the rates that estimates assume (src/engine/explain.ts), which are right where
 * `estimate` is near 100 %, and the densities from which dense kernels are taken (src/engine/float-weights.ts and byte-levels.ts).
 */
import { InferenceSession, type SessionOptions } from 'whitedwarf'
import {
  ChainBuilder,
  type FloatModel,
  type Graph,
  inferShapes,
  isWeighted,
  type Model,
  type Shape,
  weightShape,
} from 'whitedwarf/compress'
import { encodeModel, quantiseUniform } from 'whitedwarf/format'
import { Rng } from 'whitedwarf/kernels'
import { round } from '../machine.js'
import type { Figure, Suite } from '../suite.js'

const [CHANNELS, ROWS, SIDE] = [1024, 256, 14]

const convolution = () => new ChainBuilder([CHANNELS, SIDE, SIDE]).conv(ROWS, 1, 0).build()
/** With a layer behind it: from int8 to int8. */
const depthwise = () =>
  new ChainBuilder([CHANNELS, SIDE, SIDE]).conv(CHANNELS, 3, 1, 1, CHANNELS).plain('relu').conv(4, 1, 0).build()
const vector = () => new ChainBuilder([CHANNELS]).dense(ROWS).build()

type MaxLevel = Model['tensors'][string]['maxLevel']

/** Random levels in every layer. */
function levels(graph: Graph, maxLevel: MaxLevel, density: number): Uint8Array {
  const rng = new Rng(1)
  const level = () => (1 + rng.below(maxLevel)) * (1 - 2 * rng.below(2))
  const tensors: Record<string, Model['tensors'][string]> = {}
  const layers: Record<string, Model['layers'][string]> = {}
  const shapes = inferShapes(graph)
  for (const node of graph.nodes.filter(isWeighted)) {
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const length = shape.reduce((product, n) => product * n, 1)
    const values = Int8Array.from({ length }, () => (rng.float() < density ? level() : 0))
    const constants = quantiseUniform(new Float64Array(shape[0]).fill(0.01), 1)
    tensors[node.name] = { shape, maxLevel, levels: values }
    layers[node.name] = { tensor: node.name, scale: constants, bias: constants }
  }
  const ranges = Object.fromEntries([graph.inputs[0], ...graph.nodes].map(({ name }) => [name, 128]))
  return encodeModel({ graph, tensors, layers, ranges })
}

function plain(graph: Graph, density: number): FloatModel {
  const rng = new Rng(1)
  const weights = Float32Array.from({ length: ROWS * CHANNELS }, () => (rng.float() < density ? rng.normal() : 0))
  return { graph, weights: { [graph.nodes[0].name]: { weights, bias: new Float32Array(ROWS) } }, constants: {} }
}

interface Product {
  readonly kernel: string
  readonly ms: number
  /** 10^9 multiply-accumulates a second, on weights that are not zero. */
  readonly rate: number
  /** Estimated over measured time. */
  readonly estimate: number
}

async function measure(model: Uint8Array | FloatModel, options: SessionOptions): Promise<Product> {
  const session = await InferenceSession.create(model, options)
  const [entry] = (await session.profile({ runs: 400, seconds: 1 })).filter((e) => e.macs > 0)
  const [layer] = await session.explain()
  session.dispose()
  const ms = entry.parts.filter((p) => p.kind === 'product').reduce((sum, p) => sum + p.ms, 0)
  return { kernel: layer.kernel, ms, rate: entry.gmacs ?? 0, estimate: layer.estimatedMs / ms }
}

export const layersSuite: Suite = {
  name: 'layers',
  title: `Kernels on one layer, ${CHANNELS} to ${ROWS} channels, ${SIDE} x ${SIDE} pixels (scalar and gemv: one vector), one core`,
  async run() {
    const f32 = { precision: 'f32' } as const
    const dense = { ...f32, kernels: 'dense' } as const
    const figures: Figure[] = []
    const time = async (what: string, model: Uint8Array | FloatModel, options: SessionOptions) => {
      const product = await measure(model, options)
      figures.push({ name: `${product.kernel}, ${what}`, value: round(product.rate), unit: 'G effective MAC/s' })
      figures.push({ name: '  estimate', value: round(100 * product.estimate), unit: '% of the measured time' })
      return product
    }
    await time('10 % of INT2', levels(convolution(), 1, 0.1), {})
    await time('100 % of INT4', levels(convolution(), 7, 1), {})
    await time('10 % of INT2', levels(convolution(), 1, 0.1), f32)
    await time('10 % of INT2', levels(vector(), 1, 0.1), {})
    await time('10 % of INT2', levels(vector(), 1, 0.1), f32)
    await time('100 % of INT2', levels(vector(), 1, 1), dense)
    const bytes = await time('20 % of INT8', levels(convolution(), 127, 0.2), {})
    const denseBytes = await time('100 % of INT8', levels(convolution(), 127, 1), {})
    await time('100 % of INT8, 3 x 3', levels(depthwise(), 127, 1), {})
    const sparse = await time('20 % of f32', plain(convolution(), 0.2), f32)
    const full = await time('100 % of f32', plain(convolution(), 1), f32)
    const crossing = (name: string, a: Product, b: Product) =>
      figures.push({ name, value: round((100 * a.rate) / b.rate), unit: '% of the weights' })
    crossing('INT8: dense is faster from', bytes, denseBytes)
    crossing('f32: dense is faster from', sparse, full)
    return { figures, warnings: [] }
  },
}
