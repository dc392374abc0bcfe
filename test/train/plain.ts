/**
 * A second implementation of training's forward pass, in f64 and with obvious loops, for tests to compare with. Values are
 * channel-major like the trainer's: [C][N][H][W], vectors [features][N]. Gradients come from central differences.
 */
import {
  type ConvNode,
  elements,
  type Graph,
  inferShapes,
  isWeighted,
  type Node,
  type PoolNode,
  type Shape,
} from '../../src/graph/ir.js'

export interface Norm {
  gamma: Float64Array
  beta: Float64Array
}

export interface Params {
  readonly weights: Record<string, Float64Array>
  readonly norms: Record<string, Norm>
}

const EPS = 1e-5

const image = (shape: Shape) => (shape.length === 3 ? shape : [shape[0], 1, 1])

export function nodeForward(
  node: Node,
  [x, x2]: readonly Float64Array[],
  input: Shape,
  output: Shape,
  batch: number,
  p: Params,
): Float64Array {
  const y = new Float64Array(elements(output) * batch)
  const [C, H, W] = image(input)
  const [O, OH, OW] = image(output)
  const at = (c: number, n: number, i: number, j: number) => ((c * batch + n) * H + i) * W + j
  const to = (c: number, n: number, i: number, j: number) => ((c * batch + n) * OH + i) * OW + j
  const each = (visit: (c: number, n: number, i: number, j: number) => number) => {
    for (let c = 0; c < O; c++) {
      for (let n = 0; n < batch; n++) {
        for (let i = 0; i < OH; i++) for (let j = 0; j < OW; j++) y[to(c, n, i, j)] = visit(c, n, i, j)
      }
    }
  }
  /** Visits the positions inside the image that a window sees. */
  const window = (
    { kernel, stride, pad }: ConvNode | PoolNode,
    i: number,
    j: number,
    visit: (r: number, k: number, tap: number) => void,
  ) => {
    for (let u = 0; u < kernel[0]; u++) {
      for (let v = 0; v < kernel[1]; v++) {
        const r = i * stride[0] - pad[0] + u
        const k = j * stride[1] - pad[1] + v
        if (r >= 0 && r < H && k >= 0 && k < W) visit(r, k, u * kernel[1] + v)
      }
    }
  }
  switch (node.op) {
    case 'conv2d': {
      const w = p.weights[node.weightsOf ?? node.name]
      const taps = node.kernel[0] * node.kernel[1]
      const ins = C / (node.groups ?? 1)
      const outs = O / (node.groups ?? 1)
      each((o, n, i, j) => {
        let sum = 0
        for (let c = 0; c < ins; c++) {
          window(node, i, j, (r, k, tap) => {
            sum += w[(o * ins + c) * taps + tap] * x[at(Math.floor(o / outs) * ins + c, n, r, k)]
          })
        }
        return sum
      })
      return y
    }
    case 'dense':
      each((o, n) => {
        let sum = 0
        for (let f = 0; f < C; f++) sum += p.weights[node.weightsOf ?? node.name][o * C + f] * x[f * batch + n]
        return sum
      })
      return y
    case 'maxpool':
      each((c, n, i, j) => {
        let best = Number.NEGATIVE_INFINITY
        window(node, i, j, (r, k) => {
          best = Math.max(best, x[at(c, n, r, k)])
        })
        return best
      })
      return y
    case 'avgpool':
      each((c, n, i, j) => {
        let sum = 0
        let count = 0
        window(node, i, j, (r, k) => {
          sum += x[at(c, n, r, k)]
          count++
        })
        return sum / count
      })
      return y
    case 'relu':
      return x.map((v) => Math.max(v, 0))
    case 'relu6':
      return x.map((v) => Math.min(Math.max(v, 0), 6))
    case 'add':
      return x.map((v, i) => v + x2[i])
    case 'padchannels':
      y.set(x, node.before * batch * H * W)
      return y
    case 'transpose':
      each((c, n, i, j) => x[at(i * node.width + j, n, Math.floor(c / W), c % W)])
      return y
    case 'tensor':
      throw new Error('tensor functions are not trained')
    case 'flatten':
      for (let c = 0; c < C; c++) {
        for (let n = 0; n < batch; n++)
          for (let k = 0; k < H * W; k++) y[(c * H * W + k) * batch + n] = x[at(c, n, 0, k)]
      }
      return y
    case 'batchnorm': {
      const { gamma, beta } = p.norms[node.name]
      const row = batch * H * W
      for (let c = 0; c < C; c++) {
        const values = x.subarray(c * row, (c + 1) * row)
        const mean = values.reduce((a, b) => a + b, 0) / row
        const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / row
        values.forEach((v, i) => {
          y[c * row + i] = ((v - mean) / Math.sqrt(variance + EPS)) * gamma[c] + beta[c]
        })
      }
      return y
    }
  }
}

/** The graph's output with batch statistics. */
export function forward(graph: Graph, x: Float64Array, batch: number, p: Params): Float64Array {
  const shapes = inferShapes(graph)
  const values = new Map([[graph.inputs[0].name, x]])
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => values.get(name) as Float64Array)
    const [input, output] = [node.inputs[0], node.name].map((name) => shapes.get(name) as Shape)
    values.set(node.name, nodeForward(node, inputs, input, output, batch, p))
  }
  return values.get(graph.outputs[0]) as Float64Array
}

/** Mean smoothed cross-entropy of scores [classes][batch]. */
export function loss(z: Float64Array, labels: ArrayLike<number>, batch: number, smoothing: number): number {
  const classes = z.length / batch
  let sum = 0
  for (let n = 0; n < batch; n++) {
    const scores = Array.from({ length: classes }, (_, c) => z[c * batch + n])
    const top = Math.max(...scores)
    const log = top + Math.log(scores.reduce((a, v) => a + Math.exp(v - top), 0))
    scores.forEach((v, c) => {
      sum += ((c === labels[n] ? 1 - smoothing : 0) + smoothing / classes) * (log - v)
    })
  }
  return sum / batch
}

/** d f / d x by central differences; x is changed and restored. */
export function derivative(x: Float64Array, f: () => number, step = 1e-5): Float64Array {
  return x.map((old, i) => {
    x[i] = old + step
    const above = f()
    x[i] = old - step
    const below = f()
    x[i] = old
    return (above - below) / (2 * step)
  })
}

export const weightedNames = (graph: Graph) => graph.nodes.filter(isWeighted).map((node) => node.name)
