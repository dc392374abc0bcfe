/** What the command line says of arrays: which ones, and which of their parameters differ or are swept. */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { WhiteDwarfError } from '../errors.js'
import { type Arch, archs, parseArch, type SweepAxes, type SweepValue, sweepSize, withParameter } from '../pe.js'
import { type Arguments, type OptionSpec, suggest } from './args.js'
import { readInput } from './files.js'
import { plainTable } from './text.js'

/** More points than anybody waits for, or looks at. */
const MAX_POINTS = 10_000

export const archOptions: readonly OptionSpec[] = [
  { name: 'on', value: 'ARRAYS', help: 'presets or JSON files of arrays, separated by commas; several are compared' },
  {
    name: 'set',
    value: 'PATH=VALUE',
    many: true,
    help: 'a parameter of the array, such as tech.voltage=0.7; or several',
  },
  {
    name: 'sweep',
    value: 'PATH=VALUES',
    many: true,
    help: 'values of a parameter: lanes=8,16,32, tech.voltage=0.7..1.1/5, density=1,0.1; or several',
  },
  { name: 'list', help: 'the presets, and nothing else' },
  { name: 'show', value: 'PRESET', help: 'a preset as JSON with where its figures come from, and nothing else' },
]

const names = Object.keys(archs)

/** @throws WhiteDwarfError E_OPTION */
export function preset(name: string, what: string): Arch {
  if (Object.hasOwn(archs, name)) return archs[name]
  throw new WhiteDwarfError(
    'E_OPTION',
    `${what}: there is no preset '${name}'${suggest(name, names) || '.'} Presets: ${names.join(', ')}`,
  )
}

/** What each preset is, in one sentence. */
export const presetList = () =>
  names.map((name) => ({ name, kind: archs[name].kind, about: archs[name].provenance.split(/(?<=\.)\s/)[0] }))

export const presetTable = (): string => plainTable(presetList().map(({ name, kind, about }) => [name, kind, about]))

/** An array, and what the command line calls it. */
export interface NamedArch {
  readonly name: string
  readonly arch: Arch
}

/** The arrays of --on with what --set changes. @throws WhiteDwarfError E_OPTION, E_IO, E_FORMAT */
export async function readArchs(args: Arguments): Promise<NamedArch[]> {
  const on = args.required('on', `the array, one of ${names.join(', ')}, or a .json file`)
  const settings = args.strings('set').map((text) => pathAndRest('set', text, 'tech.voltage=0.7'))
  const read: NamedArch[] = []
  for (const given of on.split(',')) {
    const isFile = /\.json$/i.test(given) || existsSync(given)
    const base = isFile ? await archFile(given) : preset(given, '--on')
    const arch = settings.reduce((changed, [path, value]) => withParameter(changed, path, readValue(value)), base)
    read.push({ name: isFile ? basename(given).replace(/\.json$/i, '') : given, arch })
  }
  return read
}

async function archFile(path: string): Promise<Arch> {
  const text = new TextDecoder().decode(await readInput(path, 'array'))
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new WhiteDwarfError('E_FORMAT', `array '${path}' is no JSON: ${(cause as Error).message}`, { cause })
  }
  return parseArch(json, path)
}

/** The axes of all --sweep options. @throws WhiteDwarfError E_OPTION */
export function parseSweeps(args: Arguments): SweepAxes {
  const axes: Record<string, SweepValue[]> = {}
  for (const text of args.strings('sweep')) {
    const [path, values] = pathAndRest('sweep', text, 'lanes=8,16,32 or tech.voltage=0.7..1.1/5')
    const name = path.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (Object.hasOwn(axes, name)) throw new WhiteDwarfError('E_OPTION', `--sweep ${path} is given twice`)
    axes[name] = valuesOf(text, values)
  }
  const points = sweepSize(axes)
  if (points > MAX_POINTS) {
    throw new WhiteDwarfError('E_OPTION', `--sweep: ${points} combinations, at most ${MAX_POINTS} are simulated`)
  }
  return axes
}

function pathAndRest(option: string, text: string, example: string): [path: string, rest: string] {
  const [, path, rest] = /^([^=\s]+)=(.+)$/s.exec(text) ?? []
  if (path !== undefined) return [path, rest]
  throw new WhiteDwarfError('E_OPTION', `--${option} must be like ${example}, got '${text}'`)
}

/** Numbers as such, anything else as a word. */
function readValue(text: string): SweepValue {
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? text : number
}

function valuesOf(text: string, values: string): SweepValue[] {
  const refuse = (expected: string) => new WhiteDwarfError('E_OPTION', `--sweep ${expected}, got '${text}'`)
  const [, from, to, count] = /^(.+?)\.\.(.+)\/(\d+)$/.exec(values) ?? []
  if (from === undefined) {
    if (values.includes('..')) throw refuse('of a range must say how many values, such as 0.7..1.1/5')
    const list = values.split(',')
    if (list.includes('')) throw refuse("must be values separated by ','")
    return list.map(readValue)
  }
  const [low, high, n] = [Number(from), Number(to), Number(count)]
  if (!Number.isFinite(low) || !Number.isFinite(high) || n < 2 || n > MAX_POINTS) {
    throw refuse(`of a range must be LOW..HIGH/COUNT with 2 to ${MAX_POINTS} values`)
  }
  return Array.from({ length: n }, (_, i) => Number((low + ((high - low) * i) / (n - 1)).toPrecision(12)))
}

/** Where some arrays count energy of DRAM and others do not, all of them without it: else they would not compare. */
export function comparable(given: readonly NamedArch[]): { archs: readonly NamedArch[]; chipOnly: boolean } {
  const counts = given.filter(({ arch }) => arch.dram?.energy !== undefined).length
  if (counts === 0 || counts === given.length) return { archs: given, chipOnly: counts === 0 }
  const archs = given.map(({ name, arch }) => {
    const { energy: _, ...dram } = arch.dram ?? {}
    return { name, arch: { ...arch, dram } }
  })
  return { archs, chipOnly: true }
}
