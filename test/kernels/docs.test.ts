import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'

it('docs/kernels.md is generated from the table as it is', () => {
  const check = () =>
    execFileSync(process.execPath, ['scripts/kernels-doc.mjs', '--check'], { encoding: 'utf8', stdio: 'pipe' })
  expect(check).not.toThrow()
})
