/**
 * Where blocks of memory lie so that those needed at the same time do not overlap. Greedily, the largest first, each at the lowest offset
 * that is free during its whole life (Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020).
 */

/** A piece of memory and when it is needed. */
export interface Block {
  /** The value's or the operation's name. */
  readonly name: string
  readonly bytes: number
  /** The operations, by their place in the list, between which it is needed; both are included. */
  readonly first: number
  readonly last: number
  /** Blocks share memory with those of the same border only; empty: nothing needs to stay zero. */
  readonly border: string
}

/** Only so many blocks are placed with care, the largest; the others, if there are any, get memory of their own. */
const CAREFULLY = 8192

/**
 * Offsets of blocks so that those of overlapping lives do not overlap, and the bytes that they take together.
 * Each offset is a sum of sizes of blocks.
 */
export function placeBlocks(blocks: readonly Block[]): { readonly offsets: readonly number[]; readonly bytes: number } {
  const order = blocks.map((_, i) => i).sort((a, b) => blocks[b].bytes - blocks[a].bytes || a - b)
  const offsets = new Array<number>(blocks.length).fill(0)
  /** Indices of the blocks placed so far, in the order of their offsets. */
  const placed: number[] = []
  const lowestFree = ({ first, last, bytes }: Block): number => {
    let at = 0
    for (const p of placed) {
      if (blocks[p].last < first || blocks[p].first > last) continue
      if (offsets[p] - at >= bytes) break
      at = Math.max(at, offsets[p] + blocks[p].bytes)
    }
    return at
  }
  let bytes = 0
  for (const [rank, i] of order.entries()) {
    if (rank < CAREFULLY) {
      offsets[i] = lowestFree(blocks[i])
      const next = placed.findIndex((p) => offsets[p] > offsets[i])
      placed.splice(next < 0 ? placed.length : next, 0, i)
    } else offsets[i] = bytes
    bytes = Math.max(bytes, offsets[i] + blocks[i].bytes)
  }
  return { offsets, bytes }
}
