/** docs/onnx.md names exactly the operators that can be imported. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { onnxOperators } from '../../src/onnx.js'

it('lists every operator once, and no other', () => {
  const text = readFileSync(new URL('../../docs/onnx.md', import.meta.url), 'utf8')
  const table = text.slice(text.indexOf('| group'), text.indexOf('Everything is computed in f32'))
  const cells = [...table.matchAll(/^\| (?!group|-)\w+ +\| (.*?) *\|$/gm)].map((m) => m[1])
  // Without what stands in brackets, and the words behind the names.
  const names = cells.flatMap((cell) => cell.replace(/\(.*?\)/g, '').match(/\b[A-Z]\w+\b/g) ?? [])
  expect(names.filter((name) => name !== 'ONNX').sort()).toEqual(onnxOperators)
})
