/** Forward passes over a data set. */
import { codedValues } from '../format/half.js'
import type { CodedArray } from '../graph/model.js'
import type { DataSet } from './dataset.js'
import type { Feeder } from './feeder.js'
import type { Network } from './network.js'
import type { TrainedNetwork } from './trained.js'

/** Runs every example once; `visit` is called after each batch with the number of examples in it. */
export function forEachBatch(
  net: Network,
  feeder: Feeder,
  data: DataSet,
  visit: (count: number, begin: number) => void,
  after?: (name: string) => void,
): void {
  const n = data.labels.length
  const indices = Uint32Array.from({ length: n }, (_, i) => i)
  for (let begin = 0; begin < n; begin += net.batch) {
    const count = Math.min(net.batch, n - begin)
    feeder.load(data, indices, begin, count)
    net.forward(false, after)
    visit(count, begin)
  }
}

/** Share of the data set whose highest score is the label's, 0..1. */
export function accuracy(net: Network, feeder: Feeder, data: DataSet): number {
  const { mem, batch } = net
  const classes = net.shape(net.graph.outputs[0])[0]
  let right = 0
  forEachBatch(net, feeder, data, (count, begin) => {
    const z = mem.f32(net.output.value, classes * batch)
    for (let i = 0; i < count; i++) {
      let best = 0
      for (let c = 1; c < classes; c++) if (z[c * batch + i] > z[best * batch + i]) best = c
      if (best === data.labels[begin + i]) right++
    }
  })
  return right / data.labels.length
}

/** Writes weights into a network: constant * level. */
export function installWeights(net: Network, tensors: TrainedNetwork['tensors']): void {
  for (const w of net.weighted) {
    const { levels, constant } = tensors[w.name]
    const c = Math.fround(constant)
    net.mem.f32(w.weights, w.n).set(Float32Array.from(levels, (level) => level * c))
  }
  net.prepare()
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
 */
export function recalibrate(net: Network, feeder: Feeder, data: DataSet, indices: Uint32Array, count: number): void {
  const before = net.norms.map((norm) => norm.momentum)
  for (let batch = 0; (batch + 1) * net.batch <= count; batch++) {
    // The mean of all batches so far.
    for (const norm of net.norms) norm.momentum = 1 / (batch + 1)
    feeder.load(data, indices, batch * net.batch, net.batch)
    net.forward(true)
  }
  net.norms.forEach((norm, i) => {
    norm.momentum = before[i]
  })
}
