import { describe, expect, it } from 'vitest'
import { ChainBuilder } from '../../src/graph/builders.js'
import { elements, type Graph, type Node, type Pads, type Pair } from '../../src/graph/ir.js'
import { Rng } from '../../src/rng.js'
import { Network } from '../../src/train/network.js'
import { derivative, forward, nodeForward, type Params } from './plain.js'

const BATCH = 3

/** Fills every parameter of a network with random numbers and returns them in f64. */
function randomise(net: Network, rng: Rng): Params {
  const params: Params = { weights: {}, norms: {} }
  for (const w of net.weighted) {
    const view = net.mem.f32(w.weights, w.n).map(() => rng.normal())
    net.mem.f32(w.weights, w.n).set(view)
    params.weights[w.name] = Float64Array.from(view)
  }
  for (const { name, state, channels } of net.norms) {
    const view = net.mem.f32(state, 2 * channels)
    view.set(view.map(() => 0.5 + rng.float()))
    params.norms[name] = {
      gamma: Float64Array.from(view.subarray(0, channels)),
      beta: Float64Array.from(view.subarray(channels)),
    }
  }
  return params
}

function fill(view: Float32Array, rng: Rng): Float64Array {
  for (let i = 0; i < view.length; i++) view[i] = rng.normal()
  return Float64Array.from(view)
}

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, label: string): void {
  expect(got.length, label).toBe(wanted.length)
  const size = Math.max(1e-3, ...Array.from(wanted, Math.abs))
  for (let i = 0; i < got.length; i++) {
    if (!(Math.abs(got[i] - wanted[i]) <= 2e-4 * size)) expect.fail(`${label}[${i}]: ${got[i]}, expected ${wanted[i]}`)
  }
}

/** Checks the last node's value and gradients; the node before it is trainable, so that its gradient is computed. */
async function checkLast(graph: Graph, seed: number): Promise<void> {
  const rng = new Rng(seed)
  const net = await Network.create(graph, BATCH)
  const params = randomise(net, rng)
  const node = graph.nodes.at(-1) as Node
  const [before, after] = [net.shape(node.inputs[0]), net.shape(node.name)]
  const n = elements(before) * BATCH
  fill(net.mem.f32(net.input.value, elements(net.shape(graph.inputs[0].name)) * BATCH), rng)
  net.prepare()
  net.forward(true)
  const xs = node.inputs.map((name) => Float64Array.from(net.mem.f32(net.value(name).value, n)))
  const y = nodeForward(node, xs, before, after, BATCH, params)
  expectClose(net.mem.f32(net.output.value, y.length), y, `${node.op} value`)

  const direction = fill(net.mem.f32(net.output.grad, y.length), rng)
  const f = () => nodeForward(node, xs, before, after, BATCH, params).reduce((sum, v, i) => sum + v * direction[i], 0)
  net.backward()
  node.inputs.forEach((name, i) => {
    expectClose(net.mem.f32(net.value(name).grad, n), derivative(xs[i], f), `${node.op} gradient of input ${i}`)
  })
  const w = net.weighted.find((b) => b.name === node.name)
  if (w !== undefined) {
    expectClose(net.mem.f32(w.grad, w.n), derivative(params.weights[w.name], f), `${node.op} weight gradient`)
  }
  const norm = net.norms.find((b) => b.name === node.name)
  if (norm !== undefined) {
    const grads = net.mem.f32(norm.grads, 2 * norm.channels)
    const { gamma, beta } = params.norms[norm.name]
    expectClose(grads, [...derivative(gamma, f), ...derivative(beta, f)], `${node.op} gamma and beta gradients`)
  }
}

const convolutions: [kernel: Pair, stride: Pair, pad: Pads, channels: number][] = [
  [[1, 1], [1, 1], [0, 0, 0, 0], 2],
  [[3, 3], [1, 1], [0, 0, 0, 0], 5],
  [[3, 3], [1, 1], [1, 1, 1, 1], 4],
  [[5, 5], [1, 1], [2, 2, 2, 2], 6],
  [[3, 2], [1, 1], [2, 0, 1, 3], 3],
  [[3, 3], [2, 2], [1, 1, 1, 1], 4],
  [[2, 3], [3, 2], [0, 2, 1, 0], 3],
  [[1, 1], [2, 2], [0, 0, 0, 0], 5],
  [[3, 3], [1, 1], [4, 5, 4, 5], 2],
  [[6, 9], [1, 1], [0, 0, 0, 0], 3],
  [[2, 2], [4, 5], [0, 0, 0, 0], 1],
]

