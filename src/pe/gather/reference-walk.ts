/**
 * The walk by definition, for tests and for comparing speed: weight by weight, pass by pass, with nothing shared with walk.ts but the text
 * of the model. Every set of pixels is gone through again, which changes nothing but the time.
 */
import type { GatherArch } from '../arch.js'
import { NO_SLOTS, type Slots } from '../cost.js'
import type { PeLayer } from '../workload.js'

export interface ReferenceWalk {
  readonly cycles: number
  readonly slots: Slots
  /** Digits of all weights times pixels. */
  readonly digits: number
}

export function referenceWalk(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: GatherArch): ReferenceWalk {
  const { m, n, k, groups } = layer
  const elements = arch.groups * arch.rows * arch.lanes
  const tiles = Math.ceil(k / arch.tile)
  const walked = Array.from({ length: groups * n }, (_, filter) =>
    Array.from({ length: tiles }, (_, t) => {
      const from = filter * k + t * arch.tile
      const to = Math.min(from + arch.tile, (filter + 1) * k)
      return rowOfTile(layer.levels.levels.subarray(from, to), arch)
    }),
  )
  const blocks: { filters: number[]; group: number }[] = []
  for (let group = 0; group < groups; group++) {
    const filters = Array.from({ length: n }, (_, i) => group * n + i)
    const work = (filter: number) => walked[filter].reduce((sum, { digits }) => sum + digits, 0)
    if (arch.order === 'balanced') filters.sort((a, b) => work(b) - work(a))
    while (filters.length > 0) blocks.push({ filters: filters.splice(0, arch.rows), group })
  }
  const slots: Record<keyof Slots, number> = { ...NO_SLOTS }
  let cycles = 0
  let digits = 0
  for (let pixel = 0; pixel < m; pixel += arch.lanes) {
    const lanes = Math.min(arch.lanes, m - pixel)
    for (let b = 0; b < blocks.length; b += arch.groups) {
      const pass = blocks.slice(b, b + arch.groups)
      const sources = new Set(pass.map(({ group }) => group)).size
      const loads = Array.from({ length: tiles }, (_, t) => {
        const weights = Math.min(arch.tile, k - t * arch.tile)
        const reuse = Math.min(arch.reuse, layer.taps)
        return Math.ceil((weights * lanes * sources * 8) / ((arch.tileBandwidth ?? Number.POSITIVE_INFINITY) * reuse))
      })
      // Nothing is computed while the first tile of all is loaded.
      if (cycles === 0) {
        cycles += loads[0]
        slots.fill += loads[0] * elements
      }
      const ends = pass.map(({ filters }) => {
        let now = 0
        for (let t = 0; t < tiles; t++) {
          const last = Math.max(...filters.map((filter) => walked[filter][t].cycles))
          for (const filter of filters) {
            const row = walked[filter][t]
            slots.useful += (lanes * row.digits) / arch.planes
            slots.zeros += lanes * (row.cycles - row.digits / arch.planes)
            slots.imbalance += lanes * (last - row.cycles)
            slots.sync += lanes * arch.syncRows
            slots.bandwidth += lanes * Math.max(0, loads[t] - last - arch.syncRows)
            digits += lanes * row.digits
          }
          now += Math.max(last + arch.syncRows, loads[t])
        }
        return now
      })
      const end = Math.max(...ends) + arch.syncGroups
      pass.forEach(({ filters }, i) => {
        slots.sync += lanes * filters.length * (end - ends[i])
      })
      slots.edge += (elements - lanes * pass.reduce((sum, { filters }) => sum + filters.length, 0)) * end
      cycles += end
    }
  }
  const { bandwidth = Number.POSITIVE_INFINITY } = arch.dram ?? {}
  const kept = layer.levels.levels.filter((level) => level !== 0).length
  const outside = groups * n * k + kept * layer.weightBits + 8 * (layer.inputs + m * n * groups)
  const waiting = Math.max(0, Math.ceil(outside / bandwidth) - cycles)
  slots.bandwidth += waiting * elements
  return { cycles: cycles + waiting, slots, digits }
}

function rowOfTile(levels: Int8Array, arch: GatherArch): { cycles: number; digits: number } {
  const { window, issue, planes, queue } = arch
  /** When each window was computed, in digits. */
  const done: number[] = []
  let gathered = 0
  let digits = 0
  for (let begin = 0; begin < levels.length; begin += window) {
    let nonzeros = 0
    let bits = 0
    for (const level of levels.subarray(begin, begin + window)) {
      if (level === 0) continue
      nonzeros++
      bits += digitsOf(Math.abs(level), arch.digits)
    }
    const room = done.length > queue ? Math.ceil(done[done.length - 1 - queue] / planes) : 0
    const start = Math.max(gathered, room)
    gathered = start + Math.max(1, Math.ceil(nonzeros / issue))
    done.push(Math.max(done.length > 0 ? done[done.length - 1] : 0, start * planes) + bits)
    digits += bits
  }
  return { cycles: Math.max(gathered, Math.ceil(done[done.length - 1] / planes)), digits }
}

/** Non-zero digits of a magnitude, one by one. */
function digitsOf(magnitude: number, kind: GatherArch['digits']): number {
  let count = 0
  for (let rest = magnitude; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 0) continue
    count++
    // 3 mod 4: the digit is -1, and one is carried.
    if (kind === 'signed' && rest % 4 === 3) rest++
  }
  return count
}
