// Moving values between layouts. No arithmetic, so one kernel per element size (2 or 4 bytes) serves every lane type.
//
// flatten   planes -> vector:  y[((c * height + i) * width + j) * yStep] = x[c, i, j]
//           yStep 1 makes a plain vector; yStep = batch lanes puts one image's features into one lane of each row.
// phases    planes -> planes:  y[c, py, px, i, j] = x[c, i * strideY + py, j * strideX + px]
//           splits each plane into phasesY * phasesX phase planes, so that a strided convolution becomes gathers of
//           unit stride: weight (u, v) reads phase (u mod strideY, v mod strideX) at (u / strideY, v / strideX). There are
//           as many phases as the stride, or fewer: a 1 x 1 kernel needs one.
//           x points at the first pixel of the padded plane; positions at or beyond height x width are written as zero.
// transpose planes -> planes:  y[i * width + j, r, s] = x[r * yWidth + s, i, j]
//           swaps channels and pixels: x has yHeight * yWidth channels of height x width pixels, y the reverse.
//
// Pitches, planes and steps count elements. Contract: natural alignment; phases reads whole vectors and may pass the end of
// a row by 28 bytes. Exact: copies.

import { evenLanes } from '../../lib/lanes'

function flatten<T>(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  y: usize,
  yStep: i32,
): void {
  const step = (yStep as usize) * sizeof<T>()
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < height; i++) {
      const from = x + ((c * xPlane + i * xPitch) as usize) * sizeof<T>()
      for (let j = 0; j < width; j++) {
        store<T>(y, load<T>(from + (j as usize) * sizeof<T>()))
        y += step
      }
    }
  }
}

/** Every `stride`-th of the numbers at `from`; vectors where the stride allows, the last one wherever it begins. */
function pick<T>(from: usize, stride: i32, to: usize, count: i32): void {
  const lanes = (16 / sizeof<T>()) as i32
  if (stride > 2 || count < lanes) {
    for (let j = 0; j < count; j++) {
      store<T>(to + (j as usize) * sizeof<T>(), load<T>(from + ((j * stride) as usize) * sizeof<T>()))
    }
    return
  }
  for (let j = 0; j < count; j += lanes) {
    const k = (min(j, count - lanes) as usize) * sizeof<T>()
    const p = from + k * (stride as usize)
    const a = v128.load(p)
    v128.store(to + k, stride == 1 ? a : evenLanes<T>(a, v128.load(p, 16)))
  }
}

function phases<T>(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  yHeight: i32,
  yWidth: i32,
  strideY: i32,
  strideX: i32,
  phasesY: i32,
  phasesX: i32,
): void {
  for (let c = 0; c < channels; c++) {
    for (let py = 0; py < phasesY; py++) {
      for (let px = 0; px < phasesX; px++) {
        const inside = min(yWidth, (width - px + strideX - 1) / strideX)
        for (let i = 0; i < yHeight; i++) {
          const row = i * strideY + py
          const from = x + ((c * xPlane + row * xPitch + px) as usize) * sizeof<T>()
          const to = y + ((i * yPitch) as usize) * sizeof<T>()
          const count = row < height ? inside : 0
          if (count > 0) pick<T>(from, strideX, to, count)
          for (let j = count; j < yWidth; j++) store<T>(to + (j as usize) * sizeof<T>(), 0 as T)
        }
        y += (yPlane as usize) * sizeof<T>()
      }
    }
  }
}

function transpose<T>(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  height: i32,
  width: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  yHeight: i32,
  yWidth: i32,
): void {
  const step = (yPlane as usize) * sizeof<T>()
  for (let r = 0; r < yHeight; r++) {
    for (let s = 0; s < yWidth; s++) {
      let to = y + ((r * yPitch + s) as usize) * sizeof<T>()
      for (let i = 0; i < height; i++) {
        const from = x + (((r * yWidth + s) * xPlane + i * xPitch) as usize) * sizeof<T>()
        for (let j = 0; j < width; j++) {
          store<T>(to, load<T>(from + (j as usize) * sizeof<T>()))
          to += step
        }
      }
    }
  }
}

export function flatten_16(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  y: usize,
  yStep: i32,
): void {
  flatten<u16>(x, xPlane, xPitch, channels, height, width, y, yStep)
}

export function flatten_32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  y: usize,
  yStep: i32,
): void {
  flatten<u32>(x, xPlane, xPitch, channels, height, width, y, yStep)
}

export function phases_16(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  yHeight: i32,
  yWidth: i32,
  strideY: i32,
  strideX: i32,
  phasesY: i32,
  phasesX: i32,
): void {
  phases<u16>(
    x,
    xPlane,
    xPitch,
    channels,
    height,
    width,
    y,
    yPlane,
    yPitch,
    yHeight,
    yWidth,
    strideY,
    strideX,
    phasesY,
    phasesX,
  )
}

export function phases_32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  yHeight: i32,
  yWidth: i32,
  strideY: i32,
  strideX: i32,
  phasesY: i32,
  phasesX: i32,
): void {
  phases<u32>(
    x,
    xPlane,
    xPitch,
    channels,
    height,
    width,
    y,
    yPlane,
    yPitch,
    yHeight,
    yWidth,
    strideY,
    strideX,
    phasesY,
    phasesX,
  )
}

export function transpose_16(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  height: i32,
  width: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  yHeight: i32,
  yWidth: i32,
): void {
  transpose<u16>(x, xPlane, xPitch, height, width, y, yPlane, yPitch, yHeight, yWidth)
}

export function transpose_32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  height: i32,
  width: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  yHeight: i32,
  yWidth: i32,
): void {
  transpose<u32>(x, xPlane, xPitch, height, width, y, yPlane, yPitch, yHeight, yWidth)
}

/** How many of n f32 values are NaN or infinite. */
export function count_nonfinite(x: usize, n: i32): i32 {
  let count = 0
  for (let i = 0; i < n; i++) {
    count += (load<u32>(x + ((i as usize) << 2)) & 0x7f800000) == 0x7f800000 ? 1 : 0
  }
  return count
}
