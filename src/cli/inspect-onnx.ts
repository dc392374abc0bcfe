/** What is in an ONNX file, and what importing makes of it. */
import { type FloatModel, inferShapes, isWeighted, weightShape } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { type OnnxModel, type OnnxPort, onnxOperators, readOnnx } from '../onnx.js'
import { filesBeside, importFile } from './models.js'
import { grouped, percent, plainTable } from './text.js'

interface LayerReport {
  readonly name: string
  readonly op: string
  readonly shape: readonly number[]
  readonly weights: number
  readonly nonZeros: number
}

const nonZerosOf = (data: ArrayLike<number>): number => {
  let n = 0
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) n++
  return n
}

/** @throws WhiteDwarfError of readOnnx, and of importing but E_GRAPH and E_SHAPE, which are part of the report */
export function inspectOnnx(path: string, bytes: Uint8Array, sizes: Readonly<Record<string, number>>) {
  const onnx = readOnnx(bytes, filesBeside(path))
  const { model, error } = tryImport(path, bytes, sizes)
  const constants = [...onnx.constants.values()]
  const port = ({ name, type, dims }: OnnxPort) => ({ name, type, dims: dims.map((d) => d ?? '?') })
  return {
    bytes: bytes.length,
    producer: onnx.producer,
    opset: onnx.opset,
    inputs: onnx.inputs.map(port),
    outputs: onnx.outputs.map(port),
    operators: operatorsOf(onnx),
    initializers: constants.length,
    elements: constants.reduce((n, t) => n + t.data.length, 0),
    nonZeros: constants.reduce((n, t) => n + nonZerosOf(t.data), 0),
    ...(model && {
      network: { inputs: model.graph.inputs.map(({ name, shape }) => ({ name, shape })), layers: layersOf(model) },
      operations: model.graph.nodes.length,
    }),
    ...(error && { error: { code: error.code, message: error.message } }),
  }
}

function tryImport(path: string, bytes: Uint8Array, sizes: Readonly<Record<string, number>>) {
  try {
    return { model: importFile(path, bytes, { sizes }) }
  } catch (error) {
    if (error instanceof WhiteDwarfError && ['E_GRAPH', 'E_SHAPE'].includes(error.code)) return { error }
    throw error
  }
}

/** How often each operator occurs, the most frequent first, and whether it can be imported. */
function operatorsOf({ nodes }: OnnxModel) {
  const counts = new Map<string, number>()
  for (const { op, domain } of nodes) {
    const name = domain === '' ? op : `${domain}.${op}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const known = new Set(onnxOperators)
  return [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => ({ name, count, supported: known.has(name) }))
}

function layersOf({ graph, weights }: FloatModel): LayerReport[] {
  const shapes = inferShapes(graph)
  return graph.nodes.filter(isWeighted).map((node) => {
    const shape = weightShape(node, shapes.get(node.inputs[0]) ?? [])
    const own = weights[node.name].weights
    return { name: node.name, op: node.op, shape, weights: own.length, nonZeros: nonZerosOf(own) }
  })
}

export function printOnnx(path: string, report: ReturnType<typeof inspectOnnx>): void {
  const { inputs, outputs, operators, network } = report
  const by = report.producer === '' ? '' : `, by ${report.producer}`
  console.log(`${path}: ONNX, operator set ${report.opset}${by}, ${grouped(report.bytes)} bytes`)
  const ports = [...inputs.map((p) => ['input', p] as const), ...outputs.map((p) => ['output', p] as const)]
  console.log(plainTable(ports.map(([kind, p]) => [kind, p.name, p.type, `[${p.dims.join(', ')}]`])))
  const share = percent(report.nonZeros / Math.max(1, report.elements), 1)
  console.log(
    `\n${report.initializers} initializers, ${grouped(report.elements)} elements, ${grouped(report.nonZeros)} not zero (${share})`,
  )
  const list = operators.map((o) => `${o.count} ${o.name}${o.supported ? '' : ' (not supported)'}`)
  console.log(`\nOperators: ${list.join(', ')}`)
  if (network !== undefined) {
    console.log(`\nImported: ${report.operations} operations, with these layers:`)
    const rows = network.layers.map((l) => [
      `  ${l.name}`,
      l.op,
      l.shape.join('x'),
      grouped(l.weights),
      percent(l.nonZeros / l.weights, 1),
    ])
    console.log(plainTable([['  layer', 'operation', 'shape', 'weights', 'density'], ...rows], [3, 4]))
  }
  if (report.error !== undefined) console.log(`\nIt cannot be imported: ${report.error.message}`)
}
