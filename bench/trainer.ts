/** Parts of the trainer that the package does not export, to time them one by one. */
import type { SparseWeights } from '../dist/train/layers/layer.js'

export type { SparseWeights }

/** From build/bench, where the compiled benchmarks lie. */
const dist = (file: string) => import(new URL(`../../dist/train/${file}`, import.meta.url).href)

type Conv = typeof import('../dist/train/layers/conv.js')
type Layer = InstanceType<Conv['ConvLayer']>

/** Adds a pass that is the layer's own affair. */
export type ConvPasses = Pick<Layer, keyof Layer> & { inputGradient(dx: number): void }

export const ConvLayer: new (...args: ConstructorParameters<Conv['ConvLayer']>) => ConvPasses = (
  await dist('layers/conv.js')
).ConvLayer

export const TrainMemory: typeof import('../dist/train/memory.js').TrainMemory = (await dist('memory.js')).TrainMemory
