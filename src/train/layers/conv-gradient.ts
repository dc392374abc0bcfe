/**
 * The gradient of a convolution's input on the dense kernel: dx[c][y] at the rows y with (y + top) mod stride = py is, with
 * q = (y + top - py) / stride, the sum over o and kernel rows u = py + stride * u' of w[o][c][u] * dy[o][q - u']; columns alike.
 * Rows that see the same kernel rows inside dy make one run, so that no run multiplies rows of the zero border.
 */
import type { TrainMemory } from '../memory.js'
import { type ConvShape, ceil4, type Run } from './conv-shape.js'
import type { Padded } from './padded.js'

/** All runs; positions of dx that no weight reaches get a run without taps, which writes zeros. */
export function gradientRuns(mem: TrainMemory, c: ConvShape, dyPad: Padded): Run[] {
  const [sy, sx] = c.node.stride
  const runs: Run[] = []
  for (let py = 0; py < sy; py++) {
    for (let px = 0; px < sx; px++) runs.push(...phaseRuns(mem, c, dyPad, py, px))
  }
  return runs
}

function phaseRuns(mem: TrainMemory, c: ConvShape, dyPad: Padded, py: number, px: number): Run[] {
  const [, H, W] = c.input
  const outHeight = c.output[1]
  const [kh] = c.node.kernel
  const [sy, sx] = c.node.stride
  const [top, left] = c.node.pad
  const [tapsY, tapsX] = c.taps
  const y0 = (((py - top) % sy) + sy) % sy
  const x0 = (((px - left) % sx) + sx) % sx
  const columns = Math.ceil((W - x0) / sx)
  const kernelRows = Math.ceil((kh - py) / sy)
  const runs = new Map<string, { first: number; last: number; groups: number[] }>()
  for (let y = y0; y < H; y += sy) {
    const q = (y + top - py) / sy
    const first = Math.max(0, q - outHeight + 1)
    const last = Math.min(kernelRows - 1, q)
    const key = first > last ? 'none' : `${first} ${last}`
    const run = runs.get(key) ?? { first, last, groups: [] }
    runs.set(key, run)
    for (let j = 0; j < columns; j += 4) {
      const column = (x0 + left - px) / sx + j + tapsX
      run.groups.push(4 * ((q + tapsY) * dyPad.columns + column), 4 * (y * W + x0 + j * sx), Math.min(4, columns - j))
    }
  }
  return [...runs.values()]
    .filter(({ groups }) => groups.length > 0)
    .map(({ first, last, groups }) => gradientRun(mem, c, dyPad, [py, px], py + sy * first, py + sy * last, groups))
}

/** The taps of kernel rows uFirst, uFirst + stride, ..., uLast, for these groups of dx. */
function gradientRun(
  mem: TrainMemory,
  { node, batch, groups: channelGroups, input, output }: ConvShape,
  dyPad: Padded,
  [py, px]: readonly [number, number],
  uFirst: number,
  uLast: number,
  groups: readonly number[],
): Run {
  const [kh, kw] = node.kernel
  const [sy, sx] = node.stride
  const [, H, W] = input
  const rows = input[0] / channelGroups
  const taps: number[] = []
  const index: number[] = []
  for (let o = 0; o < output[0] / channelGroups; o++) {
    for (let u = uFirst; u <= uLast; u += sy) {
      for (let v = px; v < kw; v += sx) {
        // Negative steps from the group's address; the kernel adds modulo 2^32.
        taps.push((4 * (o * dyPad.channel - ((u - py) / sy) * dyPad.columns - (v - px) / sx)) >>> 0)
        index.push((o * rows * kh + u) * kw + v)
      }
    }
  }
  const [begin, end] = mem.range(batch)
  const sizes = [end - begin, 4 * dyPad.image, 4 * H * W, groups.length / 3, mem.table(groups)]
  return {
    shape: mem.ownTable([...sizes, rows, 4 * batch * H * W, taps.length, mem.table(taps), 4 * sx]),
    packed: mem.words(channelGroups * ceil4(rows) * taps.length),
    rows,
    taps: taps.length,
    rowStep: kh * kw,
    tapIndex: mem.table(index),
  }
}
