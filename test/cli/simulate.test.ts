/** whitedwarf simulate: figures, tables, files, pictures, sweeps, and what it refuses. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { decodeModel } from 'whitedwarf/format'
import { onChipSize } from 'whitedwarf/pe'
import { cli, expectError } from './run-cli.js'

const work = mkdtempSync(join(tmpdir(), 'whitedwarf-simulate-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

const at = (name: string) => join(work, name)

function write(name: string, text: string): string {
  writeFileSync(at(name), text)
  return at(name)
}

const buffer = { bytes: 65536, width: 64 }
const arrayFile = (name: string, changes: object = {}) =>
  write(
    `${name}.json`,
    JSON.stringify({
      kind: 'systolic',
      name,
      provenance: 'A test array. Nothing of it is published.',
      tech: { node: 45, voltage: 0.9, frequency: 500, cell: 'lop' },
      buffers: { weights: buffer, activations: buffer, outputs: buffer },
      rows: 32,
      columns: 32,
      dataflow: 'os',
      convention: 'schedule',
      skipping: { kind: 'none' },
      ...changes,
    }),
  )
const os = arrayFile('os32')
const ws = arrayFile('ws32', { dataflow: 'ws' })

const simulate = (...args: string[]) => {
  const { status, stdout, stderr } = cli(['simulate', ...args])
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}
const asJson = (...args: string[]) => JSON.parse(simulate(...args, '--json'))

interface Layer {
  readonly name: string
  readonly cycles: number
  readonly macs: number
  readonly effectual: number
  readonly weightDensity: number
  readonly activationDensity: number
  readonly weightBits: number
  readonly slots: Readonly<Record<string, number>>
}

/** Cells of a CSV file behind its first line; no cell here has a comma. */
const csvRows = (file: string): string[][] => {
  const [note, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  expect(note).toMatch(/^# modelled, not measured: /)
  return lines.map((line) => line.split(','))
}

describe('a report', () => {
  it('has the cycles of every layer, and says that it is modelled', () => {
    const report = asJson('mlp:100', '--images', 'mnist', '--on', os)
    expect(report.note).toBe('modelled, not measured: mlp:100 on os32, closed forms of densities')
    expect(report.modelled).toBe(true)
    // Rows hold one image, columns 100 and 10 units: K + R + C - 2 cycles for each 32 of them.
    expect(report.layers.map((l: Layer) => l.cycles)).toEqual([4 * (784 + 62), 100 + 62])
    expect(report.total.cycles).toBe(4 * 846 + 162)
    const text = simulate('mlp:100', '--images', 'mnist', '--on', os)
    expect(text).toMatch(/^modelled, not measured: mlp:100 on os32, closed forms of densities\n1,024 elements, 45 nm/)
    expect(text).toMatch(/^ {2}fc1 +1 x 100 x 784 +100.0 % +100.0 % +78.4 k +3,384 /m)
    expect(text).toMatch(/^ {2}cycles +3,546, 7.09 µs at 500 MHz$/m)
    for (const title of ['Total of 2 layers', 'Energy', 'Area']) expect(text).toContain(`${title}, modelled:`)
    expect(text).toContain('Source of the array: A test array. Nothing of it is published.')
    expect(text).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('takes densities, bits and a batch', () => {
    const options = ['--density', '0.25', '--activation-density', '0.5', '--weight-bits', '3', '--batch', '4']
    const { layers } = asJson('mlp:100', '--images', 'mnist', '--on', os, ...options)
    for (const { macs, effectual, weightBits } of layers as Layer[]) {
      expect(effectual).toBe(macs / 8)
      expect(weightBits).toBe(3)
    }
    expect(layers[0].macs).toBe(4 * 78400)
  })

  it('counts pooling when told so', () => {
    const names = (...args: string[]) =>
      asJson('lenet:6,16', '--images', 'mnist', '--on', os, ...args).layers.map((l: { op: string }) => l.op)
    expect(names()).toEqual(['conv2d', 'conv2d', 'dense'])
    expect(names('--pooling')).toEqual(['conv2d', 'pool', 'conv2d', 'pool', 'dense'])
  })

  it('reads the levels of .wd files, and the weights of ONNX files', () => {
    const own = asJson('models/mnist-lenet.wd', '--on', os)
    const { tensors } = JSON.parse(cli(['inspect', 'models/mnist-lenet.wd', '--json']).stdout)
    expect(own.layers.map((l: Layer) => l.weightDensity)).toEqual(tensors.map((t: { density: number }) => t.density))
    expect(own.workload).toBe('mnist-lenet.wd')
    expect(JSON.stringify(own)).not.toContain('levels')
    const onnx = at('lenet.onnx')
    expect(cli(['convert', 'models/mnist-lenet.wd', '--out', onnx]).status).toBe(0)
    const imported = asJson(onnx, '--on', os)
    expect(imported.layers.map((l: Layer) => l.weightDensity)).toEqual(own.layers.map((l: Layer) => l.weightDensity))
    expect(imported.layers.map((l: Layer) => l.weightBits)).toEqual([8, 8, 8])
    const given = asJson('models/mnist-lenet.wd', '--on', os, '--density', '0.5')
    expect(given.layers.map((l: Layer) => l.weightDensity)).toEqual([0.5, 0.5, 0.5])
  })

  it('reads topologies, padded or not', () => {
    const own = asJson('test/fixtures/topologies/resnet18.csv', '--on', os)
    expect(own.total.cycles).toBe(1_718_374)
    expect(own.layers[0].name).toBe('Conv1')
    const file = write('two.csv', 'layer, h, w, kh, kw, c, n, stride,\nfirst, 8, 8, 3, 3, 4, 16, 1,\nsecond, 5, 6, 7\n')
    const sizes = (...args: string[]) =>
      asJson(file, '--on', os, ...args).layers.map((l: Record<string, number>) => [l.m, l.n, l.k])
    expect(sizes()).toEqual([
      [36, 16, 36],
      [5, 6, 7],
    ])
    expect(sizes('--padding', 'same')[0]).toEqual([64, 16, 36])
    const bad = write('bad.csv', 'a, 1, 2, 3\nb, 1, two, 3\n')
    expectError(cli(['simulate', bad, '--on', os]), 1, 'E_FORMAT', /topology, line 2/)
  })

  it('walks over weights, and prints what the array is without its calibration', () => {
    const walked = asJson('models/mnist-lenet.wd', '--on', 'whitedwarf', '--masks')
    expect([walked.level, walked.note]).toEqual(['masks', expect.stringContaining('a walk over the weights')])
    expect(walked.onChip).toEqual({ ...onChipSize(decodeModel(readFileSync('models/mnist-lenet.wd'))) })
    expect(simulate('models/mnist-lenet.wd', '--on', 'whitedwarf')).toMatch(
      /on the chip, counted:\n {2}masks and values .* bytes, \d/,
    )
    expect(asJson('models/mnist-lenet.wd', '--on', 'systolic-os')).not.toHaveProperty('onChip')
    const estimated = asJson('models/mnist-lenet.wd', '--on', 'whitedwarf')
    expect(walked.total.cycles).not.toBe(estimated.total.cycles)
    expect(walked.total.cycles / estimated.total.cycles).toBeGreaterThan(0.7)
    expect(walked.total.cycles / estimated.total.cycles).toBeLessThan(1.5)
    const line = /^ {2}(not calibrated|efficiency) +(.+ TOPS\/W)/gm
    const rows = [...simulate('models/mnist-lenet.wd', '--on', 'whitedwarf-calibrated').matchAll(line)]
    const plain = [...simulate('models/mnist-lenet.wd', '--on', 'whitedwarf').matchAll(line)]
    expect(rows.map((row) => row[1])).toEqual(['efficiency', 'not calibrated'])
    expect(plain.map((row) => row[1])).toEqual(['efficiency'])
    expect(rows[1][2]).toBe(plain[0][2])
  })

  it('counts inputs that are zero on images', () => {
    const { layers } = asJson('models/mnist-lenet.wd', '--on', os, '--data', 'data/mnist', '--limit', '20')
    const shares = layers.map((l: Layer) => l.activationDensity)
    // About a fifth of a digit's pixels are ink; ReLU leaves zeros.
    expect(shares[0]).toBeGreaterThan(0.1)
    expect(shares[0]).toBeLessThan(0.25)
    for (const share of shares.slice(1)) {
      expect(share).toBeGreaterThan(0.1)
      expect(share).toBeLessThan(0.9)
    }
    const fewer = asJson('models/mnist-lenet.wd', '--on', os, '--data', 'data/mnist', '--limit', '1')
    expect(fewer.layers[0].activationDensity).not.toBe(shares[0])
  })

  it('is changed by --set, in the order given', () => {
    const { arch, total } = asJson('mlp:100', '--images', 'mnist', '--on', os, '--set', 'rows=8', '--set', 'rows=16')
    expect(arch.rows).toBe(16)
    expect(total.cycles).toBe(4 * (784 + 46) + 100 + 46)
  })

  it('is written as CSV, a row for each layer', () => {
    const csv = at('layers.csv')
    const report = asJson('lenet:6,16', '--images', 'mnist', '--on', os, '--csv', csv)
    const [head, ...rows] = csvRows(csv)
    expect(head.slice(0, 3)).toEqual(['layer', 'op', 'm'])
    expect(new Set(head).size).toBe(head.length)
    const column = (name: string) => rows.map((row) => row[head.indexOf(name)])
    expect(column('layer')).toEqual(report.layers.map((l: Layer) => l.name))
    expect(column('cycles').map(Number)).toEqual(report.layers.map((l: Layer) => l.cycles))
    expect(column('edge_element_cycles').map(Number)).toEqual(report.layers.map((l: Layer) => l.slots.edge))
    const energies = column('energy_mid_pj').map(Number)
    expect(energies.reduce((a, b) => a + b)).toBeCloseTo(report.total.energyTotal.mid, 3)
    for (const row of rows) expect(row.length).toBe(head.length)
  })
})

describe('pictures of a report', () => {
  const draw = (plot: string, ...args: string[]) => {
    const svg = at(`${plot}.svg`)
    simulate('lenet:6,16', '--images', 'mnist', '--on', os, '--svg', svg, '--plot', plot, ...args)
    const text = readFileSync(svg, 'utf8')
    expect(text).toMatch(/^<svg [^>]*role="img" aria-labelledby="title desc">\n {2}<title id="title">Modelled /)
    expect(text).toContain('modelled, not measured; 1,024 elements, 45 nm, 0.9 V, 500 MHz')
    expect(text).toContain('prefers-color-scheme: dark')
    expect(text).not.toMatch(/NaN|undefined|Infinity/)
    return text
  }

  it('energy by component', () => {
    const text = draw('energy')
    expect(text).toMatch(/>energy of a layer, [pnµm]?J</)
    for (const name of ['conv1', 'conv2', 'fc1', 'leakage']) expect(text).toContain(`>${name}<`)
  })

  it('element-cycles by cause', () => {
    const text = draw('utilisation')
    expect(text).toMatch(/>element-cycles of a layer, [kM]</)
    for (const name of ['useful', 'edge', 'fill']) expect(text).toContain(`>${name}<`)
    const { layers } = asJson('lenet:6,16', '--images', 'mnist', '--on', os)
    const widths = [...text.matchAll(/<rect class="d2" x="[\d.]+" y="\d+" width="([\d.]+)" height="17"/g)]
    expect(widths.length).toBe(3)
    const ratio = layers[0].slots.useful / layers[1].slots.useful
    expect(Number(widths[0][1]) / Number(widths[1][1])).toBeCloseTo(ratio, 1)
  })

  it('efficiency over sparsity, the same with a density given', () => {
    const text = draw('sparsity')
    expect(text).toContain('>weights that are zero<')
    expect(text).toContain('>TOPS/W<')
    for (const tick of ['0 %', '50 %', '90 %', '99 %', '99.9 %']) expect(text).toContain(`>${tick}<`)
    expect(text.match(/<polyline /g)?.length).toBe(2)
    expect(draw('sparsity', '--density', '0.3').split('</title>')[1]).toBe(text.split('</title>')[1])
  })
})

describe('a roofline', () => {
  it('has a point for each layer, below the limits of a dense array', () => {
    const svg = at('roofline.svg')
    const on = ['--on', 'systolic-os', '--set', 'dram.bandwidth=64']
    simulate('lenet:6,16', '--images', 'mnist', ...on, '--svg', svg, '--plot', 'roofline')
    const text = readFileSync(svg, 'utf8')
    expect(text).toContain('<title id="title">Modelled roofline of lenet:6,16 on ')
    expect(text).toContain('DRAM 64 bits a cycle')
    expect(text).toContain('>operations per byte of DRAM, zeros counted<')
    const titles = [...text.matchAll(/<title>(\w+): ([\d.]+) operations per byte, ([\d.]+) TOPS/g)]
    expect(titles.map((t) => t[1])).toEqual(['conv1', 'conv2', 'fc1'])
    for (const [, , intensity, tops] of titles) {
      // 64 bits a cycle at 500 MHz are 4 GB/s; 1024 elements do 1.024 TOPS.
      expect(Number(tops)).toBeLessThanOrEqual(Math.min(1.024, 0.004 * Number(intensity)) * 1.01)
    }
  })
})

describe('a sweep', () => {
  const grid = ['--sweep', 'rows=8,16,32', '--sweep', 'tech.voltage=0.7..1.1/3']
  const run = (...args: string[]) => asJson('lenet:6,16', '--images', 'mnist', '--on', os, ...args)

  it('has every combination, the first axis slowest', () => {
    const { note, modelled, axes, points } = run(...grid)
    expect([note, modelled]).toEqual(['modelled, not measured: lenet:6,16 at 9 points, energy of the chip alone', true])
    expect(axes).toEqual({ rows: [8, 16, 32], 'tech.voltage': [0.7, 0.9, 1.1] })
    const values = points.map((p: { values: Record<string, number> }) => Object.values(p.values))
    expect(values.slice(0, 4)).toEqual([
      [8, 0.7],
      [8, 0.9],
      [8, 1.1],
      [16, 0.7],
    ])
    const alone = asJson('lenet:6,16', '--images', 'mnist', '--on', os, '--set', 'rows=16', '--set', 'tech.voltage=0.7')
    expect(points[3].cycles).toBe(alone.total.cycles)
    expect(points[3].energy).toEqual(alone.total.energyTotal)
  })

  it('marks those that none is better than', () => {
    const { points } = run(...grid)
    type Point = { cycles: number; energy: { mid: number }; front: boolean }
    for (const p of points as Point[]) {
      const better = (points as Point[]).some(
        (q) =>
          q.cycles <= p.cycles && q.energy.mid <= p.energy.mid && (q.cycles < p.cycles || q.energy.mid < p.energy.mid),
      )
      expect(p.front).toBe(!better)
    }
  })

  it('goes over densities of layers, and over words', () => {
    const { points } = run('--sweep', 'density=1,0.5', '--sweep', 'dataflow=os,ws')
    const rates = points.map((p: { effectualTops: number; denseTops: number }) => p.effectualTops / p.denseTops)
    for (const [i, expected] of [1, 1, 0.5, 0.5].entries()) expect(rates[i]).toBeCloseTo(expected, 9)
    expect(points[0].cycles).not.toBe(points[1].cycles)
    const activations = run('--sweep', 'activation-density=0.5').points
    expect(activations[0].values).toEqual({ activationDensity: 0.5 })
  })

  it('compares arrays', () => {
    const { points } = asJson('lenet:6,16', '--images', 'mnist', '--on', `${os},${ws}`, '--sweep', 'rows=8,16')
    expect(points.map((p: { values: object }) => p.values)).toEqual([
      { array: 'os32', rows: 8 },
      { array: 'os32', rows: 16 },
      { array: 'ws32', rows: 8 },
      { array: 'ws32', rows: 16 },
    ])
  })

  it('compares energies of the chip where not all arrays count those of DRAM', () => {
    const run = (on: string) => asJson('lenet:6,16', '--images', 'mnist', '--on', on)
    const [dense, mixed] = [run('systolic-os,systolic-ws'), run(`systolic-os,${os}`)]
    expect(dense.note).toMatch(/energy with that of DRAM$/)
    expect(mixed.note).toMatch(/energy of the chip alone$/)
    const { total } = asJson('lenet:6,16', '--images', 'mnist', '--on', 'systolic-os')
    expect(dense.points[0].energy).toEqual(total.energyTotal)
    expect(mixed.points[0].energy.mid).toBeCloseTo(total.energyTotal.mid - total.energy.dram.mid, 3)
    expect(mixed.points[0].cycles).toBe(total.cycles)
  })

  it('is printed, drawn and written', () => {
    const [csv, svg] = [at('sweep.csv'), at('sweep.svg')]
    const files = ['--csv', csv, '--svg', svg, '--plot', 'pareto']
    const text = simulate('lenet:6,16', '--images', 'mnist', '--on', os, ...grid, ...files)
    expect(text).toMatch(
      /^modelled, not measured: lenet:6,16 at 9 points, energy of the chip alone\n\n {2}rows +tech.voltage +cycles +useful /,
    )
    expect(text).toMatch(/^\* 32 +0.7 /m)
    expect(text).toMatch(/^energy, modelled\n[^\n]+J │/m)
    const [head, ...rows] = csvRows(csv)
    expect(head.slice(0, 3)).toEqual(['rows', 'tech.voltage', 'cycles'])
    expect(rows.length).toBe(9)
    const { points } = run(...grid)
    expect(rows.map((row) => Number(row[2]))).toEqual(points.map((p: { cycles: number }) => p.cycles))
    const picture = readFileSync(svg, 'utf8')
    expect(picture).toContain('<title id="title">Modelled energy and cycles of lenet:6,16</title>')
    expect(picture.match(/<circle class="dot d[01]" [^>]*><title>/g)?.length).toBe(9)
    expect(picture).toContain('>cycles<')
    expect(picture).toMatch(/>energy of the chip alone, [nµ]J</)
  })
})

describe('presets', () => {
  it('are listed, one line each', () => {
    const lines = simulate('--list').trimEnd().split('\n')
    const list = asJson('--list')
    expect(lines.length).toBe(list.length)
    for (const [i, { name, kind, about }] of list.entries()) {
      expect(lines[i]).toMatch(new RegExp(`^${name} +${kind} +`))
      expect(about.length).toBeGreaterThan(20)
    }
  })

  it('are shown as JSON, which is an array file again', () => {
    const json = simulate('--show', 'stripes')
    expect(JSON.parse(json).provenance).toMatch(/./)
    const [a, b] = ['stripes', write('shown.json', json)].map((on) => asJson('mlp:16', '--images', 'mnist', '--on', on))
    expect(b).toEqual(a)
  })
})

describe('what it refuses', () => {
  const mlp = ['mlp:16', '--images', 'mnist']
  it.each([
    [[], /which workload\?/],
    [['vgg17', '--on', os], /the network must be one of .*did you mean 'vgg1/],
    [[...mlp], /--on is missing: the array, one of /],
    [[...mlp, '--on', 'stripe'], /there is no preset 'stripe', did you mean 'stripes'\?/],
    [['--show', 'none'], /--show: there is no preset 'none'.*Presets: /],
    [[...mlp, '--on', os, '--density', '2'], /--density must be a number from 0 to 1/],
    [[...mlp, '--on', os, '--weight-bits', '0'], /--weight-bits must be a whole number from 1 to 32/],
    [[...mlp, '--on', os, '--data', 'data/mnist'], /--data is for model files/],
    [[...mlp, '--on', os, '--padding', 'same'], /--padding is for topologies/],
    [['test/fixtures/topologies/resnet18.csv', '--on', os, '--images', 'cifar'], /--images is for networks by name/],
    [[...mlp, '--on', 'whitedwarf', '--masks'], /the weights of 'fc1' are not known/],
    [['models/mnist-lenet.wd', '--images', 'mnist', '--on', os], /--images is for networks by name/],
    [['models/mnist-lenet.wd', '--limit', '3', '--on', os], /--limit is the number of images of --data/],
    [
      ['models/mnist-lenet.wd', '--data', 'data/mnist', '--activation-density', '0.5', '--on', os],
      /either --data or --activation-density/,
    ],
    [[...mlp, '--on', os, '--plot', 'pie'], /--plot must be one of energy, utilisation, roofline, sparsity, pareto/],
    [[...mlp, '--on', os, '--plot', 'energy'], /--plot energy is a picture: give --svg FILE too/],
    [[...mlp, '--on', os, '--plot', 'pareto'], /--plot pareto is for --sweep, or several arrays/],
    [
      [...mlp, '--on', os, '--sweep', 'rows=8,16', '--plot', 'energy', '--svg', 'x.svg'],
      /--plot energy is for one array without --sweep/,
    ],
    [[...mlp, '--on', os, '--set', 'rows'], /--set must be like tech.voltage=0.7, got 'rows'/],
    [[...mlp, '--on', os, '--set', 'rows=0'], /arch.rows must be a whole number from 1 to 65536, got 0/],
    [[...mlp, '--on', os, '--set', 'colums=4'], /arch.colums is not a parameter; parameters are .*columns/],
    [[...mlp, '--on', os, '--sweep', 'rows=8,,16'], /--sweep must be values separated by ','/],
    [[...mlp, '--on', os, '--sweep', 'rows=8..16'], /a range must say how many values/],
    [[...mlp, '--on', os, '--sweep', 'rows=8..x/3'], /a range must be LOW\.\.HIGH\/COUNT/],
    [[...mlp, '--on', os, '--sweep', 'rows=8,fast'], /arch.rows must be a whole number from 1 to 65536, got 'fast'/],
    [[...mlp, '--on', os, '--sweep', 'rows=8', '--sweep', 'rows=16'], /--sweep rows is given twice/],
    [[...mlp, '--on', os, '--sweep', 'density=0.5,2'], /density must be a number from 0 to 1, got 2/],
    [
      [...mlp, '--on', os, '--sweep', 'rows=1..1001/1001', '--sweep', 'columns=1..100/100'],
      /100100 combinations, at most 10000/,
    ],
  ] as [string[], RegExp][])('%j', (args, message) => {
    expectError(cli(['simulate', ...args]), 2, 'E_OPTION', message)
  })

  it('files that are missing, damaged, or cannot be written', () => {
    const refused = (args: string[], code: string, message: RegExp) =>
      expectError(cli(['simulate', ...args]), 1, code, message)
    refused([at('none.wd'), '--on', os], 'E_IO', /no such file/)
    refused([write('bad.wd', 'not a model'), '--on', os], 'E_FORMAT', /./)
    refused([...mlp, '--on', at('none.json')], 'E_IO', /cannot read array .*no such file/)
    refused([...mlp, '--on', write('bad.json', '{"kind": ')], 'E_FORMAT', /array .*bad\.json' is no JSON/)
    refused([...mlp, '--on', os, '--svg', at('none/x.svg')], 'E_IO', /cannot write picture/)
    refused([...mlp, '--on', os, '--csv', at('none/x.csv')], 'E_IO', /cannot write table/)
    refused(['models/mnist-lenet.wd', '--on', os, '--data', at('none')], 'E_IO', /none/)
  })

  it('arrays with a field missing, before anything is written', () => {
    const file = write('half.json', JSON.stringify({ kind: 'systolic', name: 'half' }))
    const svg = at('half.svg')
    expectError(cli(['simulate', ...mlp, '--on', file, '--svg', svg]), 2, 'E_OPTION', /half\.json: arch\.provenance/)
    expect(readdirSync(work).filter((name) => name.includes('half.svg'))).toEqual([])
  })
})
