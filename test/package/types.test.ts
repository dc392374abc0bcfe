/** The published declarations, checked as a strict application sees them: no Node types, library files checked too. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const APPLICATION = `
import { InferenceSession, Tensor } from 'whitedwarf'
import { presets, train } from 'whitedwarf/compress'
import { decodeModel, type WdFile } from 'whitedwarf/format'
import { kernelTable } from 'whitedwarf/kernels'

const session = await InferenceSession.create<'image', 'scores'>('model.wd', { precision: 'fp8' })
const { scores } = await session.run({ image: new Tensor('uint8', new Uint8Array(784), [1, 1, 28, 28]) })
export const data: Float32Array = scores.data
export const all = [train, presets, decodeModel, kernelTable]
export type File = WdFile
// @ts-expect-error an input of another name
session.run({ picture: new Tensor('uint8', new Uint8Array(1), [1]) })
// @ts-expect-error a precision that does not exist
InferenceSession.create('model.wd', { precision: 'int9' })
`

describe('declarations', () => {
  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('module %s, resolution %s', (module, moduleResolution) => {
    const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-types-'))
    try {
      mkdirSync(join(folder, 'node_modules'))
      symlinkSync(root, join(folder, 'node_modules/whitedwarf'), 'dir')
      const compilerOptions = {
        noEmit: true,
        strict: true,
        types: [],
        lib: ['ES2022', 'DOM'],
        target: 'es2022',
        module,
        moduleResolution,
        skipLibCheck: false,
      }
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }))
      writeFileSync(join(folder, 'app.ts'), APPLICATION)
      const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
        encoding: 'utf8',
      })
      expect(stdout).toBe('')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
