/** Trainings to measure: data of chance, and how long steps of `train` take. */
import { type DataSet, type Graph, type TrainOptions, type TrainResult, train } from 'whitedwarf/compress'
import { Rng } from 'whitedwarf/kernels'
import { quantile } from './harness.js'

/** Images and labels of chance: what they show changes nothing about speed. */
export function chanceImages(count: number, seed = 1): DataSet {
  const rng = new Rng(seed)
  const images = Uint8Array.from({ length: count * 3 * 32 * 32 }, () => rng.below(256))
  const labels = Uint8Array.from({ length: count }, () => rng.below(10))
  return { shape: [3, 32, 32], images, labels, classes: 10 }
}

export type Phase = 'f32' | 'levels' | 'sparse'

/**
 * What a step works with: 'f32' plain weights, as other libraries train them; 'levels' a supermask that keeps all weights, as
 * at the beginning of a training; 'sparse' one that keeps a tenth, as in its second half.
 */
export const phases: Readonly<Record<Phase, Partial<TrainOptions>>> = {
  f32: { supermask: 'none' },
  levels: { supermask: { density: 1 }, ramp: 0 },
  sparse: { supermask: { density: 0.1 }, ramp: 0 },
}

export interface TrainVariant {
  readonly name: string
  readonly graph: Graph
  readonly batch: number
  readonly options: Partial<TrainOptions>
}

export interface StepTime {
  readonly name: string
  /** From the median of the steps. */
  readonly imagesPerSecond: number
  readonly stepMs: number
  readonly spread: number
}

export interface StepTimes {
  readonly times: readonly StepTime[]
  readonly warnings: readonly string[]
}

/** Steps of a training that count. The one before them warms up, the one after them is followed by the training's end. */
const STEPS = 4

/** Times the steps of several trainings in turns: each trains a few steps, then the next one, for several rounds. */
export async function timeSteps(variants: readonly TrainVariant[], rounds = 3): Promise<StepTimes> {
  const samples = variants.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < variants.length; i++) {
      const k = (i + round) % variants.length
      samples[k].push(...(await stepsOf(variants[k])))
    }
  }
  const times = variants.map(({ name, batch }, k): StepTime => {
    const ms = samples[k].sort((a, b) => a - b)
    const stepMs = quantile(ms, 0.5)
    const deviations = ms.map((v) => Math.abs(v - stepMs)).sort((a, b) => a - b)
    return { name, imagesPerSecond: (1000 * batch) / stepMs, stepMs, spread: quantile(deviations, 0.5) / stepMs }
  })
  const warnings = times.flatMap(({ name, spread }) =>
    spread > 0.1 ? [`${name}: spread ${(100 * spread).toFixed(0)} %, is the machine busy?`] : [],
  )
  return { times, warnings }
}

/** Milliseconds of each of STEPS steps. */
async function stepsOf(variant: TrainVariant): Promise<number[]> {
  const at: number[] = []
  await trainSteps(variant, STEPS + 2, { onProgress: () => at.push(performance.now()) })
  return at.slice(1, STEPS + 1).map((end, i) => end - at[i])
}

/** Trains some steps of one epoch each image once. */
export function trainSteps(
  { graph, batch, options }: TrainVariant,
  steps: number,
  more: Partial<TrainOptions> = {},
): Promise<TrainResult> {
  const data = chanceImages(steps * batch)
  const common = { graph, train: data, batch, epochs: 1, progressEvery: 1, learningRate: 0.01, statistics: 0 }
  return train({ ...common, ...options, ...more })
}
