/** The claims' rules, and the harness that their figures come from. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Claim, holds, type Measured } from '../../bench/claims/claim.js'
import { compare, quantile } from '../../bench/harness.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('a claim', () => {
  const claim: Claim = {
    name: 'small-and-good',
    title: '',
    unit: '%',
    bar: { op: '>=', value: 99 },
    also: [{ figure: 'bytes', unit: 'bytes', bar: { op: '<=', value: 2000 } }],
    minutes: 0,
    measure: () => Promise.reject(new Error('not measured here')),
  }
  const held = (measured: Measured) => holds(claim, measured)

  it('holds when the value and every further figure clear their bars', () => {
    expect(held({ value: 99, details: { bytes: 2000 } })).toBe(true)
    expect(held({ value: 98.99, details: { bytes: 2000 } })).toBe(false)
    expect(held({ value: 99, details: { bytes: 2001 } })).toBe(false)
  })

  it('does not hold while a figure is missing, is no number, or is in doubt', () => {
    expect(held({ value: 99, details: {} })).toBe(false)
    expect(held({ value: Number.NaN, details: { bytes: 1 } })).toBe(false)
    expect(held({ value: 99, details: { bytes: '1' } })).toBe(false)
    expect(held({ value: 99, details: { bytes: 1 }, warnings: ['the machine was busy'] })).toBe(false)
  })
})

describe('npm run claim', () => {
  const claim = (...args: string[]) =>
    spawnSync(process.execPath, ['build/bench/claim.js', ...args], { cwd: root, encoding: 'utf8' })

  it('lists every claim with its bar', () => {
    const { status, stdout } = claim()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^gather-i16\n {4}.*\n {4}bar: >= 26 G effective MAC\/s; chase: 38/m)
  })

  it('refuses names and options that it does not know', () => {
    expect(claim('none').status).toBe(2)
    expect(claim('none').stderr).toMatch(/no claim 'none'; known: mnist-lenet-accuracy/)
    expect(claim('--recrod').status).toBe(2)
  })

  it('measures, prints JSON, and exits with 0 exactly when the claim holds', () => {
    const { status, stdout } = claim('entropy-bound', '--json')
    const result = JSON.parse(stdout)
    expect(result.value).toBeGreaterThan(-1)
    expect(result.holds).toBe(result.value <= result.bar.value)
    expect(status).toBe(result.holds ? 0 : 1)
    expect(result.machine.runtime).toBe(`Node ${process.versions.node}`)
  })
})

describe('the harness', () => {
  const spin = (us: number) => () => {
    const end = performance.now() + us / 1000
    while (performance.now() < end);
  }

  it('measures what a call takes, synchronous or not, and its rate', async () => {
    const { measurements } = await compare(
      [
        { name: 'short', run: spin(50), work: 100 },
        { name: 'long', run: spin(200) },
        { name: 'asynchronous', run: async () => spin(200)() },
      ],
      { rounds: 3, samples: 4, warmupMs: 20 },
    )
    const [short, long, asynchronous] = measurements
    expect(measurements.map((m) => m.name)).toEqual(['short', 'long', 'asynchronous'])
    expect(long.minNs / short.minNs).toBeGreaterThan(3)
    expect(long.minNs / short.minNs).toBeLessThan(5)
    expect(asynchronous.minNs / long.minNs).toBeGreaterThan(0.8)
    expect(asynchronous.minNs / long.minNs).toBeLessThan(1.5)
    expect(short.samples).toBe(12)
    expect(short.calls).toBeGreaterThanOrEqual(15)
    expect(short.rate).toBeCloseTo(100e9 / short.medianNs, 0)
    expect(long.rate).toBeUndefined()
    expect(short.p10Ns).toBeLessThanOrEqual(short.medianNs)
  })

  it('interleaves: every contestant has its turn in every round', async () => {
    const order: string[] = []
    const note = (name: string) => () => {
      if (order.at(-1) !== name) order.push(name)
      spin(1000)()
    }
    await compare(
      [
        { name: 'a', run: note('a') },
        { name: 'b', run: note('b') },
      ],
      { rounds: 4, samples: 2, warmupMs: 5 },
    )
    expect(order.filter((name) => name === 'a').length).toBeGreaterThanOrEqual(3)
    expect(order.filter((name) => name === 'b').length).toBeGreaterThanOrEqual(3)
  })

  it('warns when samples scatter', async () => {
    let calls = 0
    // Three durations: of two, the median may be one of them, and half of the samples lie on it.
    const { warnings } = await compare([{ name: 'unsteady', run: () => spin(1500 * 2 ** (calls++ % 3))() }], {
      rounds: 2,
      samples: 10,
      warmupMs: 5,
    })
    expect(warnings.join()).toMatch(/unsteady: spread \d+ %/)
  })

  it('passes errors on', async () => {
    const fail = () => {
      throw new Error('broken kernel')
    }
    await expect(compare([{ name: 'fails', run: fail }])).rejects.toThrow('broken kernel')
  })

  it('interpolates quantiles', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5)
    expect(quantile([1, 2, 3], 0)).toBe(1)
    expect(quantile([1, 2, 3], 1)).toBe(3)
    expect(quantile([7], 0.1)).toBe(7)
  })
})
