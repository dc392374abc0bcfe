/** docs/pe.md: every preset, every field of an array, and the array file that it shows. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { archs, parseArch } from '../../src/pe.js'

const text = readFileSync('docs/pe.md', 'utf8')

describe('docs/pe.md', () => {
  it('lists every preset with its kind', () => {
    const rows = [...text.matchAll(/^\| `([^`]+)` +\| (\w+) +\| .+\|$/gm)].map(([, name, kind]) => [name, kind])
    const listed = rows.filter(([name]) => Object.hasOwn(archs, name))
    expect(listed).toEqual(Object.entries(archs).map(([name, { kind }]) => [name, kind]))
  })

  it('shows an array file that is one', () => {
    const [, json] = /```json\n([\s\S]+?)```/.exec(text) ?? []
    const arch = parseArch(JSON.parse(json))
    expect(arch).toMatchObject({ kind: 'gather', lanes: 8, tech: { voltage: 0.7, node: 40 } })
    expect(arch.buffers.weights).toEqual({ bytes: 8192, width: 64 })
  })
})
