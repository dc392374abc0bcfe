// What each row of a gather array does with each of its tiles, window by window. A window of n non-zero weights with x digits takes
// g = max(1, ceil(n / issue)) cycles to gather; the elements take `perCycle` digits a cycle, and may be `queue` windows behind:
//
//   gathering of window i starts   a = max(end of gathering i - 1, end of computing i - 1 - queue)
//   gathering ends                 a + g
//   computing ends                 max(end of computing i - 1, a) + x / perCycle
//
// With no queue that is max(g, ceil(x / perCycle)) cycles a window. Ends of computing are kept in digits, so that all is whole. Tiles start with
// an empty queue: rows wait for each other at their ends.
//
//   masks    from bit_planes
//   shape    i32 window (1..64), issue, perCycle, queue, tile (weights)
//   ends     scratch: (queue + 1) words, a ring of the last ends of computing
//   out      per row and tile: u32 cycles, digits, non-zero weights
//
// Contract: 4-byte alignment, masks 8-byte aligned with 8 bytes behind the last column of each bit row.

/** Bits [at, at + count) of a bit row. */
function bits(row: usize, at: i32, count: i32): u64 {
  const address = row + ((at as usize) >> 3)
  const skip = (at & 7) as u64
  let value = load<u64>(address) >> skip
  if ((skip as i32) + count > 64) value |= (load<u8>(address, 8) as u64) << (64 - skip)
  return count < 64 ? value & (((1 as u64) << (count as u64)) - 1) : value
}

export function gather_rows(
  masks: usize,
  rows: i32,
  cols: i32,
  planes: i32,
  stride: usize,
  shape: usize,
  ends: usize,
  out: usize,
): void {
  const window = load<i32>(shape)
  const issue = load<i32>(shape, 4)
  const perCycle = load<i32>(shape, 8)
  const slots = load<i32>(shape, 12) + 1
  const tile = load<i32>(shape, 16)
  for (let r = 0; r < rows; r++) {
    for (let begin = 0; begin < cols; begin += tile) {
      const end = min(begin + tile, cols)
      memory.fill(ends, 0, (slots as usize) << 2)
      let slot = 0
      let gathered = 0
      let computed = 0
      let total = 0
      let nonzeros = 0
      for (let at = begin; at < end; at += window) {
        const count = min(window, end - at)
        const n = popcnt(bits(masks, at, count)) as i32
        let x = 0
        let plane = masks
        if (n > 0) {
          for (let p = 0; p < planes; p++) {
            plane += stride
            x += popcnt(bits(plane, at, count)) as i32
          }
        }
        // The ring's oldest end is that of window i - 1 - queue.
        const oldest = ends + ((slot as usize) << 2)
        const start = max(gathered, (load<i32>(oldest) + perCycle - 1) / perCycle)
        gathered = start + max(1, (n + issue - 1) / issue)
        computed = max(computed, start * perCycle) + x
        store<i32>(oldest, computed)
        slot = slot + 1 == slots ? 0 : slot + 1
        total += x
        nonzeros += n
      }
      store<i32>(out, max(gathered, (computed + perCycle - 1) / perCycle))
      store<i32>(out, total, 4)
      store<i32>(out, nonzeros, 8)
      out += 12
    }
    masks += stride * ((planes + 1) as usize)
  }
}
