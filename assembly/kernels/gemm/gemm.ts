// Dense matrix product in f32: C[m, n] (+)= A[m, k] * B[k, n].
//
// A and B have any row and column strides (elements), so a transposed operand is only a swap of its two strides. Both
// are packed into panels that the micro-kernel reads front to back:
//
//   A block, MC x KC:  | panel of 4 rows: a00 a10 a20 a30 | a01 a11 a21 a31 | ... k ...| next 4 rows ...
//   B block, KC x NC:  | panel of 8 columns: b00 .. b07 | b10 .. b17 | ... k ... | next 8 columns ...
//
// Rows and columns beyond the matrix are packed as zeros; such border tiles go through a 4 x 8 tile in the scratch.
//
// Contract: natural alignment; C is row-major with unit column stride and overlaps neither A, B nor the scratch.
// scratch: 16-byte aligned, (MC * KC + KC * NC + 32) * 4 = 393,344 bytes, left undefined.
// Exact: every element of C is one running sum over k = 0, 1, 2, ..., each product and each sum rounded to f32, whatever
// the blocking. All builds give the same bits.

const MR: i32 = 4
const NR: i32 = 8
const KC: i32 = 256
const MC: i32 = 128
const NC: i32 = 256

/** c[4][8] (+)= panel a[k][4] * panel b[k][8]; c's rows are `pitch` bytes apart. */
function microKernel(k: i32, a: usize, b: usize, c: usize, pitch: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  const r1 = c + pitch
  const r2 = r1 + pitch
  const r3 = r2 + pitch
  if (accumulate) {
    c00 = v128.load(c)
    c01 = v128.load(c, 16)
    c10 = v128.load(r1)
    c11 = v128.load(r1, 16)
    c20 = v128.load(r2)
    c21 = v128.load(r2, 16)
    c30 = v128.load(r3)
    c31 = v128.load(r3, 16)
  }
  const end = b + ((k as usize) << 5)
  while (b < end) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    let va = v128.load32_splat(a)
    c00 = f32x4.add(c00, f32x4.mul(va, b0))
    c01 = f32x4.add(c01, f32x4.mul(va, b1))
    va = v128.load32_splat(a, 4)
    c10 = f32x4.add(c10, f32x4.mul(va, b0))
    c11 = f32x4.add(c11, f32x4.mul(va, b1))
    va = v128.load32_splat(a, 8)
    c20 = f32x4.add(c20, f32x4.mul(va, b0))
    c21 = f32x4.add(c21, f32x4.mul(va, b1))
    va = v128.load32_splat(a, 12)
    c30 = f32x4.add(c30, f32x4.mul(va, b0))
    c31 = f32x4.add(c31, f32x4.mul(va, b1))
    a += 16
    b += 32
  }
  v128.store(c, c00)
  v128.store(c, c01, 16)
  v128.store(r1, c10)
  v128.store(r1, c11, 16)
  v128.store(r2, c20)
  v128.store(r2, c21, 16)
  v128.store(r3, c30)
  v128.store(r3, c31, 16)
}

/** A tile with fewer than 4 rows or 8 columns: computed in a full tile beside, of which the real part is copied. */
function borderTile(
  k: i32,
  a: usize,
  b: usize,
  c: usize,
  pitch: usize,
  rows: i32,
  cols: i32,
  accumulate: bool,
  tile: usize,
): void {
  if (accumulate) copyTile(c, pitch, tile, 32, rows, cols)
  microKernel(k, a, b, tile, 32, accumulate)
  copyTile(tile, 32, c, pitch, rows, cols)
}

function copyTile(from: usize, fromPitch: usize, to: usize, toPitch: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < cols; j++) {
      const at = (j as usize) << 2
      store<f32>(to + (r as usize) * toPitch + at, load<f32>(from + (r as usize) * fromPitch + at))
    }
  }
}