describe('gradients against central differences in f64', () => {
  for (const [kernel, stride, pad, channels] of convolutions) {
    it(`conv2d ${kernel.join('x')}, stride ${stride.join('x')}, pad ${pad.join(' ')}, ${channels} channels`, async () => {
      const graph = new ChainBuilder([2, 6, 9])
        .conv(3, 1, 0)
        .add({ op: 'conv2d', channels, kernel, stride, pad })
        .build()
      await checkLast(graph, 1)
    })
  }

  for (const units of [1, 4, 13]) {
    it(`dense, ${units} units`, async () => {
      await checkLast(new ChainBuilder([6]).dense(7).dense(units).build(), units)
    })
  }

  it('batchnorm on images and vectors', async () => {
    await checkLast(new ChainBuilder([2, 5, 7]).conv(3, 2, 0).plain('batchnorm').build(), 1)
    await checkLast(new ChainBuilder([6]).dense(9).plain('batchnorm').build(), 2)
  })

  for (const [groups, channels, stride] of [
    [2, 6, 1],
    [4, 4, 1],
    [4, 8, 2],
  ]) {
    it(`conv2d with ${groups} groups, ${channels} channels, stride ${stride}`, async () => {
      const graph = new ChainBuilder([2, 6, 9])
        .conv(4, 1, 0)
        .add({ op: 'conv2d', channels, kernel: [3, 3], stride: [stride, stride], pad: [1, 1, 1, 1], groups })
        .build()
      await checkLast(graph, groups)
    })
  }

  it('relu6', async () => {
    await checkLast(new ChainBuilder([2, 5, 7]).conv(9, 2, 0).add({ op: 'relu6' }).build(), 1)
  })

  it('padchannels and transpose', async () => {
    await checkLast(
      new ChainBuilder([2, 5, 7]).conv(3, 2, 0).add({ op: 'padchannels', before: 1, after: 2 }).build(),
      1,
    )
    await checkLast(new ChainBuilder([2, 5, 7]).conv(6, 2, 0).add({ op: 'transpose', height: 2, width: 3 }).build(), 2)
  })

  it('add', async () => {
    const graph: Graph = {
      inputs: [{ name: 'input', shape: [4], scale: [1], offset: [0] }],
      nodes: [
        { op: 'dense', name: 'a', inputs: ['input'], units: 3 },
        { op: 'dense', name: 'b', inputs: ['input'], units: 3 },
        { op: 'add', name: 'c', inputs: ['a', 'b'] },
      ],
      outputs: ['c'],
    }
    await checkLast(graph, 6)
  })

  it('relu', async () => {
    await checkLast(new ChainBuilder([2, 5, 7]).conv(3, 2, 0).plain('relu').build(), 1)
  })

  for (const op of ['maxpool', 'avgpool'] as const) {
    it(`${op}, apart, overlapping and padded`, async () => {
      const windows: [Pair, Pair, Pads][] = [
        [
          [2, 2],
          [2, 2],
          [0, 0, 0, 0],
        ],
        [
          [3, 3],
          [2, 2],
          [1, 1, 1, 1],
        ],
        [
          [3, 2],
          [1, 3],
          [2, 0, 0, 1],
        ],
        [
          [7, 6],
          [1, 1],
          [0, 0, 0, 0],
        ],
      ]
      for (const [kernel, stride, pad] of windows) {
        await checkLast(new ChainBuilder([2, 7, 6]).conv(3, 1, 0).add({ op, kernel, stride, pad }).build(), 3)
      }
    })
  }

  it('flatten', async () => {
    await checkLast(new ChainBuilder([2, 3, 5]).conv(3, 1, 0).plain('flatten').build(), 1)
    await checkLast(new ChainBuilder([4]).dense(3).plain('flatten').build(), 1)
  })

  it('a branch that the output does not depend on sends nothing back', async () => {
    const names = { a: 'a', b: 'b', c: 'c' }
    const graph: Graph = {
      inputs: [{ name: 'input', shape: [4], scale: [1], offset: [0] }],
      nodes: [
        { op: 'dense', name: names.a, inputs: ['input'], units: 3 },
        { op: 'relu', name: names.b, inputs: [names.a] },
        { op: 'relu', name: names.c, inputs: [names.a] },
      ],
      outputs: [names.c],
    }
    await checkLast(graph, 5)
  })

  it('a whole network: gradients of every weight and norm', async () => {
    await checkWhole(
      new ChainBuilder([1, 8, 8])
        .conv(3, 3, 1)
        .plain('batchnorm')
        .plain('relu')
        .pool('maxpool', [2, 2])
        .conv(4, 3, 0)
        .plain('batchnorm')
        .plain('relu')
        .plain('flatten')
        .dense(5)
        .plain('batchnorm')
        .build(),
    )
  })

  it('residual blocks, shared weights and values that several nodes use', async () => {
    const at = { scale: [1], offset: [0] }
    const conv = { op: 'conv2d', kernel: [3, 3], stride: [1, 1], pad: [1, 1, 1, 1] } as const
    await checkWhole({
      inputs: [{ name: 'image', shape: [1, 8, 8], ...at }],
      nodes: [
        { ...conv, name: 'c1', inputs: ['image'], channels: 3 },
        { op: 'batchnorm', name: 'b1', inputs: ['c1'] },
        { ...conv, name: 'c2', inputs: ['b1'], channels: 3 },
        { op: 'batchnorm', name: 'b2', inputs: ['c2'] },
        { op: 'add', name: 'a1', inputs: ['b1', 'b2'] },
        { ...conv, name: 'c3', inputs: ['a1'], channels: 3, weightsOf: 'c2' },
        { op: 'batchnorm', name: 'b3', inputs: ['c3'] },
        { op: 'add', name: 'a2', inputs: ['a1', 'b3'] },
        { op: 'add', name: 'a3', inputs: ['a2', 'a2'] },
        { op: 'maxpool', name: 'm', inputs: ['a3'], kernel: [1, 1], stride: [2, 2], pad: [0, 0, 0, 0] },
        { op: 'flatten', name: 'f', inputs: ['m'] },
        { op: 'dense', name: 'd', inputs: ['f'], units: 5 },
        { op: 'batchnorm', name: 'b4', inputs: ['d'] },
      ],
      outputs: ['b4'],
    })
  })
})

