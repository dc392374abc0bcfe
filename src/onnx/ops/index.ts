/** All operators that can be imported, by ONNX's name. */
import type { Operator } from '../site.js'
import { elementwise } from './elementwise.js'
import { layers } from './layers.js'
import { pools } from './pool.js'
import { quantised } from './quantise.js'
import { resizing } from './resize.js'
import { shapes } from './shape.js'
import { statistics } from './statistics.js'

export const operators: Readonly<Record<string, Operator>> = {
  ...elementwise,
  ...layers,
  ...pools,
  ...quantised,
  ...resizing,
  ...shapes,
  ...statistics,
}

/** Names of the operators that can be imported, sorted. */
export const onnxOperators: readonly string[] = Object.keys(operators).sort()