/** Packs `lines` lines of `k` elements as panels of `width` (4 or 8) lines, k-major, zeros for missing lines. */
function pack(x: usize, line: i32, step: i32, lines: i32, k: i32, width: i32, out: usize): void {
  const lineBytes = (line as usize) << 2
  const stepBytes = (step as usize) << 2
  const outStep = (width as usize) << 2
  for (let first = 0; first < lines; first += width) {
    for (let group = 0; group < width; group += 4) {
      const have = min(4, lines - first - group)
      let to = out + ((group as usize) << 2)
      let i = 0
      if (have == 4) {
        let from = x + ((first + group) as usize) * lineBytes
        if (line == 1) {
          for (; i < k; i++) {
            v128.store(to, v128.load(from))
            from += stepBytes
            to += outStep
          }
        } else if (step == 1) {
          const x1 = lineBytes
          const x2 = lineBytes * 2
          const x3 = lineBytes * 3
          for (; i + 4 <= k; i += 4) {
            const r0 = v128.load(from)
            const r1 = v128.load(from + x1)
            const r2 = v128.load(from + x2)
            const r3 = v128.load(from + x3)
            const s0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5)
            const s1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5)
            const s2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7)
            const s3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7)
            v128.store(to, v128.shuffle<i64>(s0, s1, 0, 2))
            v128.store(to + outStep, v128.shuffle<i64>(s0, s1, 1, 3))
            v128.store(to + outStep * 2, v128.shuffle<i64>(s2, s3, 0, 2))
            v128.store(to + outStep * 3, v128.shuffle<i64>(s2, s3, 1, 3))
            from += 16
            to += outStep * 4
          }
        }
      }
      for (; i < k; i++) {
        for (let r = 0; r < 4; r++) {
          const from = x + ((first + group + r) as usize) * lineBytes + (i as usize) * stepBytes
          store<f32>(to + ((r as usize) << 2), r < have ? load<f32>(from) : 0)
        }
        to += outStep
      }
    }
    out += outStep * (k as usize)
  }
}

export function gemm_f32(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aCol: i32,
  b: usize,
  bRow: i32,
  bCol: i32,
  c: usize,
  cRow: i32,
  accumulate: i32,
  scratch: usize,
): void {
  assert(m >= 0 && n >= 0 && k >= 0 && cRow >= n, 'gemm_f32: sizes')
  assert((scratch & 15) == 0, 'gemm_f32: scratch must be 16-byte aligned')
  const packedA = scratch
  const packedB = packedA + MC * KC * 4
  const tile = packedB + KC * NC * 4
  const pitch = (cRow as usize) << 2
  if (k == 0 && accumulate == 0) {
    for (let i = 0; i < m; i++) memory.fill(c + (i as usize) * pitch, 0, (n as usize) << 2)
  }
  for (let jc = 0; jc < n; jc += NC) {
    const nc = min(NC, n - jc)
    for (let pc = 0; pc < k; pc += KC) {
      const kc = min(KC, k - pc)
      const add = accumulate != 0 || pc > 0
      pack(b + ((pc * bRow + jc * bCol) << 2), bCol, bRow, nc, kc, NR, packedB)
      for (let ic = 0; ic < m; ic += MC) {
        const mc = min(MC, m - ic)
        pack(a + ((ic * aRow + pc * aCol) << 2), aRow, aCol, mc, kc, MR, packedA)
        for (let jr = 0; jr < nc; jr += NR) {
          const panelB = packedB + (((jr * kc) as usize) << 2)
          const cols = min(NR, nc - jr)
          for (let ir = 0; ir < mc; ir += MR) {
            const panelA = packedA + (((ir * kc) as usize) << 2)
            const out = c + ((ic + ir) as usize) * pitch + (((jc + jr) as usize) << 2)
            const rows = min(MR, mc - ir)
            if (rows == MR && cols == NR) microKernel(kc, panelA, panelB, out, pitch, add)
            else borderTile(kc, panelA, panelB, out, pitch, rows, cols, add, tile)
          }
        }
      }
    }
  }
}

/** The micro-kernel alone, `repeats` times on the same panels: what the machine's limit for this product is. */
export function gemm_micro_f32(k: i32, a: usize, b: usize, c: usize, repeats: i32): void {
  for (let i = 0; i < repeats; i++) microKernel(k, a, b, c, 32, true)
}
