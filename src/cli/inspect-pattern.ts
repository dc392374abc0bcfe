/** whitedwarf inspect --pattern: the mask of a pattern, or of a layer in a file, drawn in the terminal and as an SVG file. */
import { WhiteDwarfError } from '../errors.js'
import { decodeModel } from '../format.js'
import {
  capacity,
  indexBits,
  misfit,
  type Pattern,
  parsePattern,
  patternName,
  project,
  violation,
} from '../patterns.js'
import { Rng } from '../rng.js'
import { type Arguments, type OptionSpec, suggest } from './args.js'
import { checkWritable, readInput, writeOutput } from './files.js'
import { maskPicture } from './mask-picture.js'
import { maskSvg } from './mask-svg.js'
import { maskText } from './mask-text.js'
import { isOnnxPath } from './models.js'
import { grouped, percent } from './text.js'

export const patternOptions: readonly OptionSpec[] = [
  { name: 'pattern', help: "draw the mask of a layer, or of a pattern by its name ('2:4', 'complementary:4', ...)" },
  { name: 'layer', value: 'NAME', help: 'with --pattern: the layer of the file (default: the first)' },
  {
    name: 'shape',
    value: 'OxIxHxW',
    help: 'with --pattern: weights for a pattern by name (default: some that show it)',
  },
  { name: 'svg', value: 'FILE', help: 'with --pattern: draw it as an SVG file too' },
]

/** Patterns that levels are compared with. */
const KNOWN = [
  ...['1:4', '2:4', '4:8'],
  ...[2, 4, 8, 16].map((g) => `complementary:${g}`),
  ...['PS4_P4', 'PS2_P6', 'PS1_P9', 'PSD4_P8', 'PSD2_P8', 'PSD1_P8', 'PSD4_P16', 'PSD2_P16', 'PSD1_P16'],
]

/** Pixels of a drawing in a file. */
const SVG_LIMIT = { width: 380, height: 190 }
/** Of a terminal: lines of a drawing, and columns where there is no terminal. */
const LINES = 24
const COLUMNS = 80

interface Subject {
  readonly shape: readonly number[]
  /** 0 where nothing is drawn. */
  readonly mask: ArrayLike<number>
  readonly pattern: Pattern | undefined
  /** Where the mask comes from. */
  readonly source: string
  /** Layers of files: the known patterns that the levels keep to. */
  readonly keepsTo?: readonly string[]
}

/** @throws WhiteDwarfError E_OPTION when options of --pattern are given without it */
export function refusePatternOptions(args: Arguments): void {
  const given = patternOptions.find(({ name, value }) => value !== undefined && args.string(name) !== undefined)
  if (given !== undefined) throw new WhiteDwarfError('E_OPTION', `--${given.name} is for --pattern`)
}

/** @throws WhiteDwarfError E_OPTION, E_SHAPE, E_IO, E_FORMAT */
export async function inspectPattern(args: Arguments, json: boolean): Promise<void> {
  const [what] = args.positionals
  if (what === undefined) {
    throw new WhiteDwarfError(
      'E_OPTION',
      "which pattern? Give the path of a .wd file, or a name such as 'complementary:4'",
    )
  }
  if (isOnnxPath(what))
    throw new WhiteDwarfError('E_OPTION', `--pattern is for .wd files and names of patterns, got '${what}'`)
  const svg = args.string('svg')
  if (svg !== undefined) checkWritable(svg, 'drawing')
  const subject = /\.wd$/i.test(what) ? await layerOf(what, args) : namedPattern(what, args)
  const report = describe(what, subject)
  if (svg !== undefined) {
    const picture = maskPicture(subject.mask, subject.shape, subject.pattern, SVG_LIMIT)
    writeOutput(svg, maskSvg(picture, { title: report.title, subtitle: report.text[0] }), 'drawing')
  }
  if (json) {
    console.log(JSON.stringify({ ...report.figures, ...(svg === undefined ? {} : { svg }) }, null, 2))
    return
  }
  const { columns, isTTY } = process.stdout
  const limit = { width: Math.max(20, isTTY ? columns : COLUMNS), height: 2 * LINES }
  const picture = maskPicture(subject.mask, subject.shape, subject.pattern, limit)
  console.log(report.title)
  for (const line of report.text) console.log(line)
  console.log(`${picture.note}\n`)
  console.log(maskText(picture, isTTY && process.stdout.hasColors(256)))
  if (svg !== undefined) console.log(`\ndrawn in ${svg}`)
}

