/** Forward passes over a data set. */
import { codedValues } from '../format/half.js'
import type { CodedArray } from '../graph/model.js'
import type { DataSet } from './dataset.js'
import type { Feeder } from './feeder.js'
import type { Network } from './network.js'
import type { TrainedNetwork } from './trained.js'
import type { Turns } from './turns.js'

/**
 * Runs every example once; `visit` is called after each batch with the number of examples in it.
 * @throws WhiteDwarfError E_ABORTED
 */
export async function forEachBatch(
  net: Network,
  feeder: Feeder,
  data: DataSet,
  visit: (count: number, begin: number) => void,
  turns: Turns,
  after?: (name: string) => void,
): Promise<void> {
  const n = data.labels.length
  const indices = Uint32Array.from({ length: n }, (_, i) => i)
  for (let begin = 0; begin < n; begin += net.batch) {
    const count = Math.min(net.batch, n - begin)
    feeder.load(data, indices, begin, count)
    net.forward(false, after)
    visit(count, begin)
    await turns.next()
  }
}

/** The network's output for the first `count` examples of the batch, [count, classes]. */
export function logits(net: Network, count: number): Float32Array {
  const { mem, batch } = net
  const classes = net.shape(net.graph.outputs[0])[0]
  const z = mem.f32(net.output.value, classes * batch)
  const rows = new Float32Array(count * classes)
  for (let i = 0; i < count; i++) for (let c = 0; c < classes; c++) rows[i * classes + c] = z[c * batch + i]
  return rows
}

/** Share of the data set whose highest score is the label's, 0..1. @throws WhiteDwarfError E_ABORTED */
export async function accuracy(net: Network, feeder: Feeder, data: DataSet, turns: Turns): Promise<number> {
  const classes = net.shape(net.graph.outputs[0])[0]
  let right = 0
  const visit = (count: number, begin: number) => {
    const z = logits(net, count)
    for (let i = 0; i < count; i++) {
      const scores = z.subarray(i * classes, (i + 1) * classes)
      let best = 0
      for (let c = 1; c < classes; c++) if (scores[c] > scores[best]) best = c
      if (best === data.labels[begin + i]) right++
    }
  }
  await forEachBatch(net, feeder, data, visit, turns)
  return right / data.labels.length
}

/** Writes weights into a network: constant * level, or as they are. */
export function installWeights(net: Network, { tensors, weights }: Pick<TrainedNetwork, 'tensors' | 'weights'>): void {
  for (const w of net.weighted) {
    const to = net.mem.f32(w.weights, w.n)
    if (weights !== undefined) {
      to.set(weights[w.name])
      continue
    }
    const { levels, constant } = tensors[w.name]
    const c = Math.fround(constant)
    to.set(Float32Array.from(levels, (level) => level * c))
  }
  net.prepare()
}

/** Writes trained constants and running statistics into a network's batchnorm nodes. */
export function installNorms(net: Network, norms: TrainedNetwork['norms']): void {
  for (const norm of net.norms) {
    const { gamma, beta, mean, variance, eps } = norms[norm.name]
    const state = net.mem.f32(norm.state, 4 * norm.channels)
    for (const [k, values] of [gamma, beta, mean, variance].entries()) state.set(values, k * norm.channels)
    norm.eps = eps
  }
}

/** Makes a batchnorm node compute scale * x + bias. */
export function installConstants(net: Network, normName: string, scale: CodedArray, bias: CodedArray): void {
  const norm = net.norms.find((n) => n.name === normName)
  if (norm === undefined) return
  const state = net.mem.f32(norm.state, 4 * norm.channels)
  state.set(codedValues(scale))
  state.set(codedValues(bias), norm.channels)
  state.fill(0, 2 * norm.channels, 3 * norm.channels)
  state.fill(1, 3 * norm.channels)
  norm.eps = 0
}

/**
 * Measures the running statistics of every batchnorm node afresh: the mean over batches of these examples, with the weights
 * as they are. Those left by training lag behind and come from augmented images.
 * @param count how many of the indices to use; rounded down to whole batches
 * @throws WhiteDwarfError E_ABORTED
 */
export async function recalibrate(
  net: Network,
  feeder: Feeder,
  data: DataSet,
  indices: Uint32Array,
  count: number,
  turns: Turns,
): Promise<void> {
  const before = net.norms.map((norm) => norm.momentum)
  try {
    for (let batch = 0; (batch + 1) * net.batch <= count; batch++) {
      // The mean of all batches so far.
      for (const norm of net.norms) norm.momentum = 1 / (batch + 1)
      feeder.load(data, indices, batch * net.batch, net.batch)
      net.forward(true)
      await turns.next()
    }
  } finally {
    net.norms.forEach((norm, i) => {
      norm.momentum = before[i]
    })
  }
}
