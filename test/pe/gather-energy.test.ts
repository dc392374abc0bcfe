/** Energy of the gather array: the bottom-up table, how it reacts to each parameter, and the curve that one published figure fixes. */
import { describe, expect, it } from 'vitest'
import type { GatherArch } from '../../src/pe/arch.js'
import { GATHER_CONSTANTS } from '../../src/pe/gather/constants.js'
import { referencePoint } from '../../src/pe/gather/reference-point.js'
import { archs } from '../../src/pe/presets/index.js'
import { calibrate, estimateReport } from '../../src/pe/simulate.js'
import { ideal } from './gather-arrays.js'

const reportAt = (arch: GatherArch, zeros: number, weightBits = 4) =>
  estimateReport(referencePoint(arch, { density: 1 - zeros, weightBits }), arch)

const tops = (arch: GatherArch, zeros: number, weightBits = 4) =>
  reportAt(arch, zeros, weightBits).total.denseTopsPerWatt

/** Within a share of what is expected. */
const near = (value: number, expected: number, share: number) =>
  expect(Math.abs(value / expected - 1), `${value} instead of ${expected}`).toBeLessThan(share)

const SPARSITIES = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999]

describe('energy of a multiply-accumulate, zeros counted', () => {
  /** fJ by term, at 0.9 V. The terms are sums of what reports list. */
  const terms = (zeros: number) => {
    const { total } = reportAt(ideal, zeros)
    const of = (...names: string[]) =>
      (1000 * names.reduce((sum, name) => sum + total.energy[name].mid, 0)) / total.macs
    return [
      of('index', 'gather'),
      of('weights'),
      of('activations', 'delivery'),
      of('fetch'),
      of('compute'),
      of('clock', 'control', 'leakage'),
      of('outputs'),
      (1000 * total.energyTotal.mid) / total.macs,
    ]
  }

  it('is that of the table without zeros', () => {
    const expected = [6.6, 24, 73, 159, 571, 287, 0.9, 1122]
    terms(0).forEach((value, i) => {
      near(value, expected[i], i === 6 ? 0.06 : 0.01)
    })
  })

  it('is that of the table at 99 % zeros, mostly delivery', () => {
    const expected = [6.6, 0.24, 73, 1.6, 5.7, 13.4, 0.9, 101.6]
    terms(0.99).forEach((value, i) => {
      near(value, expected[i], i === 6 ? 0.06 : 0.01)
    })
  })
})

describe('efficiency before calibration', () => {
  const at = (voltage: number, zeros = 0.99) => tops({ ...ideal, tech: { ...ideal.tech, voltage } }, zeros)

  it('is that of the bottom-up model, with its band, at each voltage', () => {
    near(at(0.9, 0).mid, 1.78, 0.005)
    near(at(0.9).mid, 19.7, 0.005)
    near(at(0.9).high, 30.7, 0.005)
    near(at(0.9).low, 15.2, 0.005)
    // Leakage follows the voltage here, not its square: half a percent.
    near(at(1.1).mid, 13.2, 0.01)
    near(at(1.1).high, 20.6, 0.01)
    near(at(1.1).low, 10.2, 0.01)
    near(at(0.7).high, 50.8, 0.01)
    near(at(0.7).low, 25.2, 0.01)
  })

  it('has the published figure inside the band of voltages that 40 nm allows', () => {
    expect(at(1.1).low).toBeLessThan(12.24)
    expect(at(0.9).high).toBeGreaterThan(12.24)
  })

  it('reacts to the window, the reuse of activations and the shape of the array', () => {
    const windows = { 1: 7.7, 4: 15, 8: 17.9, 16: 19.7, 32: 20.7, 64: 21.2 }
    for (const [window, expected] of Object.entries(windows)) {
      near(tops({ ...ideal, window: Number(window) }, 0.99).mid, expected, 0.005)
    }
    for (const [reuse, expected] of Object.entries({ 1: 19.7, 3: 37.9, 9: 54.8 })) {
      near(tops({ ...ideal, reuse: Number(reuse) }, 0.99).mid, expected, 0.005)
    }
    const shapes = [
      [8, 8, 16, 19.7],
      [16, 8, 8, 23.1],
      [16, 4, 16, 15.5],
      [4, 4, 64, 7.7],
    ]
    for (const [groups, rows, lanes, expected] of shapes) {
      near(tops({ ...ideal, groups, rows, lanes }, 0.99).mid, expected, 0.007)
    }
  })

  it('loses 1 % at 99 % zeros to a cycle of synchronisation at each tile and pass', () => {
    const preset = archs.whitedwarf as GatherArch
    near(tops(preset, 0.99).mid, 19.54, 0.002)
    expect(tops(preset, 0.99).mid).toBeLessThan(tops(ideal, 0.99).mid)
  })
})

