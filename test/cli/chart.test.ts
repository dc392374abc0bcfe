import { describe, expect, it } from 'vitest'
import { lineChart, logTicks, ticks } from '../../src/cli/chart.js'

describe('ticks', () => {
  it('are round numbers within the range', () => {
    expect(ticks(0, 1, 5)).toEqual([0, 0.5, 1])
    expect(ticks(1, 20, 8)).toEqual([5, 10, 15, 20])
    expect(ticks(0.93, 0.991, 5)).toEqual([0.94, 0.96, 0.98])
    expect(ticks(3, 3, 5)).toEqual([3])
  })

  it('or enclose it', () => {
    expect(ticks(0.93, 0.991, 5, 'around')).toEqual([0.92, 0.94, 0.96, 0.98, 1])
    expect(ticks(0, 1, 5, 'around')).toEqual([0, 0.5, 1])
    expect(ticks(3, 3, 5, 'around')).toEqual([2, 3, 4])
  })
})

describe('logTicks', () => {
  it('enclose the range', () => {
    expect(logTicks(0.012, 0.4)).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    expect(logTicks(1, 2)).toEqual([1, 2])
    expect(logTicks(0.38, 1.5)).toEqual([0.2, 0.5, 1, 2])
    expect(logTicks(3, 3)).toEqual([2, 5])
    expect(logTicks(1, 1)).toEqual([1, 2])
    expect(logTicks(7, 80)).toEqual([5, 10, 20, 50, 100])
  })
})

describe('lineChart', () => {
  const chart = (name: string) =>
    lineChart({
      title: `${name} & more`,
      description: 'what it shows',
      xLabel: 'epoch',
      panels: [
        {
          yLabel: 'accuracy',
          format: (y) => y.toFixed(1),
          series: [
            {
              name,
              points: [
                [1, 0.5],
                [2, 0.75],
                [3, 1],
              ],
            },
            {
              name: 'test',
              points: [
                [1, 0.5],
                [2, 0.7],
                [3, 0.99],
              ],
            },
          ],
        },
      ],
    })

  it('is well-formed: no raw text from outside, every tag closed', () => {
    const svg = chart('<script>"x"')
    expect(svg).toContain('&lt;script&gt;&quot;x&quot; &amp; more')
    expect(svg).not.toContain('<script>')
    const open = [...svg.matchAll(/<([a-z]+)(?:\s[^>]*)?(?<!\/)>/g)].map((m) => m[1])
    for (const tag of new Set(open)) {
      expect(svg.split(`</${tag}>`).length - 1).toBe(open.filter((t) => t === tag).length)
    }
  })

  it('carries a title and a description for screen readers', () => {
    const svg = chart('training')
    expect(svg).toMatch(/role="img" aria-labelledby="title desc"/)
    expect(svg).toContain('<title id="title">training &amp; more</title>')
    expect(svg).toContain('<desc id="desc">what it shows</desc>')
  })

  it('puts the points of a line in their places, higher values higher up', () => {
    const line = /class="line c0" points="([^"]+)"/.exec(chart('training')) as RegExpExecArray
    const points = line[1].split(' ').map((p) => p.split(',').map(Number))
    expect(points).toHaveLength(3)
    expect(points[0][0]).toBeLessThan(points[1][0])
    expect(points[0][1]).toBeGreaterThan(points[1][1])
    expect(points[1][1] - points[2][1]).toBeCloseTo(points[0][1] - points[1][1], 0)
  })

  it('keeps the labels of lines that end together apart', () => {
    const labels = [...chart('training').matchAll(/<text x="584" y="([\d.]+)">/g)].map((m) => Number(m[1]))
    expect(labels).toHaveLength(2)
    expect(Math.abs(labels[0] - labels[1])).toBeGreaterThanOrEqual(16.9)
  })
})
