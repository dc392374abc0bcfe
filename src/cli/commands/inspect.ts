/** whitedwarf inspect: what is in a model file, and what each part costs. */
import { type FormSize, modelSizes, type TensorSize } from '../../compress.js'
import { readWd, type WdTensor } from '../../format.js'
import { isWeighted } from '../../graph/ir.js'
import { patternName } from '../../patterns.js'
import type { Command, CommandContext } from '../command.js'
import { readInput } from '../files.js'
import { inspectOnnx, printOnnx } from '../inspect-onnx.js'
import { inspectPattern, patternOptions, refusePatternOptions } from '../inspect-pattern.js'
import { isOnnxPath, modelArgument, parseSizes, sizesOption } from '../models.js'
import { grouped, percent, plainTable } from '../text.js'

interface LayerReport {
  readonly name: string
  readonly op: string
  readonly shape: readonly number[]
  /** Name of the level tensor; several layers may share one. */
  readonly tensor: string
}

interface TensorReport extends Omit<TensorSize, 'histogram'> {
  readonly density: number
  /** How often each level occurs, zero included. */
  readonly histogram: Readonly<Record<string, number>>
  readonly coding: string
  /** The name of its sparsity pattern, if it has one, and whether the levels are coded in its packed form. */
  readonly pattern?: string
  readonly packed?: boolean
  /** Coded size; fractional, because the tensors share one arithmetic-coded stream. */
  readonly bytes: number
  readonly bitsPerWeight: number
}

export function inspectModel(bytes: Uint8Array) {
  const file = readWd(bytes)
  const sizes = modelSizes(bytes)
  const tensors = file.tensors.map((t, i) => tensorReport(sizes.tensors[i], t))
  const layers = file.graph.nodes.filter(isWeighted).map((node): LayerReport => {
    const { tensor } = file.layers[node.name]
    const { shape } = tensors.find((t) => t.name === tensor) as TensorReport
    return { name: node.name, op: node.op, shape, tensor }
  })
  const { weights, nonZeros, originalWeights, fp32Bytes, constantBytes, forms } = sizes
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
    nonZeros,
    originalWeights,
    constantBytes,
    forms,
    layers,
    tensors,
  }
}

function tensorReport(size: TensorSize, { mode, pattern, packed }: WdTensor): TensorReport {
  const { weights, nonZeros, maxLevel, histogram, bits } = size
  return {
    ...size,
    histogram: Object.fromEntries(histogram.map((count, i) => [`${i - maxLevel}`, count])),
    density: nonZeros / weights,
    coding: mode,
    ...(pattern !== undefined && { pattern: patternName(pattern), packed: packed === true }),
    bytes: bits.file / 8,
    bitsPerWeight: bits.file / weights,
  }
}

/** What each form of the weights is, for people. */
const FORMS: Readonly<Record<keyof ReturnType<typeof inspectModel>['forms'], string>> = {
  file: 'the file, everything counted',
  entropy: 'order-0 entropy of the levels, and constants',
  hierarchical: 'raw bits: a mask per coat, signs, and constants',
  runLength: 'zero runs in Golomb-Rice code, and constants',
  programs: 'in memory: row programs, float32 constants',
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
        [
          '  tensor',
          'shape',
          'weights',
          'non-zero',
          'density',
          'levels',
          'signs',
          'coding',
          'bits/weight',
          'entropy',
          'bytes',
        ],
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
          (t.bits.entropy / t.weights).toFixed(3),
          t.bytes.toFixed(1),
        ]),
      ],
      [2, 3, 4, 5, 8, 9, 10],
    ),
  )
  for (const { name, pattern, packed } of tensors) {
    if (pattern !== undefined)
      console.log(`  ${name} keeps to pattern ${pattern}${packed ? ', which its coding uses' : ''}`)
  }
  const shared = report.layers.filter((layer) => layer.tensor !== layer.name)
  for (const layer of shared) console.log(`  layer ${layer.name} uses tensor ${layer.tensor}`)
  console.log('\nLevels:')
  for (const t of tensors) {
    const counts = Object.entries(t.histogram).sort(([a], [b]) => Number(a) - Number(b))
    console.log(`  ${t.name}  ${counts.map(([level, n]) => `${level}: ${grouped(n)}`).join('   ')}`)
  }
  console.log('\nForms:')
  const forms = Object.entries(report.forms) as [keyof typeof FORMS, FormSize][]
  console.log(
    plainTable(
      [
        ['  form', 'bytes', 'bits/weight', 'of float32'],
        ...forms.map(([name, { bytes, bitsPerWeight, share }]) => [
          `  ${FORMS[name]}`,
          grouped(bytes),
          bitsPerWeight.toFixed(3),
          percent(share),
        ]),
      ],
      [1, 2, 3],
    ),
  )
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
  usage: 'MODEL(.wd|.onnx) [--json]  or  MODEL.wd|PATTERN --pattern [--svg FILE]',
  options: [sizesOption, ...patternOptions],
  positionals: 1,
  examples: [
    { command: 'whitedwarf inspect model.wd', comment: 'layers, densities, levels, bytes' },
    { command: 'whitedwarf inspect model.wd --json', comment: 'the same for programs' },
    {
      command: 'whitedwarf inspect model.onnx',
      comment: 'operators, and whether they can be imported; layers, densities',
    },
    {
      command: 'whitedwarf inspect model.wd --pattern --layer conv2 --svg conv2.svg',
      comment: 'which weights of a layer are not zero, and which patterns they keep to',
    },
    {
      command: 'whitedwarf inspect --pattern complementary:4 --shape 8x16x3x3',
      comment: 'what a pattern looks like',
    },
  ],
  async run({ args, json }: CommandContext): Promise<void> {
    if (args.flag('pattern')) return inspectPattern(args, json)
    refusePatternOptions(args)
    const path = modelArgument(args)
    const sizes = parseSizes(args)
    const bytes = await readInput(path, 'model')
    const show = <R extends object>(report: R, print: (path: string, report: R) => void) => {
      if (json) console.log(JSON.stringify({ file: path, ...report }, null, 2))
      else print(path, report)
    }
    if (isOnnxPath(path)) show(inspectOnnx(path, bytes, sizes), printOnnx)
    else show(inspectModel(bytes), printReport)
  },
}