describe('calibration', () => {
  const curve = (arch: GatherArch, weightBits: number) => SPARSITIES.map((zeros) => tops(arch, zeros, weightBits).mid)
  const fitted = calibrate(ideal, referencePoint(ideal, { density: 0.01 }), { denseTopsPerWatt: 12.24 })

  it('gives 12.24 TFLOPS/W at 99 % by one factor (T5)', () => {
    near(fitted.calibration as number, 1.61, 0.002)
    expect(Math.abs(tops(fitted, 0.99).mid - 12.24)).toBeLessThan(0.01)
    const preset = archs['whitedwarf-calibrated'] as GatherArch
    expect(Math.abs(tops(preset, 0.99).mid - 12.24)).toBeLessThan(0.01)
    expect(preset.calibration).toBeCloseTo(tops(archs.whitedwarf as GatherArch, 0.99).mid / 12.24, 9)
    const slow = { ...ideal, tech: { ...ideal.tech, voltage: 1.1 } }
    const point = referencePoint(slow, { density: 0.01 })
    near(calibrate(slow, point, { denseTopsPerWatt: 12.24 }).calibration as number, 1.08, 0.005)
  })

  it('keeps cycles, and counts an earlier calibration once', () => {
    expect(reportAt(fitted, 0.99).total.cycles).toBe(reportAt(ideal, 0.99).total.cycles)
    const again = calibrate(fitted, referencePoint(fitted, { density: 0.01 }), { denseTopsPerWatt: 12.24 })
    expect(again.calibration).toBeCloseTo(fitted.calibration as number, 12)
  })

  it('gives the curves of INT4 and INT2 over sparsity', () => {
    const int4 = [1.11, 2.03, 3.07, 4.14, 6.38, 8.72, 11.1, 12.24, 12.9, 13.5]
    const int2 = [1.67, 2.95, 4.31, 5.62, 8.09, 10.3, 12.2, 12.9, 13.3, 13.6]
    curve(fitted, 4).forEach((value, i) => {
      near(value, int4[i], 0.006)
    })
    curve(fitted, 2).forEach((value, i) => {
      near(value, int2[i], 0.006)
    })
  })

  it('leaves a band that is widest far from the point', () => {
    // Each end of the constants, scaled to the same figure at 99 %.
    const bands = SPARSITIES.map((zeros) => {
      const [here, there] = [tops(ideal, zeros), tops(ideal, 0.99)]
      return [(12.24 * here.low) / there.low, (12.24 * here.high) / there.high].sort((a, b) => a - b)
    })
    const expected = [
      [1.0, 1.4],
      [1.9, 2.5],
      [2.9, 3.7],
      [3.9, 4.9],
      [6.2, 7.2],
      [8.6, 9.3],
      [11.1, 11.4],
      [12.24, 12.24],
      [12.7, 12.9],
      [13.2, 13.6],
    ]
    bands.forEach((band, i) => {
      for (const end of [0, 1]) expect(Math.abs(band[end] - expected[i][end]), `${i}`).toBeLessThan(0.06)
    })
  })

  it('refuses a target that is no efficiency', () => {
    const point = referencePoint(ideal, { density: 0.01 })
    for (const denseTopsPerWatt of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => calibrate(ideal, point, { denseTopsPerWatt })).toThrow(/denseTopsPerWatt must be/)
    }
  })
})

describe('area', () => {
  it('is that of the parts: elements 0.74 mm2, front ends 0.04, 64 KB 0.2', () => {
    const { area } = reportAt(ideal, 0.99)
    near(area.elements.mid, 0.74e6, 0.005)
    near(area['row front ends'].mid, 0.04e6, 0.05)
    near(area['activations memory'].mid, 0.258e6 * 0.79, 0.01)
    const sum = Object.values(area).reduce((all, { mid }) => all + mid, 0)
    expect(area['wires and gaps'].mid / sum).toBeCloseTo(0.3, 9)
  })
})

describe('constants', () => {
  it('say where they come from, and are ordered', () => {
    for (const [name, { low, mid, high, source }] of Object.entries(GATHER_CONSTANTS)) {
      expect(low <= mid && mid <= high && low > 0, name).toBe(true)
      expect(source.length, name).toBeGreaterThan(10)
    }
  })
})
