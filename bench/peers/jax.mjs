/** Training steps with @jax-js/jax, WebAssembly backend, the whole step compiled by its jit. Arguments belong to who is called. */
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax'
import { EPS, forward, normNodes, readJob, runSteps } from './job.mjs'

const job = readJob()
await init('wasm')
defaultDevice('wasm')

const array = ({ shape, values }) => np.array(new Float32Array(values)).reshape(shape)

const channelAxes = (x) => (x.shape.length === 4 ? [1, -1, 1, 1] : [1, -1])

/** Windows that tile the image: [N, C, H / kh, kh, W / kw, kw]. */
function tiles({ kernel: [kh, kw], stride, pad }, x) {
  if (stride[0] !== kh || stride[1] !== kw || pad.some((p) => p > 0))
    throw new Error('pooling windows must tile the image')
  const [n, c, h, w] = x.shape
  return x.reshape([n, c, h / kh, kh, w / kw, kw])
}

const ops = {
  conv2d: ({ name, stride, pad: [top, left, bottom, right] }, [x], p) =>
    lax.convGeneralDilated(x, p[name].ref, stride, [
      [top, bottom],
      [left, right],
    ]),
  dense: ({ name }, [x], p) => np.matmul(x, p[name].ref.transpose()),
  batchnorm: ({ name }, [x], p) => {
    const axes = x.shape.length === 4 ? [0, 2, 3] : [0]
    const shape = channelAxes(x)
    const centred = x.ref.sub(np.mean(x, axes, { keepdims: true }))
    const variance = np.mean(np.square(centred.ref), axes, { keepdims: true })
    const normal = centred.div(np.sqrt(variance.add(EPS)))
    return normal.mul(p[`${name}.gamma`].ref.reshape(shape)).add(p[`${name}.beta`].ref.reshape(shape))
  },
  relu: (_, [x]) => nn.relu(x),
  add: (_, [a, b]) => a.add(b),
  maxpool: (node, [x]) => {
    if (node.kernel[0] > 1) return np.max(tiles(node, x), [3, 5])
    const [sy, sx] = node.stride
    return tiles({ kernel: [sy, sx], stride: [sy, sx], pad: node.pad }, x).slice([], [], [], 0, [], 0)
  },
  avgpool: (node, [x]) => np.mean(tiles(node, x), [3, 5]),
  flatten: (_, [x]) => x.reshape([x.shape[0], -1]),
  padchannels: ({ before, after }, [x]) =>
    np.pad(x, [
      [0, 0],
      [before, after],
      [0, 0],
      [0, 0],
    ]),
}

let parameters = Object.fromEntries(Object.entries(job.weights).map(([name, w]) => [name, array(w)]))
for (const { name, channels } of normNodes(job)) {
  parameters[`${name}.gamma`] = np.ones([channels])
  parameters[`${name}.beta`] = np.zeros([channels])
}
const images = array(job.images)
const classes = forwardClasses()
const targets = np
  .array(
    new Float32Array(job.labels.flatMap((label) => Array.from({ length: classes }, (_, c) => Number(c === label)))),
  )
  .reshape([job.labels.length, classes])

function forwardClasses() {
  return job.weights[job.graph.nodes.findLast((n) => n.op === 'dense').name].shape[0]
}

function loss(p, x, y) {
  const scores = forward(job.graph, ops, p, x, (value) => value.ref)
  const result = np.mean(nn.logSoftmax(scores, 1).mul(y).sum(1)).neg()
  tree.dispose(p)
  return result
}

const step = jit((p, x, y) => {
  const [value, gradients] = valueAndGrad(loss)(tree.ref(p), x, y)
  return [value, tree.map((w, g) => w.sub(g.mul(job.learningRate)), p, gradients)]
})

await runSteps(job.steps, async () => {
  const [value, next] = step(parameters, images.ref, targets.ref)
  parameters = next
  const [loss] = await value.data()
  for (const p of Object.values(parameters)) await p.blockUntilReady()
  return loss
})