function describe(what: string, { shape, mask, pattern, source, keepsTo }: Subject) {
  const size = shape.join(' x ')
  const weights = mask.length
  let nonZeros = 0
  for (let i = 0; i < weights; i++) if (mask[i] !== 0) nonZeros++
  const name = pattern === undefined ? undefined : patternName(pattern)
  const allowed = pattern === undefined ? undefined : capacity(pattern, shape)
  const bits = pattern === undefined ? undefined : indexBits(pattern, shape)
  const drawn = keepsTo === undefined ? 'kept' : 'not zero'
  const text = [
    `${size}: ${grouped(nonZeros)} of ${grouped(weights)} weights ${drawn} (${percent(nonZeros / weights)})`,
  ]
  if (keepsTo !== undefined)
    text.push(keepsTo.length === 0 ? 'keeps to none of the known patterns' : `keeps to ${keepsTo.join(', ')}`)
  if (name !== undefined && allowed !== undefined && bits !== undefined) {
    const index = `${grouped(bits)} bits of index, ${(bits / allowed).toPrecision(2)} for each`
    text.push(`${name} allows ${grouped(allowed)} (${percent(allowed / weights)}); ${index}`)
  }
  const title = keepsTo === undefined ? `${name}, ${source}` : `${what}, ${source}`
  const figures = {
    source,
    shape,
    weights,
    nonZeros,
    density: nonZeros / weights,
    pattern: name,
    allowed,
    indexBits: bits,
    keepsTo,
  }
  return { title, text, figures }
}

/** A layer of a file, with its pattern, or with the narrowest of those that its levels keep to. */
async function layerOf(path: string, args: Arguments): Promise<Subject> {
  if (args.string('shape') !== undefined) {
    throw new WhiteDwarfError('E_OPTION', '--shape is for patterns by name: a file has shapes of its own')
  }
  const model = decodeModel(await readInput(path, 'model'))
  const names = [...new Set([...Object.keys(model.layers), ...Object.keys(model.tensors)])]
  const wanted = args.string('layer') ?? names[0]
  if (!names.includes(wanted)) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `--layer: '${path}' has no layer '${wanted}'${suggest(wanted, names)} Layers: ${names.join(', ')}`,
    )
  }
  const { shape, levels, pattern } = model.tensors[model.layers[wanted]?.tensor ?? wanted]
  const known = KNOWN.map((name) => parsePattern(name)).filter((p) => misfit(p, shape) === undefined)
  const kept = known.filter((p) => violation(p, shape, levels) === undefined)
  const [narrowest] = [...kept].sort((a, b) => capacity(a, shape) - capacity(b, shape))
  return {
    shape,
    mask: levels,
    pattern: pattern ?? narrowest,
    source: `layer ${wanted}`,
    keepsTo: kept.map(patternName),
  }
}

/** Weights that groups choose from are drawn by this seed. */
const SEED = 1

function namedPattern(name: string, args: Arguments): Subject {
  if (args.string('layer') !== undefined) {
    throw new WhiteDwarfError('E_OPTION', '--layer is for files: a pattern by name has no layers')
  }
  const pattern = parsePattern(name)
  const text = args.string('shape')
  const shape = text === undefined ? exampleShape(pattern) : parseShape(text)
  const why = misfit(pattern, shape)
  if (why !== undefined) {
    throw new WhiteDwarfError('E_SHAPE', `${name} does not fit weights ${shape.join(' x ')}: ${why}`)
  }
  const rng = new Rng(SEED)
  const weights = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal())
  const source = pattern.kind === 'groups' ? 'the largest of random weights' : 'its mask'
  return { shape, mask: project(pattern, shape, weights), pattern, source }
}

/** Weights that show what is particular to a pattern. */
function exampleShape(pattern: Pattern): number[] {
  switch (pattern.kind) {
    case 'groups': {
      const rows = pattern.axis === 'out' ? 2 * pattern.of : 8
      const columns = pattern.axis === 'out' ? 16 : 2 * Math.max(8, pattern.of)
      return [Math.max(8, rows), columns, 3, 3]
    }
    case 'blocks': {
      const side = pattern.block * Math.min(32, Math.max(8, Math.ceil(2 * pattern.ratio)))
      return [side, side]
    }
    case 'periodic':
      return [8, 16, pattern.kernel, pattern.kernel]
  }
}

/** Most weights of a shape, those of a large layer: they are drawn by chance for the groups. */
const MAX_WEIGHTS = 2 ** 24

/** @throws WhiteDwarfError E_OPTION */
function parseShape(text: string): number[] {
  const shape = text.split('x').map((part) => (/^\d{1,6}$/.test(part) ? Number(part) : 0))
  const weights = shape.reduce((a, b) => a * b, 1)
  if ((shape.length !== 2 && shape.length !== 4) || weights < 1 || weights > MAX_WEIGHTS) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `--shape must be like 8x16x3x3 (outputs, inputs, kernel) or 64x128, got '${text}'`,
    )
  }
  return shape
}
