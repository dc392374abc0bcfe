/** Training steps with @tensorflow/tfjs on its cpu backend, the only one for Node that has every gradient of a convolution. */
import * as tf from '@tensorflow/tfjs'
import { EPS, forward, normNodes, readJob, runSteps } from './job.mjs'

const job = readJob()
await tf.setBackend('cpu')

// Images are [N, H, W, C] here, kernels [kh, kw, in, out].
const ops = {
  conv2d: ({ name, stride, pad: [top, left, bottom, right] }, [x], p) =>
    tf.conv2d(x, p[name], stride, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]),
  dense: ({ name }, [x], p) => tf.matMul(x, p[name]),
  batchnorm: ({ name }, [x], p) => {
    const axes = x.rank === 4 ? [0, 1, 2] : [0]
    const { mean, variance } = tf.moments(x, axes)
    return tf.batchNorm(x, mean, variance, p[`${name}.beta`], p[`${name}.gamma`], EPS)
  },
  relu: (_, [x]) => tf.relu(x),
  add: (_, [a, b]) => tf.add(a, b),
  maxpool: ({ kernel, stride }, [x]) => tf.maxPool(x, kernel, stride, 'valid'),
  avgpool: ({ kernel, stride }, [x]) => tf.avgPool(x, kernel, stride, 'valid'),
  // Features are in the order [C, H, W].
  flatten: (_, [x]) => tf.transpose(x, [0, 3, 1, 2]).reshape([x.shape[0], -1]),
  padchannels: ({ before, after }, [x]) =>
    tf.pad(x, [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, after],
    ]),
}

const tensor = ({ shape, values }) => tf.tensor(values, shape)
const parameters = {}
for (const [name, w] of Object.entries(job.weights)) {
  parameters[name] = tf.variable(tf.transpose(tensor(w), w.shape.length === 4 ? [2, 3, 1, 0] : [1, 0]))
}
for (const { name, channels } of normNodes(job)) {
  parameters[`${name}.gamma`] = tf.variable(tf.ones([channels]))
  parameters[`${name}.beta`] = tf.variable(tf.zeros([channels]))
}
const images = tf.transpose(tensor(job.images), [0, 2, 3, 1])
const labels = tf.tensor1d(job.labels, 'int32')
const optimiser = tf.train.sgd(job.learningRate)

await runSteps(job.steps, async () => {
  const loss = optimiser.minimize(() => {
    const scores = forward(job.graph, ops, parameters, images)
    return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, scores.shape[1]), scores).asScalar()
  }, true)
  return (await loss.data())[0]
})
