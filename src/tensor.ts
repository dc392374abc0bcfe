import { WhiteDwarfError } from './errors.js'

export type DType = 'float32' | 'uint8'
export type TensorData<T extends DType = DType> = { float32: Float32Array; uint8: Uint8Array | Uint8ClampedArray }[T]

/** Any object of this form is accepted where a tensor is expected (other libraries' tensors, other realms' arrays). */
export interface TensorLike {
  readonly type: DType
  readonly data: TensorData
  readonly dims: readonly number[]
}

/**
 * A dense array with a shape, row-major. The data is not copied: the tensor and the caller share it.
 * @throws WhiteDwarfError E_DTYPE, E_SHAPE when type, data and dims do not fit each other
 */
export class Tensor<T extends DType = DType> implements TensorLike {
  readonly type: T
  readonly data: TensorData<T>
  readonly dims: readonly number[]

  constructor(type: T, data: TensorData<T>, dims: readonly number[]) {
    checkTensor({ type, data, dims }, 'tensor')
    this.type = type
    this.data = data
    this.dims = dims
  }

  get size(): number {
    return this.data.length
  }
}

const TAGS: Record<DType, readonly string[]> = {
  float32: ['Float32Array'],
  uint8: ['Uint8Array', 'Uint8ClampedArray'],
}

/** Checks type, data and dims against each other, naming the tensor in the message. Works across realms. */
export function checkTensor(t: TensorLike, name: string): void {
  if (t === null || typeof t !== 'object' || !ArrayBuffer.isView(t.data) || !Array.isArray(t.dims)) {
    throw new WhiteDwarfError(
      'E_DTYPE',
      `${name}: expected { type, data: typed array, dims: number[] }, got ${describe(t)}`,
    )
  }
  const tag = Object.prototype.toString.call(t.data).slice(8, -1)
  if (!Object.hasOwn(TAGS, t.type)) {
    throw new WhiteDwarfError('E_DTYPE', `${name}: type must be 'float32' or 'uint8', got '${String(t.type)}'`)
  }
  if (!TAGS[t.type].includes(tag)) {
    throw new WhiteDwarfError('E_DTYPE', `${name}: type '${t.type}' needs a ${TAGS[t.type][0]}, got a ${tag}`)
  }
  let size = 1
  for (const d of t.dims) {
    if (!Number.isInteger(d) || d < 0) {
      throw new WhiteDwarfError('E_SHAPE', `${name}: dims must be whole numbers, got [${t.dims.join(', ')}]`)
    }
    size *= d
  }
  if (size !== t.data.length) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${name}: dims [${t.dims.join(', ')}] hold ${size} values, but the data has ${t.data.length}`,
    )
  }
}

function describe(t: unknown): string {
  if (t === null) return 'null'
  if (Array.isArray(t)) return 'an array'
  if (ArrayBuffer.isView(t)) return `a bare ${Object.prototype.toString.call(t).slice(8, -1)} (wrap it in a Tensor)`
  return typeof t
}
