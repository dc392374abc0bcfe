// Writes the tables of claims in README.md and docs/ from the recorded results, so that no figure there is typed by hand.
//
//   node scripts/readme.mjs           updates them
//   node scripts/readme.mjs --check   exits with 1 when one is not up to date
//
// A table stands between <!-- claims: NAME NAME ... --> and <!-- /claims -->, one row per name, in that order. Between
// <!-- rows: NAME --> and <!-- /rows --> stands the table in the details of one claim, between <!-- plot: NAME --> and <!-- /plot -->
// a picture of it, which is a file in docs/pictures.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dotPlot } from './dot-plot.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const MARKED = /(<!-- claims: ([a-z0-9 -]+?) -->\n)[\s\S]*?(<!-- \/claims -->)/g
const ROWS = /(<!-- rows: ([a-z0-9-]+?) -->\n)[\s\S]*?(<!-- \/rows -->)/g
const PLOT = /(<!-- plot: ([a-z0-9-]+?) -->\n)[\s\S]*?(<!-- \/plot -->)/g
const PLOTS = {
  'pattern-table': {
    title: 'CIFAR-10 accuracy at the same density',
    unit: 'right of the test images, in per cent, with their standard error',
    row: ({ method, accuracy, standardError }) => ({ name: method, value: accuracy, error: standardError }),
  },
}
const FILES = [
  'README.md',
  'docs/compression.md',
  'docs/inference.md',
  'docs/onnx.md',
  'docs/patterns.md',
  'docs/pe.md',
  'docs/storage.md',
]

function table(names) {
  const rows = names.map((name) => {
    const file = join(root, 'bench/results', `${name}.json`)
    if (!existsSync(file)) return ['not measured yet', '', '', `\`${name}\``]
    const r = JSON.parse(readFileSync(file, 'utf8'))
    const also = r.also.map((c) => `${label(c.figure)} ${figure(r.details[c.figure])} ${c.unit}`)
    const bars = [bar(r.bar, r.unit), ...r.also.map((c) => `${label(c.figure)} ${bar(c.bar, c.unit)}`)]
    const value = [`**${figure(r.value)} ${r.unit}**`, ...also].join(', ')
    return [r.title, `${value}${r.holds ? '' : ' (misses its bar)'}`, bars.join(', '), `\`${name}\``]
  })
  const recorded = names.map((name) => join(root, 'bench/results', `${name}.json`)).filter((file) => existsSync(file))
  return `\n${markdownTable([['what', 'measured', 'bar', 'claim'], ...rows])}\n\n${where(recorded)}`
}

/** The rows in the details of a claim, a column for each of their fields. */
function rows(name) {
  const file = join(root, 'bench/results', `${name}.json`)
  if (!existsSync(file)) return '\nNot measured yet.\n\n'
  const { details } = JSON.parse(readFileSync(file, 'utf8'))
  const fields = Object.keys(details.rows[0])
  const cells = details.rows.map((row) => fields.map((field) => figure(row[field])))
  return `\n${markdownTable([fields.map(label), ...cells])}\n\n${where([file])}`
}

/** A picture of the rows in the details of a claim. */
function plot(name) {
  const file = join(root, 'bench/results', `${name}.json`)
  if (!existsSync(file)) return '\nNot measured yet.\n\n'
  const { details, title } = JSON.parse(readFileSync(file, 'utf8'))
  const { row, ...labels } = PLOTS[name]
  update(`docs/pictures/${name}.svg`, dotPlot({ ...labels, description: title, rows: details.rows.map(row) }))
  return `\n![${labels.title}](pictures/${name}.svg)\n\n`
}

/** Columns padded to their widest cell, as the formatter wants them. */
function markdownTable(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n')
}

/** The machines that the recorded results name, one sentence. */
function where(files) {
  const places = new Set(
    files.map((file) => {
      const { machine } = JSON.parse(readFileSync(file, 'utf8'))
      return `${machine.cpu} (${machine.cores} cores), ${machine.runtime}, ${machine.platform}`
    }),
  )
  return places.size === 0 ? '' : `Measured on: ${[...places].join('; ')}.\n\n`
}

const bar = ({ op, value }, unit) => `${op === '>=' ? 'at least' : 'at most'} ${figure(value)} ${unit}`

/** 12345 -> 12,345; other numbers as recorded. */
const figure = (value) => (Number.isInteger(value) ? value.toString().replace(/\B(?=(\d{3})+$)/g, ',') : String(value))

/** wasmSimd -> wasm simd; other names than those of fields as they are, such as ResNet-50 */
const label = (name) =>
  /^[a-z]\w*$/.test(name) ? name.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`) : name

/** Writes a file, or complains that it is another. */
function update(name, text) {
  const file = join(root, name)
  const check = process.argv.includes('--check')
  if (!check) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${name} does not match bench/results: run 'node scripts/readme.mjs'`)
    process.exitCode = 1
  }
}

for (const name of FILES) {
  const rendered = readFileSync(join(root, name), 'utf8')
    .replace(MARKED, (_, open, names, close) => `${open}${table(names.split(' '))}${close}`)
    .replace(ROWS, (_, open, claim, close) => `${open}${rows(claim)}${close}`)
    .replace(PLOT, (_, open, claim, close) => `${open}${plot(claim)}${close}`)
  update(name, rendered)
}
