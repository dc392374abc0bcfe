/** whitedwarf inspect: what is in a model file, and what each part costs. */
import { decodeModel, readWd, tensorBytes } from '../../format.js'
import { isWeighted } from '../../graph/ir.js'
import type { LevelTensor } from '../../graph/model.js'
import type { Command, CommandContext } from '../command.js'
import { modelArgument, readInput } from '../files.js'
import { grouped, percent, plainTable } from '../text.js'

interface LayerReport {
  readonly name: string
  readonly op: string
  readonly shape: readonly number[]
  /** Name of the level tensor; several layers may share one. */
  readonly tensor: string
}

interface TensorReport {
  readonly name: string
  readonly shape: readonly number[]
  readonly weights: number
  readonly nonZeros: number
  readonly density: number
  readonly maxLevel: number
  /** How often each level occurs, zero included. */
  readonly histogram: Readonly<Record<string, number>>
  readonly signs: 'stored' | 'seeded'
  readonly coding: string
  /** Coded size; fractional, because the tensors share one arithmetic-coded stream. */
  readonly bytes: number
  readonly bitsPerWeight: number
}

export function inspectModel(bytes: Uint8Array) {
  const file = readWd(bytes)
  const model = decodeModel(bytes)
  const coded = new Map(tensorBytes(bytes).map((t) => [t.name, t.bytes]))
  const tensors = file.tensors.map(({ name, mode }) =>
    tensorReport(name, mode, model.tensors[name], coded.get(name) as number),
  )
  const layers = file.graph.nodes.filter(isWeighted).map((node): LayerReport => {
    const { tensor } = file.layers[node.name]
    return { name: node.name, op: node.op, shape: model.tensors[tensor].shape, tensor }
  })
  // A float32 file holds every layer's weights (folded layers once) and one bias per output channel.
  const weights = tensors.reduce((sum, t) => sum + t.weights, 0)
  const fp32Bytes = 4 * (weights + layers.reduce((sum, layer) => sum + layer.shape[0], 0))
  return {
    version: file.version,
    bytes: bytes.length,
    fp32Bytes,
    ratio: fp32Bytes / bytes.length,
    parts: file.size,
    inputs: file.graph.inputs,
    outputs: file.graph.outputs.map((name) => ({ name, shape: file.shapes.get(name) ?? [] })),
    operations: file.graph.nodes.map((node) => ({
      name: node.name,
      op: node.op,
      shape: file.shapes.get(node.name) ?? [],
    })),
    weights,
    nonZeros: tensors.reduce((sum, t) => sum + t.nonZeros, 0),
    layers,
    tensors,
  }
}

function tensorReport(name: string, coding: string, tensor: LevelTensor, bytes: number): TensorReport {
  const histogram: Record<string, number> = {}
  for (let level = -tensor.maxLevel; level <= tensor.maxLevel; level++) histogram[`${level}`] = 0
  for (const level of tensor.levels) histogram[`${level}`]++
  const weights = tensor.levels.length
  const nonZeros = weights - histogram[0]
  return {
    name,
    shape: tensor.shape,
    weights,
    nonZeros,
    density: nonZeros / weights,
    maxLevel: tensor.maxLevel,
    histogram,
    signs: tensor.signSeed === undefined ? 'stored' : 'seeded',
    coding,
    bytes,
    bitsPerWeight: (8 * bytes) / weights,
  }
}

function printReport(path: string, report: ReturnType<typeof inspectModel>): void {
  const shape = (dims: readonly number[]) => dims.join('x')
  const { parts, tensors } = report
  const part = (name: string, bytes: number) => [`  ${name}`, bytes.toFixed(1), percent(bytes / parts.total, 1)]
  console.log(`${path}: .wd version ${report.version}, ${grouped(report.bytes)} bytes`)
  console.log(`float32 would take ${grouped(report.fp32Bytes)} bytes, ${report.ratio.toFixed(1)} times as much`)
  for (const input of report.inputs) console.log(`input   ${input.name} ${shape(input.shape)}`)
  for (const output of report.outputs) console.log(`output  ${output.name} ${shape(output.shape)}`)
  console.log(`\nOperations: ${report.operations.map((o) => o.name).join(' > ')}`)
  console.log('\nWeights:')
  console.log(
    plainTable(
      [
        ['  tensor', 'shape', 'weights', 'non-zero', 'density', 'levels', 'signs', 'coding', 'bits/weight', 'bytes'],
        ...tensors.map((t) => [
          `  ${t.name}`,
          shape(t.shape),
          grouped(t.weights),
          grouped(t.nonZeros),
          percent(t.density),
          `-${t.maxLevel}..${t.maxLevel}`,
          t.signs,
          t.coding,
          t.bitsPerWeight.toFixed(3),
          t.bytes.toFixed(1),
        ]),
      ],
      [2, 3, 4, 5, 8, 9],
    ),
  )
  const shared = report.layers.filter((layer) => layer.tensor !== layer.name)
  for (const layer of shared) console.log(`  layer ${layer.name} uses tensor ${layer.tensor}`)
  console.log('\nLevels:')
  for (const t of tensors) {
    const counts = Object.entries(t.histogram).sort(([a], [b]) => Number(a) - Number(b))
    console.log(`  ${t.name}  ${counts.map(([level, n]) => `${level}: ${grouped(n)}`).join('   ')}`)
  }
  console.log('\nBytes by part:')
  console.log(
    plainTable(
      [
        part('frame', parts.frame),
        part('graph, shapes, ranges', parts.header),
        part('scales and biases', parts.params),
        part('levels', parts.levels),
        part('checksum', parts.checksum),
        part('total', parts.total),
      ],
      [1, 2],
    ),
  )
}

export const inspect: Command = {
  name: 'inspect',
  summary: 'show what is in a model file and what each part costs',
  usage: 'MODEL.wd [--json]',
  options: [],
  positionals: 1,
  examples: [
    { command: 'whitedwarf inspect model.wd', comment: 'layers, densities, levels, bytes' },
    { command: 'whitedwarf inspect model.wd --json', comment: 'the same for programs' },
  ],
  async run({ args, json }: CommandContext): Promise<void> {
    const path = modelArgument(args)
    const report = inspectModel(await readInput(path, 'model'))
    if (json) console.log(JSON.stringify({ file: path, ...report }, null, 2))
    else printReport(path, report)
  },
}
