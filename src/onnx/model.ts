/** An ONNX model as this library sees it: decoded, checked, and free of the container's forms. */
import type { HostTensor, HostType } from './tensor.js'

export type AttributeValue = number | string | readonly number[] | readonly string[] | HostTensor

export interface OnnxNode {
  /** Its own name, or that of its first output. */
  readonly name: string
  readonly op: string
  /** '' is ONNX's own. */
  readonly domain: string
  /** '' for an optional input that is not given. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, AttributeValue>
}

export interface OnnxPort {
  readonly name: string
  readonly type: HostType
  /** A string is a dimension that is given when the model runs; undefined: any. */
  readonly dims: readonly (number | string | undefined)[]
}

export interface OnnxModel {
  /** Version of the operators of the default domain. */
  readonly opset: number
  readonly producer: string
  readonly nodes: readonly OnnxNode[]
  readonly constants: ReadonlyMap<string, HostTensor>
  /** Without those that are constants. */
  readonly inputs: readonly OnnxPort[]
  readonly outputs: readonly OnnxPort[]
}
