/** whitedwarf sweep: every combination once, also over several runs. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cli } from './run-cli.js'

const work = mkdtempSync(join(tmpdir(), 'whitedwarf-sweep-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

const sweep = (out: string, ...more: string[]) =>
  cli(['sweep', '--data', 'data/mnist', '--limit', '1000', '--epochs', '1', '--out', join(work, out), ...more])

const lines = (file: string) => readFileSync(join(work, file), 'utf8').trimEnd().split('\n')

describe('whitedwarf sweep', { timeout: 120_000 }, () => {
  it('trains every combination, keeps models, draws, and goes on where it stopped', () => {
    const grid = ['--arch', 'mlp:8 mlp:12', '--coats', '1,3', '--density', '0.1']
    const [svg, keep] = [join(work, 'a.svg'), join(work, 'models')]
    const first = sweep('a.jsonl', ...grid, '--svg', svg, '--keep', keep)
    expect(first.status, first.stderr).toBe(0)
    const results = lines('a.jsonl').map((line) => JSON.parse(line))
    expect(results.map((r) => [r.point.arch, r.point.coats])).toEqual([
      ['mlp:8', '1'],
      ['mlp:8', '3'],
      ['mlp:12', '1'],
      ['mlp:12', '3'],
    ])
    expect(results.map((r) => r.weights)).toEqual([6352, 6352, 9528, 9528])
    for (const r of results) {
      expect(r.nonZeros).toBe(Math.round(0.1 * r.weights))
      const name = `mlp_${r.point.arch.slice(4)}_${r.point.coats}_0.1.wd`
      expect(readFileSync(join(keep, name)).length).toBe(r.bytes)
    }
    expect(readFileSync(svg, 'utf8')).toContain('coats 3')
    expect(first.stdout).toMatch(/arch\s+coats\s+weights\s+non-zero\s+bytes\s+time\s+accuracy/)

    // A run that was cut off left half a line, and two points untrained.
    writeFileSync(join(work, 'a.jsonl'), `${lines('a.jsonl').slice(0, 2).join('\n')}\n`)
    appendFileSync(join(work, 'a.jsonl'), '{"point":{"arch":"mlp:12"')
    const second = sweep('a.jsonl', ...grid, '--json')
    expect(second.status, second.stderr).toBe(0)
    const again = JSON.parse(second.stdout)
    const found = (r: { point: unknown; bytes: number; accuracy: number }) => [r.point, r.bytes, r.accuracy]
    expect(again.map(found)).toEqual(results.map(found))
    expect(lines('a.jsonl').map((line) => found(JSON.parse(line)))).toEqual(results.map(found))
  })

  it('searches: the smallest files first, until one is right often enough', () => {
    const grid = [
      '--arch',
      'mlp:64,64',
      '--pattern',
      'none cgs:8/2 cgs:8/4',
      '--pattern-layers',
      'fc1,fc2',
      '--coats',
      '3,1',
    ]
    const all = JSON.parse(sweep('e.jsonl', ...grid, '--density', '1', '--least-accuracy', '1', '--json').stdout)
    expect(all.map((r: { point: Record<string, string> }) => [r.point.pattern, r.point.coats])).toEqual([
      ['cgs:8/4', '1'],
      ['cgs:8/2', '1'],
      ['cgs:8/4', '3'],
      ['none', '1'],
      ['cgs:8/2', '3'],
      ['none', '3'],
    ])
    // How often the largest levels of linear thresholds come is not known before.
    const bytes = all.slice(0, 4).map((r: { bytes: number }) => r.bytes)
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b))
    const least = String(all[1].accuracy - 1e-9)
    const first = all.findIndex((r: { accuracy: number }) => r.accuracy >= Number(least))
    const found = sweep('e.jsonl', ...grid, '--density', '1', '--least-accuracy', least, '--quiet')
    expect(found.stdout).toContain(`Smallest that reaches`)
    expect(found.stdout).toContain(`mlp:64,64 ${all[first].point.pattern} ${all[first].point.coats} 1, `)
  })

  it('refuses results of other options, and files that are none', () => {
    const grid = ['--arch', 'mlp:8', '--coats', '1']
    expect(sweep('b.jsonl', ...grid).status).toBe(0)
    const other = sweep('b.jsonl', ...grid, '--lr', '0.1')
    expect(other.status).toBe(2)
    expect(other.stderr).toMatch(/holds results of other options/)
    writeFileSync(join(work, 'c.jsonl'), 'hello\nworld\n')
    const none = sweep('c.jsonl', ...grid)
    expect(none.status).toBe(1)
    expect(none.stderr).toMatch(/line 1 is not a result of a sweep/)
  })

  it.each([
    [['--arch', 'mlp:8', '--coats', '1,,3'], /--coats must be values separated by ','/],
    [['--arch', 'mlp:8', '--coats', '1,2'], /--coats must be one of 1, 3, 7, got '2'/],
    [['--arch', 'mlp:8', '--budget', '1kB,nothing'], /nothing/],
    [['--coats', '1'], /--arch is missing/],
  ])('checks all points before the first is trained: %j', (grid, message) => {
    const { status, stderr } = sweep('d.jsonl', ...grid)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(() => lines('d.jsonl')).toThrow()
  })
})
