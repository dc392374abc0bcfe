/** Scalar references of assembly/kernels/requant. */
import { at, LANES, type Lane, laneBytes, laneView } from '../lanes.js'
import type { Mem } from '../row.js'
import { readGrid, storeLane, toGrid } from './grid.js'

/** scale * v + bias, each operation rounded to f32. */
export const affine = (v: number, scale: number, bias: number) =>
  Math.fround(Math.fround(Math.fround(v) * scale) + bias)

/** Element `index` behind a pointer, of the lane type that a kernel takes as a number. */
function element(mem: Mem, pointer: number, laneCode: number, index: number): number {
  const lane = LANES[laneCode]
  return laneView(mem, lane)[at(pointer, laneBytes(lane)) + index]
}

export const requantPlanes =
  (to: Lane) =>
  (
    mem: Mem,
    acc: number,
    accLane: number,
    accPlane: number,
    accPitch: number,
    y: number,
    yPlane: number,
    yPitch: number,
    channels: number,
    height: number,
    width: number,
    scale: number,
    bias: number,
    grid: number,
  ) => {
    const fields = readGrid(mem, grid)
    const target = at(y, laneBytes(to))
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const a = element(mem, acc, accLane, c * accPlane + i * accPitch + j)
          const v = affine(a, mem.f32[at(scale, 4) + c], mem.f32[at(bias, 4) + c])
          storeLane(mem, to, target + c * yPlane + i * yPitch + j, toGrid(v, fields), fields)
        }
      }
    }
    return undefined
  }

export const requantVector =
  (to: Lane) =>
  (mem: Mem, acc: number, accLane: number, y: number, n: number, scale: number, bias: number, grid: number) => {
    const fields = readGrid(mem, grid)
    for (let i = 0; i < n; i++) {
      const a = element(mem, acc, accLane, i)
      const v = affine(a, mem.f32[at(scale, 4) + i], mem.f32[at(bias, 4) + i])
      storeLane(mem, to, at(y, laneBytes(to)) + i, toGrid(v, fields), fields)
    }
    return undefined
  }

const plus = (v: number, r: number, factor: number) =>
  Math.fround(v + Math.fround(Math.fround(r) * Math.fround(factor)))

export const requantAdd =
  (to: Lane) =>
  (
    mem: Mem,
    acc: number,
    accLane: number,
    accPlane: number,
    accPitch: number,
    r: number,
    rLane: number,
    rPlane: number,
    rPitch: number,
    y: number,
    yPlane: number,
    yPitch: number,
    channels: number,
    height: number,
    width: number,
    scale: number,
    bias: number,
    factor: number,
    grid: number,
  ) => {
    const fields = readGrid(mem, grid)
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const a = element(mem, acc, accLane, c * accPlane + i * accPitch + j)
          const other = element(mem, r, rLane, c * rPlane + i * rPitch + j)
          const v = plus(affine(a, mem.f32[at(scale, 4) + c], mem.f32[at(bias, 4) + c]), other, factor)
          storeLane(mem, to, at(y, laneBytes(to)) + c * yPlane + i * yPitch + j, toGrid(v, fields), fields)
        }
      }
    }
    return undefined
  }
