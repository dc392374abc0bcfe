/** What a session runs: the network of a .wd file, or one of plain weights, seen alike. */
import { codedValues } from '../format/half.js'
import { PatternsNeeded } from '../format/header.js'
import { readFile, type WdFile } from '../format/read.js'
import type { Graph, Shape } from '../graph/ir.js'
import type { MaxLevel } from '../kernels/levels.js'
import type { Pattern } from '../patterns/pattern.js'

/** A weight matrix: one row for each output channel. */
export interface TensorInfo {
  readonly name: string
  readonly shape: Shape
  readonly rows: number
  readonly cols: number
  /** Of levels. */
  readonly maxLevel?: MaxLevel
  /** That the levels keep to. */
  readonly pattern?: Pattern
}

/** y = scale * (weights . x) + bias, for each output channel. */
export interface LayerInfo {
  readonly tensor: string
  readonly scale: Float32Array
  readonly bias: Float32Array
}

interface Common {
  readonly graph: Graph
  readonly shapes: ReadonlyMap<string, Shape>
  readonly ranges: Readonly<Record<string, number>>
  readonly tensors: readonly TensorInfo[]
  /** By the name of the weighted node. */
  readonly layers: ReadonlyMap<string, LayerInfo>
  /** By the name of the constant node. */
  readonly constants: Readonly<Record<string, Float32Array>>
}

/** Weights are coded levels, decoded when the plan is made. */
export interface LevelNetwork extends Common {
  readonly kind: 'levels'
  readonly bytes: Uint8Array
  readonly file: WdFile
}

/** Weights are f32 numbers, by tensor. */
export interface FloatNetwork extends Common {
  readonly kind: 'floats'
  readonly weights: ReadonlyMap<string, Float32Array>
}

export type Network = LevelNetwork | FloatNetwork

/** @throws WhiteDwarfError E_FORMAT */
export async function networkOfFile(bytes: Uint8Array): Promise<LevelNetwork> {
  const file = await readAny(bytes)
  const layers = Object.entries(file.layers).map(([name, { tensor, scale, bias }]): [string, LayerInfo] => [
    name,
    { tensor, scale: codedValues(scale), bias: codedValues(bias) },
  ])
  const { graph, shapes, ranges, tensors, constants } = file
  return { kind: 'levels', bytes, file, graph, shapes, ranges, tensors, layers: new Map(layers), constants }
}

/** Most files have no patterns: the code for these is loaded where one has. */
async function readAny(bytes: Uint8Array): Promise<WdFile> {
  try {
    return readFile(bytes, undefined)
  } catch (error) {
    if (!(error instanceof PatternsNeeded)) throw error
    return readFile(bytes, await import('../format/patterned.js'))
  }
}
