/** Scalar references of assembly/kernels/layout. */

import { at } from '../lanes.js'
import type { Mem } from '../row.js'

export const flatten =
  (bytes: 2 | 4) =>
  (
    mem: Mem,
    x: number,
    xPlane: number,
    xPitch: number,
    channels: number,
    height: number,
    width: number,
    y: number,
    yStep: number,
  ) => {
    const view = bytes === 2 ? mem.u16 : mem.u32
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const feature = (c * height + i) * width + j
          view[at(y, bytes) + feature * yStep] = view[at(x, bytes) + c * xPlane + i * xPitch + j]
        }
      }
    }
    return undefined
  }

export const phases =
  (bytes: 2 | 4) =>
  (
    mem: Mem,
    x: number,
    xPlane: number,
    xPitch: number,
    channels: number,
    height: number,
    width: number,
    y: number,
    yPlane: number,
    yPitch: number,
    yHeight: number,
    yWidth: number,
    strideY: number,
    strideX: number,
    phasesY: number,
    phasesX: number,
  ) => {
    const view = bytes === 2 ? mem.u16 : mem.u32
    for (let c = 0; c < channels; c++) {
      for (let phase = 0; phase < phasesY * phasesX; phase++) {
        for (let i = 0; i < yHeight; i++) {
          for (let j = 0; j < yWidth; j++) {
            const row = i * strideY + Math.floor(phase / phasesX)
            const column = j * strideX + (phase % phasesX)
            const inside = row < height && column < width
            const out = at(y, bytes) + (c * phasesY * phasesX + phase) * yPlane + i * yPitch + j
            view[out] = inside ? view[at(x, bytes) + c * xPlane + row * xPitch + column] : 0
          }
        }
      }
    }
    return undefined
  }

export const transpose =
  (bytes: 2 | 4) =>
  (
    mem: Mem,
    x: number,
    xPlane: number,
    xPitch: number,
    height: number,
    width: number,
    y: number,
    yPlane: number,
    yPitch: number,
    yHeight: number,
    yWidth: number,
  ) => {
    const view = bytes === 2 ? mem.u16 : mem.u32
    for (let channel = 0; channel < yHeight * yWidth; channel++) {
      for (let pixel = 0; pixel < height * width; pixel++) {
        const from = channel * xPlane + Math.floor(pixel / width) * xPitch + (pixel % width)
        const to = pixel * yPlane + Math.floor(channel / yWidth) * yPitch + (channel % yWidth)
        view[at(y, bytes) + to] = view[at(x, bytes) + from]
      }
    }
    return undefined
  }

export function countNonfinite(mem: Mem, x: number, n: number): number {
  let count = 0
  for (let i = 0; i < n; i++) if (!Number.isFinite(mem.f32[at(x, 4) + i])) count++
  return count
}
