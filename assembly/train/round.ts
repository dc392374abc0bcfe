// Activations as inference will hold them: rounded to int8 or an FP8 format, in place, while training.
//
//   x = grid(x * scale) * inverse         grid: assembly/lib/grid.ts, clamps at its largest number
//
// Gradients pass as if nothing was rounded (straight-through), so there is no gradient kernel.
//
// Contract: 4-byte alignment; grid points to a descriptor of five words. inverse is 1 / scale, rounded to f32.
// Exact: two f32 products around the exact rounding.
import { roundToGrid } from '../lib/grid'

export function round_f32(x: usize, n: i32, scale: f32, inverse: f32, grid: usize): void {
  const max = v128.load32_splat(grid)
  const lowest = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const vs = f32x4.splat(scale)
  const vi = f32x4.splat(inverse)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const at = x + (i << 2)
    const v = roundToGrid(f32x4.mul(v128.load(at), vs), max, lowest, minExp, step, true)
    v128.store(at, f32x4.mul(v, vi))
  }
  for (; i < n; i++) {
    const at = x + (i << 2)
    const v = roundToGrid(f32x4.mul(v128.load32_splat(at), vs), max, lowest, minExp, step, true)
    v128.store32_lane(at, f32x4.mul(v, vi), 0)
  }
}
