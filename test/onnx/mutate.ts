/** Hostile ONNX models: real ones with their bytes or their structure changed by chance. */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { type ModelProto, ModelProtoSchema, TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf'
import type { OnnxTest } from '../../bench/onnx-tests.js'
import { operators } from '../../src/onnx/ops/index.js'
import type { Rng } from '../../src/rng.js'

const INTEGERS = [
  0n,
  1n,
  -1n,
  2n,
  -2n,
  3n,
  7n,
  -7n,
  255n,
  65536n,
  1000003n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
]
const FLOATS = [0, -0, 1, -1, 0.5, 1e-40, 1e9, -1e9, 3.4e38, Number.NaN, Infinity, -Infinity]
const WORDS = ['', 'x', 'constant', 'SAME_UPPER', 'VALID', 'linear', 'cubic', 'wrap', '__proto__', 'toString']
const LOCATIONS = ['w.bin', '../w.bin', '/etc/passwd', 'a/../../b', 'C:\\w', '', 'w\0.bin']

/** A model with some bytes overwritten, or cut short. */
export function mutateBytes(bytes: Uint8Array, rng: Rng): Uint8Array {
  const damaged = new Uint8Array(bytes)
  for (let k = 0; k <= rng.below(3); k++) damaged[rng.below(damaged.length)] = rng.below(256)
  return rng.below(4) === 0 ? damaged.subarray(0, rng.below(damaged.length)) : damaged
}

/** A model with up to three changes of its structure. All inputs of the test but the first may become initializers. */
export function mutateModel({ model, sets }: OnnxTest, rng: Rng): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model)
  if (rng.below(4) > 0) {
    sets[0].inputs.slice(1).forEach((bytes, i) => {
      const tensor = fromBinary(TensorProtoSchema, bytes)
      const name = proto.graph?.input[i + 1]?.name ?? ''
      proto.graph?.initializer.push({ ...tensor, name })
    })
  }
  for (let k = 0; k <= rng.below(3); k++) EDITS[rng.below(EDITS.length)](proto, rng)
  return toBinary(ModelProtoSchema, proto)
}

type Edit = (model: ModelProto, rng: Rng) => void

const pick = <T>(list: readonly T[], rng: Rng): T | undefined => list[rng.below(Math.max(1, list.length))]
const put = <T>(list: T[], value: T | undefined, rng: Rng): void => {
  if (value !== undefined && list.length > 0) list[rng.below(list.length)] = value
}

/** All names of values, and one of none. */
const names = ({ graph }: ModelProto) => [
  ...(graph?.input ?? []).map((i) => i.name),
  ...(graph?.initializer ?? []).map((t) => t.name),
  ...(graph?.node ?? []).flatMap((n) => n.output),
  '',
  'nothing',
  '__proto__',
]

const node = ({ graph }: ModelProto, rng: Rng) => pick(graph?.node ?? [], rng)
const attribute = (model: ModelProto, rng: Rng) => pick(node(model, rng)?.attribute ?? [], rng)
const initializer = ({ graph }: ModelProto, rng: Rng) => pick(graph?.initializer ?? [], rng)

/** Any of the 64-bit integers of a tensor. */
function putInteger(raw: Uint8Array, rng: Rng): void {
  if (raw.length < 8) return
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length)
  view.setBigInt64(8 * rng.below(raw.length >> 3), pick(INTEGERS, rng) as bigint, true)
}

