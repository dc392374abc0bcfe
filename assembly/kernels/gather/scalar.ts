// Scalar gather: the sparse dense-layer kernel for batch 1, where there are no neighbouring outputs to fill lanes with.
//
//   y[r] = sum_k level[r, k] * x[offset(k)]
//
// Row programs as in planar.ts. Within a plane's plus (or minus) list, element i goes to partial sum i mod 4 over the
// whole groups of four, the rest to partial sum 0, so that additions do not wait for each other; a plane's value is
// (s0 + s1) + (s2 + s3), and planes combine by Horner's rule.
//
// Contract: x naturally aligned by its element; y is one 4-byte word per row.
// Exact: i32 accumulators (modulo 2^32, so exact whenever the result fits); f32 in the order above.

function gatherScalar<X, A>(program: usize, rows: i32, planes: i32, x: usize, y: usize): void {
  for (let r = 0; r < rows; r++) {
    let acc: A = 0 as A
    for (let plane = planes; plane > 0; plane--) {
      const plus = load<u32>(program) as usize
      const minus = load<u32>(program, 4) as usize
      program += 8
      let s0: A = 0 as A
      let s1: A = 0 as A
      let s2: A = 0 as A
      let s3: A = 0 as A
      let end = program + ((plus & ~3) << 2)
      for (; program < end; program += 16) {
        s0 += load<X>(x + (load<u32>(program) as usize)) as A
        s1 += load<X>(x + (load<u32>(program, 4) as usize)) as A
        s2 += load<X>(x + (load<u32>(program, 8) as usize)) as A
        s3 += load<X>(x + (load<u32>(program, 12) as usize)) as A
      }
      end = program + ((plus & 3) << 2)
      for (; program < end; program += 4) s0 += load<X>(x + (load<u32>(program) as usize)) as A
      end = program + ((minus & ~3) << 2)
      for (; program < end; program += 16) {
        s0 -= load<X>(x + (load<u32>(program) as usize)) as A
        s1 -= load<X>(x + (load<u32>(program, 4) as usize)) as A
        s2 -= load<X>(x + (load<u32>(program, 8) as usize)) as A
        s3 -= load<X>(x + (load<u32>(program, 12) as usize)) as A
      }
      end = program + ((minus & 3) << 2)
      for (; program < end; program += 4) s0 -= load<X>(x + (load<u32>(program) as usize)) as A
      acc = acc + acc + (s0 + s1 + (s2 + s3))
    }
    store<A>(y, acc)
    y += 4
  }
}

export function gather_scalar_i16(program: usize, rows: i32, planes: i32, x: usize, y: usize): void {
  gatherScalar<i16, i32>(program, rows, planes, x, y)
}

export function gather_scalar_i32(program: usize, rows: i32, planes: i32, x: usize, y: usize): void {
  gatherScalar<i32, i32>(program, rows, planes, x, y)
}

export function gather_scalar_f32(program: usize, rows: i32, planes: i32, x: usize, y: usize): void {
  gatherScalar<f32, f32>(program, rows, planes, x, y)
}
