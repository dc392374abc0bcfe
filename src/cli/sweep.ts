/** The points of a sweep: every combination of the values given for its axes, and what training found at each. */
import { existsSync, readFileSync } from 'node:fs'
import { WhiteDwarfError } from '../errors.js'
import type { Arguments } from './args.js'
import { type ChartPanel, LINES, lineChart } from './chart.js'
import { writeOutput } from './files.js'
import { duration, grouped, percent, plainTable } from './text.js'

/** Options that take several values, with what separates them: networks and patterns contain commas. */
const AXES = { arch: ' ', pattern: ' ', coats: ',', signs: ',', density: ',', budget: ',' } as const

export type Axis = keyof typeof AXES
export const axes = Object.keys(AXES) as readonly Axis[]

/** The values of a point's axes as the command line has them; '' for those not given. */
export type Point = Readonly<Record<Axis, string>>

export interface SweepResult {
  readonly point: Point
  /** All other options of the command. Results of other options are not comparable. */
  readonly options: string
  readonly weights: number
  readonly nonZeros: number
  readonly bytes: number
  /** Share of the test set that the file gets right in int8. */
  readonly accuracy: number
  readonly seconds: number
}

/**
 * Every combination, the first axis slowest.
 * @throws WhiteDwarfError E_OPTION for an empty value
 */
export function sweepPoints(args: Arguments): Point[] {
  let points: Record<Axis, string>[] = [{ arch: '', pattern: '', coats: '', signs: '', density: '', budget: '' }]
  for (const axis of axes) {
    const text = args.string(axis)
    if (text === undefined) continue
    const values = text.trim().split(AXES[axis] === ' ' ? /\s+/ : /\s*,\s*/)
    if (values.includes('')) {
      throw new WhiteDwarfError('E_OPTION', `--${axis} must be values separated by '${AXES[axis]}', got '${text}'`)
    }
    points = points.flatMap((point) => values.map((value) => ({ ...point, [axis]: value })))
  }
  return points
}

/** The arguments of one point's training. */
export function argumentsOf(args: Arguments, point: Point): Arguments {
  return args.with(Object.fromEntries(Object.entries(point).filter(([, value]) => value !== '')))
}

const key = (point: Point) => axes.map((axis) => point[axis]).join('\n')

/**
 * Results of an earlier run of the same sweep.
 * @throws WhiteDwarfError E_FORMAT when the file is not one of results, E_OPTION when they were made with other options
 */
export function readResults(path: string, options: string): Map<string, SweepResult> {
  if (!existsSync(path)) return new Map()
  const lines = readFileSync(path, 'utf8').split('\n')
  const results = lines.flatMap((line, i): SweepResult[] => {
    if (line === '') return []
    const result = parseResult(line)
    // A last line without its end is a run that was cut off: its point is trained again.
    if (result === undefined && i === lines.length - 1) return []
    if (result === undefined) throw new WhiteDwarfError('E_FORMAT', `${path}: line ${i + 1} is not a result of a sweep`)
    return [result]
  })
  const other = results.find((r) => r.options !== options)
  if (other !== undefined) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `${path} holds results of other options (${other.options}): give another file, or the same options`,
    )
  }
  return new Map(results.map((r) => [key(r.point), r]))
}

function parseResult(line: string): SweepResult | undefined {
  try {
    const read = JSON.parse(line) as SweepResult
    // Results from before there were patterns have none.
    const r = { ...read, point: { ...read.point, pattern: read.point.pattern ?? '' } }
    const numbers = [r.weights, r.nonZeros, r.bytes, r.accuracy, r.seconds]
    const fine = axes.every((axis) => typeof r.point[axis] === 'string') && numbers.every(Number.isFinite)
    return fine && typeof r.options === 'string' ? r : undefined
  } catch {
    return undefined
  }
}

/** Adds a result to those known, and writes all of them. @throws WhiteDwarfError E_IO */
export function saveResult(path: string, known: Map<string, SweepResult>, result: SweepResult): void {
  known.set(key(result.point), result)
  writeOutput(path, [...known.values()].map((r) => `${JSON.stringify(r)}\n`).join(''), 'results')
}

export const resultOf = (results: ReadonlyMap<string, SweepResult>, point: Point) => results.get(key(point))

/** Axes along which the results differ. */
const moving = (results: readonly SweepResult[]) =>
  axes.filter((axis) => new Set(results.map((r) => r.point[axis])).size > 1)

const BAR = 24

/** One line a result, with a bar that shows its accuracy between the lowest and the highest. */
export function sweepTable(results: readonly SweepResult[]): string {
  const shown = moving(results)
  const accuracies = results.map((r) => r.accuracy)
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)]
  const bar = (a: number) => '█'.repeat(1 + Math.round(((BAR - 1) * (a - low)) / (high - low || 1)))
  const rows = results.map((r) => [
    ...shown.map((axis) => r.point[axis]),
    grouped(r.weights),
    percent(r.nonZeros / r.weights, 1),
    grouped(r.bytes),
    duration(1000 * r.seconds),
    percent(r.accuracy),
    bar(r.accuracy),
  ])
  const head = [...shown, 'weights', 'non-zero', 'bytes', 'time', 'accuracy', '']
  return plainTable([head, ...rows], [1, 2, 3, 4].map((i) => shown.length - 1 + i).concat(shown.length + 4))
}

/**
 * Accuracy over the number of weights where one budget fixes the size, else over bytes. A line joins the results that differ in
 * nothing but their density, else their budget, else their network; panels of a few lines share one range.
 */
export function sweepSvg(title: string, results: readonly SweepResult[]): string {
  const budgets = new Set(results.map((r) => r.point.budget))
  const fixed = budgets.size === 1 && !budgets.has('')
  const x = (r: SweepResult) => (fixed ? r.weights : r.bytes) / 1000
  const differing = moving(results)
  const joined = (['density', 'budget'] as const).find((axis) => differing.includes(axis)) ?? 'arch'
  const named = differing.filter((axis) => axis !== joined)
  const lines = new Map<string, SweepResult[]>()
  for (const r of results) {
    const name =
      named
        .map((axis) => (axis === 'arch' || axis === 'pattern' ? r.point[axis] : `${axis} ${r.point[axis]}`))
        .join(', ') || 'test'
    lines.set(name, [...(lines.get(name) ?? []), r])
  }
  const series = [...lines].map(([name, line]) => ({
    name,
    points: line.map((r): [number, number] => [x(r), r.accuracy]).sort((a, b) => a[0] - b[0]),
  }))
  const panels: ChartPanel[] = []
  const covers = results.map((r) => r.accuracy)
  for (let i = 0; i < series.length; i += LINES) {
    panels.push({ yLabel: 'accuracy', format: (y) => percent(y, 1), series: series.slice(i, i + LINES), covers })
  }
  const best = results.reduce((a, b) => (b.accuracy > a.accuracy ? b : a))
  return lineChart({
    title,
    description: `Accuracy of ${results.length} trained networks; the best reaches ${percent(best.accuracy)} with ${grouped(best.bytes)} bytes.`,
    xLabel: fixed ? 'thousand weights' : 'kB',
    panels,
  })
}
