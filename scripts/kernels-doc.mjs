// Writes docs/kernels.md from the kernel table of the built package. With --check it only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { kernelTable } from '../dist/kernels.js'

const FILE = new URL('../docs/kernels.md', import.meta.url)
const MODULES = {
  core: 'Inference module',
  tensor: 'Tensor module',
  train: 'Training module',
  pe: 'Module of array models',
}

const intro = `# Kernels

Generated from the kernel table (src/kernels/table.ts) by \`node scripts/kernels-doc.mjs\`. Pointers are byte offsets into the
instance's memory; sizes are in elements unless said otherwise. Every kernel equals its scalar TypeScript reference to the
bit, unless an ULP budget is stated. How row programs, grids and lanes work is in the headers of the files under
\`assembly/\` and in [numerics.md](numerics.md).
`

function section(module) {
  const rows = kernelTable.filter((row) => row.module === module)
  const families = [...new Set(rows.map((row) => row.family))]
  const parts = families.map((family) => {
    const kernels = rows
      .filter((row) => row.family === family)
      .map((row) => {
        const exact = row.exact === 'bits' ? '' : ` Within ${row.exact.ulp} ULP of the reference.`
        return `**\`${row.name}(${row.params.join(', ')})\`**\n${row.formula}.\n${row.contract}${exact}\n`
      })
    return `### ${family}\n\n${kernels.join('\n')}`
  })
  return `## ${MODULES[module]}\n\n${parts.join('\n')}`
}

const text = `${intro}\n${Object.keys(MODULES).map(section).join('\n')}`
if (process.argv.includes('--check')) {
  const current = readFileSync(FILE, 'utf8')
  if (current !== text) {
    console.error('docs/kernels.md is out of date: run node scripts/kernels-doc.mjs')
    process.exit(1)
  }
} else {
  writeFileSync(FILE, text)
}
