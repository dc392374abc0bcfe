/** Rounded activations in training: on the grid, within the range, and part of what a checkpoint holds. */
import { describe, expect, it } from 'vitest'
import { train } from '../../src/compress.js'
import { elements } from '../../src/graph/ir.js'
import { rangeCode, rangeMax } from '../../src/graph/model.js'
import { fp8Format, INT8, integerGrid } from '../../src/kernels/grid.js'
import { toGrid } from '../../src/kernels/ref/grid.js'
import { Rng } from '../../src/rng.js'
import { Network } from '../../src/train/network.js'
import { Rounding } from '../../src/train/rounding.js'
import { base, bits, small } from './data.js'

describe('rounding', () => {
  it.each([
    ['int8', INT8],
    ['int3', integerGrid('int3', true)],
    ['e4m3', fp8Format('e4m3')],
  ] as const)('puts exactly the stored values on the %s grid', async (_, grid) => {
    const plain = await Network.create(small(), 4)
    const rounded = await Network.create(small(), 4)
    const rounding = new Rounding(rounded, (nonnegative) => (nonnegative ? grid : INT8))
    rounding.active = true
    rounded.rounding = rounding
    const rng = new Rng(1)
    const input = Float32Array.from({ length: 64 * 4 }, () => rng.float())
    for (const net of [plain, rounded]) {
      net.weighted.forEach((w) => {
        const own = new Rng(2)
        net.mem.f32(w.weights, w.n).set(Float32Array.from({ length: w.n }, () => own.normal()))
      })
      net.mem.f32(net.input.value, input.length).set(input)
      net.prepare()
    }
    rounded.forward(true)
    const value = (net: Network, name: string) =>
      net.mem.f32(net.value(name).value, elements(net.shape(name)) * 4).slice()

    // What a pool hands on to a dense layer is stored under the pool's name; the convolution's own result never is.
    const stored = ['image', 'flatten1']
    for (const name of stored) {
      const own = name === 'image' ? INT8 : grid
      const got = value(rounded, name)
      const max = rangeMax(rangeCode(got.reduce((a, v) => Math.max(a, Math.abs(v)), 0)))
      const scale = own.minExponent === 7 ? Math.fround(own.max / max) : 2 ** (Math.floor(Math.log2(own.max / max)) - 3)
      const fields = { ...own, lowest: -own.max, inverseUnit: 1 }
      const on = got.filter((v) => Math.abs(toGrid(v * scale, fields) / scale - v) <= Math.abs(v) * 1e-6)
      expect(on.length, name).toBe(got.length)
      expect(new Set(got).size, name).toBeLessThanOrEqual(own.minExponent === 7 ? 2 * own.max + 1 : 255)
    }
    expect(new Set(value(rounded, 'bn1')).size).toBeGreaterThan(256)

    rounding.active = false
    rounded.mem.f32(rounded.input.value, input.length).set(input)
    plain.forward(true)
    rounded.forward(true)
    expect(value(rounded, 'bn2')).toEqual(value(plain, 'bn2'))
  })

  it('begins where it is told, and a resumed training goes on with the same ranges', async () => {
    const options = { ...base(), epochs: 3, activations: 'e4m3', roundFrom: 0.3 } as const
    const saved: Uint8Array[] = []
    const whole = await train({
      ...options,
      onCheckpoint: (bytes) => {
        saved.push(bytes.slice())
      },
    })
    expect(bits(await train({ ...options, resume: saved[1] }))).toBe(bits(whole))
    expect(bits(await train({ ...options, roundFrom: 1 }))).not.toBe(bits(whole))
    expect(bits(await train({ ...options, roundFrom: 1 }))).toBe(bits(await train({ ...options, activations: 'f32' })))
  })

  it('refuses other precisions', async () => {
    await expect(train({ ...base(), activations: 'int9' as 'int8' })).rejects.toThrow(
      /activations must be one of f32, int8/,
    )
  })
})
