/** Tensors of ONNX models on the host: constants, and what shape arithmetic works on. */

/** Element types that the importer reads. f16 and bf16 are widened when they are read. */
export type HostType =
  | 'float32'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'int4'
  | 'uint4'
  | 'int2'
  | 'uint2'

/** 64-bit integers are held as f64: exact up to 2^53, and cut off there. Those of 2 and 4 bits take a byte each. */
export type HostData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array

export interface HostTensor {
  readonly type: HostType
  /** Row-major; [] is a scalar. */
  readonly dims: readonly number[]
  readonly data: HostData
}

const ARRAYS: Readonly<Record<HostType, new (length: number) => HostData>> = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: Float64Array,
  uint64: Float64Array,
  bool: Uint8Array,
  int4: Int8Array,
  uint4: Uint8Array,
  int2: Int8Array,
  uint2: Uint8Array,
}

export const isFloat = (type: HostType): boolean => type === 'float32' || type === 'float64'

/** The number of elements; 1 for a scalar. */
export const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)

/** The tensor whose element i is value(i), converted as JavaScript's typed arrays do; 64-bit integers are cut to whole numbers. */
export function hostTensor(type: HostType, dims: readonly number[], value: (i: number) => number): HostTensor {
  const data = new ARRAYS[type](count(dims))
  const whole = type === 'int64' || type === 'uint64'
  for (let i = 0; i < data.length; i++) {
    const v = value(i)
    data[i] = whole ? Math.trunc(v) : type === 'bool' ? Number(v !== 0) : v
  }
  return { type, dims, data }
}

export const int64s = (values: readonly number[]): HostTensor => hostTensor('int64', [values.length], (i) => values[i])

export const numbers = (tensor: HostTensor): number[] => Array.from(tensor.data)

/** Steps from element to element along each dimension. */
export function strides(dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length)
  let step = 1
  for (let d = dims.length - 1; d >= 0; d--) {
    result[d] = step
    step *= dims[d]
  }
  return result
}

/** Steps of a tensor within a shape that it broadcasts to: 0 where it repeats. */
export function broadcastStrides(dims: readonly number[], to: readonly number[]): number[] {
  const own = strides(dims)
  return to.map((_, d) => {
    const k = d - to.length + dims.length
    return k < 0 || dims[k] === 1 ? 0 : own[k]
  })
}

/** Offset of element i of a row-major shape in a tensor of other steps. */
export function offsetOf(i: number, dims: readonly number[], steps: readonly number[]): number {
  let offset = 0
  for (let d = dims.length - 1; d >= 0; d--) {
    offset += (i % dims[d]) * steps[d]
    i = Math.floor(i / dims[d])
  }
  return offset
}
