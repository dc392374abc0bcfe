/** Arrays from JSON, and with one parameter changed: every field of every kind is checked, so that models need not. */
import { WhiteDwarfError } from '../errors.js'
import type { Arch, BlockArch, GatherArch, PairArch, SerialArch, Skipping, SystolicArch } from './arch.js'
import { archs } from './presets/index.js'
import {
  type Fields,
  object,
  oneOf,
  optional,
  pair,
  type Reader,
  real,
  record,
  refuse,
  text,
  variants,
  whole,
} from './readers.js'
import type { Buffer } from './sram.js'
import type { Technology } from './technology.js'
import type { Constant } from './units.js'

type Base = Pick<Arch, 'name' | 'provenance' | 'tech' | 'buffers' | 'dram' | 'calibration'>

/** Elements, lanes, rows and the like. */
const count = whole(1, 65536)
const bits = whole(1, 32)

const buffer = record<Buffer>({ bytes: whole(64, 2 ** 26), width: whole(1, 8192), banks: optional(count) })

const band = record<Constant>({
  low: real(0, 1e12),
  mid: real(0, 1e12),
  high: real(0, 1e12),
  unit: oneOf('pJ', 'pJ/bit', 'pJ/bit/mm', 'um2', 'um2/bit', 'mW', 'cycles', 'factor'),
  evidence: oneOf('published', 'measured', 'derived', 'inferred'),
  source: text(2000),
})

const constant: Reader<Constant> = Object.assign((value: unknown, path: string) => {
  const read = band(value, path)
  if (!(read.low <= read.mid && read.mid <= read.high)) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `${path} must have low <= mid <= high, got ${read.low}, ${read.mid}, ${read.high}`,
    )
  }
  return read
}, band)

const BASE: Fields<Base> = {
  name: text(200),
  provenance: text(4000),
  tech: record<Technology>({
    node: real(3, 250),
    voltage: real(0.3, 3),
    frequency: real(1e-3, 10000),
    cell: oneOf('hp', 'lop', 'lstp'),
  }),
  buffers: record<Arch['buffers']>({
    weights: buffer,
    activations: buffer,
    outputs: buffer,
    index: optional(buffer),
  }),
  dram: optional(
    record<NonNullable<Arch['dram']>>({ bandwidth: optional(real(1e-3, 1e6)), energy: optional(constant) }),
  ),
  calibration: optional(real(1e-3, 1e3)),
}

const skipping = variants<Skipping>({
  none: record({ kind: oneOf('none') }),
  'n:m': record({ kind: oneOf('n:m'), n: whole(1, 256), m: whole(1, 256) }),
  complementary: record({ kind: oneOf('complementary'), factor: whole(1, 256), axis: oneOf('k', 'p', 'n') }),
  periodic: record({
    kind: oneOf('periodic'),
    taps: whole(1, 256),
    period: whole(1, 256),
    kernel: optional(whole(2, 16)),
  }),
})

const KINDS: { readonly [K in Arch['kind']]: Reader<Extract<Arch, { kind: K }>> } = {
  systolic: record<SystolicArch>({
    kind: oneOf('systolic'),
    ...BASE,
    rows: count,
    columns: count,
    dataflow: oneOf('os', 'ws', 'is'),
    convention: oneOf('schedule', 'report', 'paper', 'v1', 'stonne'),
    skipping,
    bits: optional(record<NonNullable<SystolicArch['bits']>>({ weights: bits, activations: bits })),
  }),
  gather: record<GatherArch>({
    kind: oneOf('gather'),
    ...BASE,
    groups: count,
    rows: count,
    lanes: count,
    window: whole(1, 64),
    issue: count,
    planes: whole(1, 8),
    digits: oneOf('binary', 'signed'),
    queue: whole(0, 65536),
    tile: count,
    tileBank: buffer,
    tileBandwidth: optional(real(1e-3, 1e6)),
    syncRows: whole(0, 1000),
    syncGroups: whole(0, 1000),
    order: oneOf('given', 'balanced'),
    accumulator: whole(8, 48),
    reuse: real(1, 256),
    format: oneOf('e4m3', 'e5m2'),
  }),
  blocks: record<BlockArch>({
    kind: oneOf('blocks'),
    ...BASE,
    lanes: count,
    blockInputs: whole(1, 4096),
    blockOutputs: whole(1, 4096),
    ratio: real(1, 65536),
    weightBits: bits,
    activationBits: bits,
    bitsPerLane: whole(1, 1024),
    select: whole(0, 1000),
  }),
  serial: record<SerialArch>({
    kind: oneOf('serial'),
    ...BASE,
    design: oneOf('stripes', 'loom', 'pragmatic', 'laconic', 'bitfusion'),
    groups: count,
    lanes: count,
  }),
  pairs: record<PairArch>({
    kind: oneOf('pairs'),
    ...BASE,
    design: oneOf('scnn', 'eie', 'eyeriss-v2'),
    elements: count,
    fetch: optional(pair(whole(1, 256))),
    filters: optional(count),
    queue: optional(whole(1, 65536)),
  }),
}

