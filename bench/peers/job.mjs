/**
 * What the training peers share: they read a job from a file, run its steps of plain gradient descent, and print what they
 * measured. ../peers.ts starts them, each in a process of its own.
 *
 * @typedef {object} Job
 * @property {{inputs: object[], nodes: object[], outputs: string[]}} graph  whitedwarf's graph; weighted nodes own their weights
 * @property {{[node: string]: {shape: number[], values: number[]}}} weights  conv2d [out, in, kh, kw], dense [out, in]
 * @property {{shape: number[], values: number[]}} images  [N, C, H, W], as the network takes them
 * @property {number[]} labels
 * @property {number} learningRate
 * @property {number} steps
 */
import { readFileSync } from 'node:fs'

/** @returns {Job} */
export const readJob = () => JSON.parse(readFileSync(process.argv[2], 'utf8'))

/** Batch normalisation as in the trainer: biased variance of the batch. */
export const EPS = 1e-5

/** Nodes that normalise, with their channels. */
export function normNodes({ graph, weights }) {
  const channels = new Map()
  for (const node of graph.nodes) {
    channels.set(
      node.name,
      weights[node.name]?.shape[0] ?? channels.get(node.inputs[0]) + (node.before ?? 0) + (node.after ?? 0),
    )
  }
  return graph.nodes.filter((n) => n.op === 'batchnorm').map(({ name }) => ({ name, channels: channels.get(name) }))
}

/**
 * Walks the graph. `ops` has a function (node, inputs, parameters) for each operation; `again` is called for each use of a value
 * but its last.
 */
export function forward(graph, ops, parameters, image, again = (x) => x) {
  const uses = new Map()
  for (const name of graph.nodes.flatMap((n) => n.inputs)) uses.set(name, (uses.get(name) ?? 0) + 1)
  const values = new Map([[graph.inputs[0].name, image]])
  const use = (name) => {
    uses.set(name, uses.get(name) - 1)
    return uses.get(name) > 0 ? again(values.get(name)) : values.get(name)
  }
  for (const node of graph.nodes) {
    if (ops[node.op] === undefined) throw new Error(`no operation '${node.op}' here`)
    values.set(node.name, ops[node.op](node, node.inputs.map(use), parameters))
  }
  return values.get(graph.outputs[0])
}

/** Runs the steps and prints { losses, seconds }. `step` returns a promise of the loss that it found, before its update. */
export async function runSteps(steps, step) {
  const losses = []
  const seconds = []
  for (let i = 0; i < steps; i++) {
    const start = performance.now()
    losses.push(await step())
    seconds.push((performance.now() - start) / 1000)
  }
  console.log(JSON.stringify({ losses, seconds }))
}
