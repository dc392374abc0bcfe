// Probes: what this machine can do at best, to hold the kernels' figures against. Each is a loop with nothing in it
// but the instructions it measures.
//
// Contract: pointers 16-byte aligned; byte counts multiples of 192 and 128.

/**
 * The sparse kernels' inner operation, one v128 load and one i16x8.add, over a buffer that is read `times` times.
 * Four chains: an addition waits for the one before it, four in flight keep both load ports busy.
 */
export function load_add_i16(p: usize, bytes: usize, times: i32): i32 {
  let a0 = i16x8.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  const end = p + bytes
  for (; times > 0; times--) {
    for (let q = p; q < end; q += 128) {
      a0 = i16x8.add(a0, v128.load(q))
      a1 = i16x8.add(a1, v128.load(q, 16))
      a2 = i16x8.add(a2, v128.load(q, 32))
      a3 = i16x8.add(a3, v128.load(q, 48))
      a0 = i16x8.add(a0, v128.load(q, 64))
      a1 = i16x8.add(a1, v128.load(q, 80))
      a2 = i16x8.add(a2, v128.load(q, 96))
      a3 = i16x8.add(a3, v128.load(q, 112))
    }
  }
  const sum = i16x8.add(i16x8.add(a0, a1), i16x8.add(a2, a3))
  return i16x8.extract_lane_s(sum, 0) + i16x8.extract_lane_s(sum, 7)
}

/** The same with f32x4.add; six chains, because a float addition takes three cycles. */
export function load_add_f32(p: usize, bytes: usize, times: i32): f32 {
  let a0 = f32x4.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  let a4 = a0
  let a5 = a0
  const end = p + bytes
  for (; times > 0; times--) {
    for (let q = p; q < end; q += 192) {
      a0 = f32x4.add(a0, v128.load(q))
      a1 = f32x4.add(a1, v128.load(q, 16))
      a2 = f32x4.add(a2, v128.load(q, 32))
      a3 = f32x4.add(a3, v128.load(q, 48))
      a4 = f32x4.add(a4, v128.load(q, 64))
      a5 = f32x4.add(a5, v128.load(q, 80))
      a0 = f32x4.add(a0, v128.load(q, 96))
      a1 = f32x4.add(a1, v128.load(q, 112))
      a2 = f32x4.add(a2, v128.load(q, 128))
      a3 = f32x4.add(a3, v128.load(q, 144))
      a4 = f32x4.add(a4, v128.load(q, 160))
      a5 = f32x4.add(a5, v128.load(q, 176))
    }
  }
  const sum = f32x4.add(f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)), f32x4.add(a4, a5))
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 3)
}

/** f32 multiply and add in registers: `times` rounds of 12 chains, 48 multiply-adds a round. No fused instruction. */
export function mul_add_f32(times: i32, factor: f32, term: f32): f32 {
  const m = f32x4.splat(factor)
  const t = f32x4.splat(term)
  let a0 = f32x4.splat(1)
  let a1 = f32x4.splat(2)
  let a2 = f32x4.splat(3)
  let a3 = f32x4.splat(4)
  let a4 = f32x4.splat(5)
  let a5 = f32x4.splat(6)
  let a6 = f32x4.splat(7)
  let a7 = f32x4.splat(8)
  let a8 = f32x4.splat(9)
  let a9 = f32x4.splat(10)
  let a10 = f32x4.splat(11)
  let a11 = f32x4.splat(12)
  for (; times > 0; times--) {
    a0 = f32x4.add(f32x4.mul(a0, m), t)
    a1 = f32x4.add(f32x4.mul(a1, m), t)
    a2 = f32x4.add(f32x4.mul(a2, m), t)
    a3 = f32x4.add(f32x4.mul(a3, m), t)
    a4 = f32x4.add(f32x4.mul(a4, m), t)
    a5 = f32x4.add(f32x4.mul(a5, m), t)
    a6 = f32x4.add(f32x4.mul(a6, m), t)
    a7 = f32x4.add(f32x4.mul(a7, m), t)
    a8 = f32x4.add(f32x4.mul(a8, m), t)
    a9 = f32x4.add(f32x4.mul(a9, m), t)
    a10 = f32x4.add(f32x4.mul(a10, m), t)
    a11 = f32x4.add(f32x4.mul(a11, m), t)
  }
  let sum = f32x4.add(f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)), f32x4.add(f32x4.add(a4, a5), f32x4.add(a6, a7)))
  sum = f32x4.add(sum, f32x4.add(f32x4.add(a8, a9), f32x4.add(a10, a11)))
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 3)
}

/** Reads a buffer once, sixteen bytes at a time in four chains: bandwidth of whatever level holds it. */
export function read_bytes(p: usize, bytes: usize): i32 {
  let a0 = i32x4.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  const end = p + bytes
  for (; p < end; p += 64) {
    a0 = v128.xor(a0, v128.load(p))
    a1 = v128.xor(a1, v128.load(p, 16))
    a2 = v128.xor(a2, v128.load(p, 32))
    a3 = v128.xor(a3, v128.load(p, 48))
  }
  const all = v128.xor(v128.xor(a0, a1), v128.xor(a2, a3))
  return i32x4.extract_lane(all, 0) ^ i32x4.extract_lane(all, 3)
}

/** A chain of `rounds` * 8 additions, each waiting for the one before: one per clock cycle. */
export function add_chain(rounds: i32, step: i64): i64 {
  let a: i64 = 1
  let b = step
  for (; rounds > 0; rounds--) {
    // Alternating between two sums keeps the compiler from merging the chain into one multiplication.
    a += b
    b += a
    a += b
    b += a
    a += b
    b += a
    a += b
    b += a
  }
  return a
}