/** Every gradient of a network with images of 8 x 8. */
async function checkWhole(graph: Graph): Promise<void> {
  const rng = new Rng(4)
  const net = await Network.create(graph, BATCH)
  const params = randomise(net, rng)
  const x = fill(net.mem.f32(net.input.value, 64 * BATCH), rng)
  net.prepare()
  net.forward(true)
  const y = forward(graph, x, BATCH, params)
  expectClose(net.mem.f32(net.output.value, y.length), y, 'output')
  const direction = fill(net.mem.f32(net.output.grad, y.length), rng)
  net.backward()
  const f = () => forward(graph, x, BATCH, params).reduce((sum, v, i) => sum + v * direction[i], 0)
  for (const w of net.weighted) {
    expectClose(net.mem.f32(w.grad, w.n), derivative(params.weights[w.name], f, 1e-6), `${w.name} gradient`)
  }
  for (const norm of net.norms) {
    const { gamma, beta } = params.norms[norm.name]
    expectClose(
      net.mem.f32(norm.grads, 2 * norm.channels),
      [...derivative(gamma, f, 1e-6), ...derivative(beta, f, 1e-6)],
      norm.name,
    )
  }
}

describe('passes by levels', () => {
  for (const [kernel, stride, pad, channels, groups] of [
    ...convolutions.map((c) => [...c, 1] as const),
    [[3, 3], [1, 1], [1, 1, 1, 1], 6, 3],
    [[3, 3], [2, 2], [1, 1, 1, 1], 3, 3],
  ] as const) {
    for (const maxLevel of [1, 3, 7] as const) {
      it(`conv2d ${kernel.join('x')}, stride ${stride.join('x')}, pad ${pad.join(' ')}, ${groups} groups, levels to ${maxLevel}`, async () => {
        const graph = new ChainBuilder([2, 6, 9])
          .conv(3, 1, 0)
          .add({ op: 'conv2d', channels, kernel, stride, pad, groups })
          .build()
        const rng = new Rng(maxLevel)
        const net = await Network.create(graph, BATCH)
        randomise(net, rng)
        const w = net.weighted[1]
        const constant = 0.37
        const levels = Int8Array.from({ length: w.n }, () =>
          rng.below(4) === 0 ? rng.below(2 * maxLevel + 1) - maxLevel : 0,
        )
        net.mem.f32(w.weights, w.n).set(Float32Array.from(levels, (l) => l * Math.fround(constant)))
        fill(net.mem.f32(net.input.value, elements([2, 6, 9]) * BATCH), rng)
        const direction = fill(new Float32Array(elements(net.shape(graph.outputs[0])) * BATCH), rng)
        const passes = () => {
          net.prepare()
          net.forward(true)
          net.mem.f32(net.output.grad, direction.length).set(direction)
          net.backward()
          const before = net.value(graph.nodes[1].inputs[0])
          return [
            net.mem.f32(net.output.value, direction.length).slice(),
            net.mem.f32(before.grad, elements(net.shape(graph.nodes[0].name)) * BATCH).slice(),
            net.mem.f32(w.grad, w.n).slice(),
          ]
        }
        const dense = passes()
        const address = net.mem.bytes(w.n)
        net.mem.i8(address, w.n).set(levels)
        const nonzeros = levels.filter((l) => l !== 0).length
        w.sparse = { levels: address, maxLevel, constant, nonzeros }
        const sparse = passes()
        sparse.forEach((got, i) => {
          expectClose(got, dense[i], ['value', 'input gradient', 'weight gradient'][i])
        })
      })
    }
  }
})
