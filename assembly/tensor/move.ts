// Moving f32 tensors.
//
//   copy   y[i0*t0 + ... + i5*t5] = x[i0*s0 + ... + i5*s5]   permutation, slice, concatenation, padding, repetition
//          shape   i32: six sizes (outermost first), six steps of x, six steps of y, in elements; steps may be 0 or negative
//   fill   y[i] = value
//   take   y[o, k, i] = x[o, index[k], i]                    x [outer][size][inner], y [outer][count][inner]
//
// Contract: 4-byte alignment, x and y do not overlap; indices below size. Exact: copies.

import { offset } from './walk'

export function copy_f32(x: usize, y: usize, shape: usize): void {
  const d0 = load<i32>(shape)
  const d1 = load<i32>(shape, 4)
  const d2 = load<i32>(shape, 8)
  const d3 = load<i32>(shape, 12)
  const d4 = load<i32>(shape, 16)
  const n = load<i32>(shape, 20)
  const s = load<i32>(shape, 44) << 2
  const t = load<i32>(shape, 68) << 2
  for (let i0: i32 = 0; i0 < d0; i0++) {
    for (let i1: i32 = 0; i1 < d1; i1++) {
      for (let i2: i32 = 0; i2 < d2; i2++) {
        for (let i3: i32 = 0; i3 < d3; i3++) {
          for (let i4: i32 = 0; i4 < d4; i4++) {
            let from = x + (offset(shape + 24, i0, i1, i2, i3, i4) << 2)
            let to = y + (offset(shape + 48, i0, i1, i2, i3, i4) << 2)
            if (s == 4 && t == 4) {
              memory.copy(to, from, n << 2)
              continue
            }
            for (let i: i32 = 0; i < n; i++) {
              store<f32>(to, load<f32>(from))
              from += s
              to += t
            }
          }
        }
      }
    }
  }
}

export function fill_f32(y: usize, n: i32, value: f32): void {
  for (let i: i32 = 0; i < n; i++) store<f32>(y + (i << 2), value)
}

export function take_f32(x: usize, y: usize, index: usize, outer: i32, size: i32, count: i32, inner: i32): void {
  const bytes = inner << 2
  for (let o: i32 = 0; o < outer; o++) {
    for (let k: i32 = 0; k < count; k++) {
      memory.copy(y, x + load<i32>(index + (k << 2)) * bytes, bytes)
      y += bytes
    }
    x += size * bytes
  }
}
