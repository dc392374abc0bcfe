/**
 * Bump allocation in one WebAssembly memory. A session owns one memory, laid out once when it is created; nothing is
 * freed piecewise, the whole memory goes when its owner lets go of it.
 */
import { WhiteDwarfError } from '../errors.js'

const PAGE = 65536
/** The first bytes are left unused, so that a null pointer is never a valid buffer. Static data of the modules lies there too. */
export const ARENA_START = 8192
/** SIMD kernels may read (never write) this far past a buffer. */
export const SLACK = 64

/** Addresses are multiples of this, unless another alignment is asked for. */
export const ALIGNMENT = 64

export class Arena {
  private top = ARENA_START
  private readonly memory: WebAssembly.Memory
  private readonly limit: number

  /** @param limit most bytes the memory may reach; E_MEMORY beyond */
  constructor(memory: WebAssembly.Memory, limit = 2 ** 31) {
    this.memory = memory
    this.limit = limit
  }

  /** Bytes in use. */
  get used(): number {
    return this.top
  }

  /**
   * Reserves `bytes` (plus slack) and grows the memory when needed. Growing detaches every view of the memory: make
   * views after the last allocation, or afresh from `memory.buffer`.
   * @returns the byte offset, a multiple of `align`
   * @throws WhiteDwarfError E_MEMORY
   */
  alloc(bytes: number, align = ALIGNMENT): number {
    const start = Math.ceil(this.top / align) * align
    this.extendTo(start + bytes)
    return start
  }

  /**
   * Moves the end of the last buffer to `address` (plus slack), growing the memory when needed: for buffers whose size
   * shows only while they are filled. A smaller address gives memory back.
   * @throws WhiteDwarfError E_MEMORY
   */
  extendTo(address: number): void {
    const end = address + SLACK
    this.check(end)
    const missing = end - this.memory.buffer.byteLength
    if (missing > 0) {
      try {
        this.memory.grow(Math.ceil(missing / PAGE))
      } catch (cause) {
        throw new WhiteDwarfError('E_MEMORY', `the runtime refused to grow the memory to ${mib(end)}`, { cause })
      }
    }
    this.top = end
  }

  /**
   * Says whether `bytes` in all would be allowed, before anything is allocated.
   * @throws WhiteDwarfError E_MEMORY
   */
  check(bytes: number): void {
    if (bytes <= this.limit) return
    throw new WhiteDwarfError(
      'E_MEMORY',
      `needs ${mib(bytes)} of memory, more than the ${mib(this.limit)} allowed: raise the limit or use a smaller network or batch`,
    )
  }

  /** The current end, to return to with `release`. */
  mark(): number {
    return this.top
  }

  /** Gives back everything allocated since the mark. */
  release(mark: number): void {
    this.top = mark
  }
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
