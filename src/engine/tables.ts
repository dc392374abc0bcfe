/** Constant tables in the session's memory: grids, pool shapes, scales and biases. */
import { gridWords } from '../kernels/grid.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import type { Activation, Value } from './values.js'

/** One character for each byte: keys of tables. */
const characters = new TextDecoder('latin1')

/** Writes small read-only tables (grids, pool shapes, constants) into the session's memory, each only once. */
export class Tables {
  private readonly known = new Map<string, number>()

  constructor(
    private readonly instance: WasmInstance,
    private readonly arena: Arena,
  ) {}

  bytes(data: Uint8Array): number {
    const key = characters.decode(data)
    let address = this.known.get(key)
    if (address === undefined) {
      address = this.arena.alloc(data.length, 16)
      new Uint8Array(this.instance.memory.buffer, address, data.length).set(data)
      this.known.set(key, address)
    }
    return address
  }

  f32(values: ArrayLike<number>): number {
    return this.bytes(new Uint8Array(Float32Array.from(values).buffer))
  }

  i32(values: readonly number[]): number {
    return this.bytes(new Uint8Array(Int32Array.from(values).buffer))
  }

  /** The grid of a value, with the limits of the activation before it. */
  grid(value: Value, activation?: Activation): number {
    const ceiling = activation === 'relu6' ? Math.fround(6 * value.gridScale) : Infinity
    return this.bytes(gridWords(value.grid, activation !== undefined, value.lane !== 'f32', ceiling))
  }
}