const EDITS: readonly Edit[] = [
  // Edges: dangling, cyclic, missing, too many, made twice.
  (m, rng) => put(node(m, rng)?.input ?? [], pick(names(m), rng), rng),
  (m, rng) => put(node(m, rng)?.output ?? [], pick(names(m), rng), rng),
  (m, rng) => node(m, rng)?.input.pop(),
  (m, rng) => node(m, rng)?.input.push(pick(names(m), rng) as string),
  (m, rng) => node(m, rng)?.output.push(`extra${rng.below(3)}`),
  (m, rng) => {
    const output = pick(m.graph?.output ?? [], rng)
    if (output !== undefined) output.name = pick(names(m), rng) as string
  },
  (m, rng) => m.graph?.output.push(...(m.graph?.output.slice(rng.below(2)) ?? [])),
  (m, rng) => m.graph?.node.splice(rng.below(m.graph.node.length + 1), 1),
  (m, rng) => {
    const n = node(m, rng)
    if (n !== undefined) m.graph?.node.push({ ...n, output: n.output.map((name) => `${name}2`) })
  },
  // Operators and their attributes.
  (m, rng) => {
    const n = node(m, rng)
    if (n !== undefined) n.opType = pick(Object.keys(operators), rng) as string
  },
  (m, rng) => node(m, rng)?.attribute.pop(),
  (m, rng) => {
    const a = attribute(m, rng)
    if (a === undefined) return
    a.i = pick(INTEGERS, rng) as bigint
    a.f = pick(FLOATS, rng) as number
  },
  (m, rng) => put(attribute(m, rng)?.ints ?? [], pick(INTEGERS, rng), rng),
  (m, rng) => attribute(m, rng)?.ints.push(pick(INTEGERS, rng) as bigint),
  (m, rng) => attribute(m, rng)?.ints.pop(),
  (m, rng) => {
    const a = attribute(m, rng)
    if (a !== undefined) a.s = new TextEncoder().encode(pick(WORDS, rng))
  },
  (m, rng) => {
    const a = attribute(m, rng)
    if (a !== undefined) a.type = rng.below(15)
  },
  (m, rng) => {
    const a = attribute(m, rng)
    if (a !== undefined) a.name = pick(['axis', 'axes', 'pads', 'kernel_shape', 'group', 'value'], rng) as string
  },
  // Shapes, types and contents.
  (m, rng) => put(initializer(m, rng)?.dims ?? [], pick(INTEGERS, rng), rng),
  (m, rng) => initializer(m, rng)?.dims.push(pick(INTEGERS, rng) as bigint),
  (m, rng) => initializer(m, rng)?.dims.pop(),
  (m, rng) => {
    const t = initializer(m, rng)
    if (t !== undefined) t.dataType = rng.below(30)
  },
  (m, rng) => putInteger(initializer(m, rng)?.rawData ?? new Uint8Array(0), rng),
  (m, rng) => putInteger(initializer(m, rng)?.rawData ?? new Uint8Array(0), rng),
  (m, rng) => put(initializer(m, rng)?.int64Data ?? [], pick(INTEGERS, rng), rng),
  (m, rng) => put(initializer(m, rng)?.floatData ?? [], pick(FLOATS, rng), rng),
  (m, rng) => {
    const t = initializer(m, rng)
    if (t === undefined) return
    t.dataLocation = TensorProto_DataLocation.EXTERNAL
    const entry = (key: string, value: string | undefined) =>
      ({ $typeName: 'onnx.StringStringEntryProto', key, value: value ?? '' }) as (typeof t.externalData)[number]
    t.externalData = [entry('location', pick(LOCATIONS, rng)), entry('offset', `${pick(INTEGERS, rng)}`)]
  },
  (m, rng) => {
    const type = pick(m.graph?.input ?? [], rng)?.type?.value
    const dim = type?.case === 'tensorType' ? pick(type.value.shape?.dim ?? [], rng) : undefined
    if (dim !== undefined) dim.value = { case: 'dimValue', value: pick(INTEGERS, rng) as bigint }
  },
  (m, rng) => {
    const type = pick(m.graph?.input ?? [], rng)?.type?.value
    if (type?.case === 'tensorType') type.value.shape?.dim.pop()
  },
  (m, rng) => {
    const type = pick(m.graph?.input ?? [], rng)?.type?.value
    if (type?.case === 'tensorType') type.value.elemType = rng.below(30)
  },
  (m, rng) => {
    if (m.opsetImport.length > 0) m.opsetImport[0].version = BigInt(rng.below(30))
  },
]
