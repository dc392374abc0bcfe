/** Tables and pictures of every preset: complete, and with numbers in them. */
import { describe, expect, it } from 'vitest'
import { energyPlot, paretoPlot, rooflinePlot, sparsityPlot, utilisationPlot } from '../../src/cli/pe-plots.js'
import { paretoText, runSweep, sweepCsv, sweepText } from '../../src/cli/pe-sweep.js'
import { reportText } from '../../src/cli/pe-tables.js'
import { digits, metric, tick } from '../../src/cli/text.js'
import { mobilenetV1 } from '../../src/graph/builders.js'
import { archs, graphWorkload, type SweepPoint, simulate, sweep } from '../../src/pe.js'

const graph = mobilenetV1({ input: [3, 32, 32], classes: 10, width: 0.25, strides: 'cifar' })
const workload = graphWorkload(graph, { name: 'a < b', weightDensity: 0.2, weightBits: 4, pooling: true })

function expectNumbers(text: string) {
  expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/)
}

/** Tags open and close in turn, and text between them is escaped. */
function expectSvg(svg: string, labels: readonly string[]) {
  expectNumbers(svg)
  const open: string[] = []
  for (const [, close, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^<>]*)>/g)) {
    if (close === '/') expect(open.pop()).toBe(name)
    else if (!rest.endsWith('/')) open.push(name)
  }
  expect(open).toEqual([])
  expect(svg).toContain('<title id="title">Modelled ')
  expect(svg).toContain('>modelled, not measured; ')
  expect(svg).toContain('a &lt; b')
  for (const label of labels) expect(svg).toContain(`>${label}<`)
}

describe.each(Object.keys(archs))('%s', (name) => {
  it('has tables and pictures of a report', async () => {
    const report = await simulate(workload, archs[name])
    const text = reportText(report)
    expectNumbers(text)
    expect(text).toMatch(/^modelled, not measured: a < b on /)
    for (const { name } of report.layers) expect(text).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    const layers = report.layers.map((layer) => layer.name)
    expectSvg(energyPlot(report), layers)
    expectSvg(utilisationPlot(report), layers)
    expectSvg(rooflinePlot(report), ['operations per byte of DRAM, zeros counted', 'layers'])
  })

  it('has a curve over sparsity', async () => {
    const points: SweepPoint[] = []
    for await (const point of sweep(workload, archs[name], { density: [1, 0.1, 0.01] })) points.push(point)
    expectSvg(sparsityPlot(points), ['weights that are zero', 'TOPS/W', '0 %', '90 %', '99 %'])
  })

  it('has tables and pictures of a sweep', async () => {
    const array = { name, arch: archs[name] }
    const axes = { 'tech.voltage': [0.7, 0.9], density: [1, 0.1] }
    const outcomes = await runSweep(workload, [array, array], axes, {}, async () => {})
    expect(outcomes.length).toBe(8)
    for (const text of [sweepText('a < b', outcomes, true), sweepCsv('a < b', outcomes, true), paretoText(outcomes)])
      expectNumbers(text)
    expectSvg(paretoPlot('a < b', outcomes, true), ['cycles', 'Pareto front', 'others'])
  })
})

describe('numbers', () => {
  it('have three digits that count', () => {
    expect([0, 0.00123, 0.5, 9.999, 12.34, 99.96, 123.4, 12345].map(digits)).toEqual([
      '0',
      '0.00123',
      '0.500',
      '10.00',
      '12.3',
      '100.0',
      '123',
      '12345',
    ])
    expect([0.5, 2, 0.02, 1500].map(tick)).toEqual(['0.5', '2', '0.02', '1500'])
  })

  it('have a prefix', () => {
    expect([1e-12, 1.5e-7, 0.02, 1, 999, 1000, 4.2e9].map((v) => metric(v, 'J'))).toEqual([
      '1.00 pJ',
      '150 nJ',
      '20.0 mJ',
      '1.00 J',
      '999 J',
      '1.00 kJ',
      '4.20 GJ',
    ])
  })
})