const read = variants<Arch>(KINDS)

/**
 * An array from JSON that was parsed. `{ "preset": "stripes", "groups": 64, "tech": { "voltage": 0.7 } }` is a preset with some fields changed:
 * tech, buffers and dram field by field, others as a whole.
 * @param file where the JSON came from, for messages
 * @throws WhiteDwarfError E_OPTION naming the field
 */
export function parseArch(json: unknown, file?: string): Arch {
  const path = file === undefined ? 'arch' : `${file}: arch`
  const given = object(json, path)
  return read(given.preset === undefined ? given : fromPreset(given, path), path)
}

function fromPreset({ preset, ...changes }: Record<string, unknown>, path: string): unknown {
  const base = archs[oneOf(...Object.keys(archs))(preset, `${path}.preset`)]
  if (changes.kind !== undefined && changes.kind !== base.kind) refuse(`${path}.kind`, `'${base.kind}'`, changes.kind)
  const merged = new Map<string, unknown>(Object.entries(base))
  for (const [field, value] of Object.entries(changes)) {
    const nested = field === 'tech' || field === 'buffers' || field === 'dram'
    const before = merged.get(field) as object | undefined
    merged.set(field, nested ? { ...before, ...object(value, `${path}.${field}`) } : value)
  }
  const changed = Object.keys(changes).filter((field) => field !== 'name' && field !== 'provenance')
  if (changed.length > 0 && changes.provenance === undefined) {
    merged.set('provenance', `${base.provenance} Changed here: ${changed.join(', ')}.`)
  }
  return Object.fromEntries(merged)
}

type Nested<T> = T extends readonly unknown[] ? never : T extends object ? PathOf<T> : never

/** Every path of T, as 'buffers', 'buffers.weights' and 'buffers.weights.bytes'. */
export type PathOf<T> = T extends object
  ? { [K in keyof T & string]: K | `${K}.${Nested<NonNullable<T[K]>>}` }[keyof T & string]
  : never

/**
 * The same array with one parameter changed: `withParameter(arch, 'tech.voltage', 0.7)`. Paths that programs read from a user are checked too.
 * @throws WhiteDwarfError E_OPTION when there is no such parameter, or the value makes no sense
 */
export function withParameter<A extends Arch>(arch: A, path: PathOf<A> | (string & {}), value: unknown): A {
  const names = path.split('.')
  const fields = names.reduce<Reader<unknown> | undefined>(
    (reader, name) => (reader?.fields && Object.hasOwn(reader.fields, name) ? reader.fields[name] : undefined),
    KINDS[arch.kind],
  )
  // What is one of several variants has no fields of its own: its reader says what is wrong.
  if (fields === undefined && names[0] !== 'skipping') {
    throw new WhiteDwarfError(
      'E_OPTION',
      `arch.${path} is not a parameter; parameters are ${parametersOf(arch.kind).join(', ')}`,
    )
  }
  return read(withValue(arch, names, value), 'arch') as A
}

function withValue(of: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  const fields = of as Readonly<Record<string, unknown>> | undefined
  return { ...fields, [name]: rest.length === 0 ? value : withValue(fields?.[name], rest, value) }
}

/** Paths of the numbers and names that an array of this kind has. */
export function parametersOf(kind: Arch['kind']): string[] {
  const leaves = (fields: Reader<unknown>['fields'], prefix: string): string[] =>
    Object.entries(fields ?? {}).flatMap(([name, reader]) =>
      reader.fields === undefined ? [prefix + name] : leaves(reader.fields, `${prefix}${name}.`),
    )
  return leaves(KINDS[kind].fields, '').filter((path) => !['kind', 'name', 'provenance'].includes(path))
}
