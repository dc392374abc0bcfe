// One 8-bit image into a batch of f32 planes, moved by an affine map on the way (augmentation).
//
//   y[c][i][j] = sample(x[c] * scale[c] + offset[c], row, column)
//   row = m0 * i + m1 * j + m2,   column = m3 * i + m4 * j + m5
//
// Samples are bilinear; outside of the image they are 0, as in the zero border that convolutions see. With whole-numbered rows
// and columns a sample is the pixel itself.
//
// map, f32:  | m0 | m1 | m2 | m3 | m4 | m5 |      scales, f32:  | scale [C] | offset [C] |
//
// Contract: x[C][height][width] u8; y planes are `plane` elements apart; 4-byte alignment.
// Exact: f32 in the order top = a + (b - a) * fx, bottom alike, top + (bottom - top) * fy.

function pixel(x: usize, row: i32, column: i32, height: i32, width: i32, scale: f32, offset: f32): f32 {
  const inside = (row as u32) < (height as u32) && (column as u32) < (width as u32)
  return inside ? (load<u8>(x + row * width + column) as f32) * scale + offset : 0
}

export function image_f32(
  x: usize,
  y: usize,
  plane: i32,
  channels: i32,
  height: i32,
  width: i32,
  map: usize,
  scales: usize,
): void {
  const m0 = load<f32>(map)
  const m1 = load<f32>(map, 4)
  const m2 = load<f32>(map, 8)
  const m3 = load<f32>(map, 12)
  const m4 = load<f32>(map, 16)
  const m5 = load<f32>(map, 20)
  for (let c = 0; c < channels; c++) {
    const scale = load<f32>(scales + (c << 2))
    const offset = load<f32>(scales + ((channels + c) << 2))
    let out = y
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const row = m0 * (i as f32) + m1 * (j as f32) + m2
        const column = m3 * (i as f32) + m4 * (j as f32) + m5
        const r0 = floor<f32>(row)
        const c0 = floor<f32>(column)
        const fy = row - r0
        const fx = column - c0
        const r = r0 as i32
        const k = c0 as i32
        let value = pixel(x, r, k, height, width, scale, offset)
        if (fx != 0 || fy != 0) {
          const right = pixel(x, r, k + 1, height, width, scale, offset)
          const below = pixel(x, r + 1, k, height, width, scale, offset)
          const beyond = pixel(x, r + 1, k + 1, height, width, scale, offset)
          const top = value + (right - value) * fx
          const bottom = below + (beyond - below) * fx
          value = top + (bottom - top) * fy
        }
        store<f32>(out, value)
        out += 4
      }
    }
    x += height * width
    y += plane << 2
  }
}
