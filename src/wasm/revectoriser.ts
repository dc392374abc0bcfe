/**
 * V8's re-vectoriser: an experimental optimisation that joins neighbouring 128-bit operations into 256-bit ones. It is off by
 * default everywhere; a Node program can turn it on for itself. The kernels are written so that it can act.
 */
import { WhiteDwarfError } from '../errors.js'
import { ARENA_START } from './arena.js'
import type { WasmInstance } from './exports.js'
import { bestIsa, compileFresh, instantiateModule } from './load.js'

const FLAG = 'experimental-wasm-revectorize'
/** The first version of V8 it was seen to work in, that of Node 24. */
const OLDEST_V8 = 13

interface NodeProcess {
  readonly versions?: { readonly v8?: string }
  readonly getBuiltinModule?: (name: string) => unknown
}

/**
 * Turns the re-vectoriser on for this process, for good: call it before the first session is created, code that is optimised
 * already stays as it is. Before and after, every kind of kernel it changes computes the same: that is checked here,
 * and it is turned off again where one does not.
 * @throws WhiteDwarfError E_OPTION where there is none (browsers, Node before 24), E_WASM when it computes wrongly
 */
export async function enableRevectoriser(): Promise<void> {
  const { versions, getBuiltinModule } = (globalThis as { process?: NodeProcess }).process ?? {}
  const v8 = getBuiltinModule?.('node:v8') as typeof import('node:v8') | undefined
  if (v8 === undefined || Number.parseInt(versions?.v8 ?? '0', 10) < OLDEST_V8) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `the re-vectoriser needs Node 24 or newer, this is V8 ${versions?.v8 ?? 'unknown'}`,
    )
  }
  const isa = await bestIsa()
  const answers = async () => {
    const instance = instantiateModule(await compileFresh(isa), new WebAssembly.Memory({ initial: 1 }))
    return exercise(instance)
  }
  const expected = await answers()
  v8.setFlagsFromString(`--${FLAG}`)
  // It is a pass of the optimising compiler: without the quick one, the first call is compiled by it.
  v8.setFlagsFromString('--no-liftoff')
  const got = await answers()
  v8.setFlagsFromString('--liftoff')
  if (got.every((word, i) => word === expected[i])) return
  v8.setFlagsFromString(`--no-${FLAG}`)
  throw new WhiteDwarfError('E_WASM', 'the re-vectoriser computes wrongly here: it was turned off again')
}

const ROWS = 3
const COLUMNS = 11
/** Vectors a row: more than one tile, and a narrower one. */
const VECTORS = 27

/** Runs gathers, requantisation and pooling on fixed numbers; returns all of the memory. */
export function exercise({ exports, memory }: WasmInstance): Uint32Array {
  let next = ARENA_START
  const place = (bytes: number) => {
    const at = next
    next += Math.ceil(bytes / 16) * 16
    return at
  }
  const words = new Uint32Array(memory.buffer)
  const floats = new Float32Array(memory.buffer)
  const program = place(ROWS * (2 + COLUMNS) * 4)
  const stride = VECTORS * 16
  const [x, y, z] = [(COLUMNS + 1) * stride, ROWS * stride, ROWS * stride].map(place)
  for (let r = 0, p = program / 4; r < ROWS; r++) {
    const plus = 4 + r
    words.set([plus, COLUMNS - plus], p)
    for (let k = 0; k < COLUMNS; k++) words[p + 2 + k] = ((k * 5 + r) % COLUMNS) * stride
    p += 2 + COLUMNS
  }
  const [scale, bias, grid, shape] = [16, 16, 24, 44].map(place)
  floats.set([0.37, 0.11, 0.74], scale / 4)
  floats.set([1.5, -2.25, 0], bias / 4)
  floats.set([127, -127, 0, 0, 1, 1.5 * 2 ** 23], grid / 4)
  const width = VECTORS * 8
  words.set([ROWS, 1, width, 1, (width - 1) >> 1, 1, 3, 1, 2, 0, 0], shape / 4)
  const images: number[] = []
  const keep = () => images.push(...words.subarray(ARENA_START / 4, next / 4))
  for (let i = 0; i < ((COLUMNS + 1) * stride) / 2; i++)
    new Int16Array(memory.buffer)[x / 2 + i] = ((i * 37) % 255) - 127
  exports.gather_i16(program, ROWS, 1, x, y, stride, VECTORS)
  exports.requant_planes_i16(y, 0, width, width, z, width, width, ROWS, 1, width, scale, bias, grid)
  keep()
  exports.requant_add_i16(
    y,
    0,
    width,
    width,
    x,
    0,
    width,
    width,
    z,
    width,
    width,
    ROWS,
    1,
    width,
    scale,
    bias,
    0.5,
    grid,
  )
  keep()
  exports.maxpool_i16(y, width, width, z, width, width, shape)
  exports.gather_i32(program, ROWS, 1, x, y, stride, VECTORS)
  keep()
  for (let i = 0; i < ((COLUMNS + 1) * stride) / 4; i++) floats[x / 4 + i] = ((i * 29) % 511) / 16
  exports.gather_f32(program, ROWS, 1, x, y, stride, VECTORS)
  exports.requant_planes_f32(y, 2, width / 2, width / 2, z, width / 2, width / 2, ROWS, 1, width / 2, scale, bias, grid)
  keep()
  return Uint32Array.from(images)
}
