/** whitedwarf simulate: what a network would cost on an accelerator, modelled. */
import { WhiteDwarfError } from '../../errors.js'
import {
  type Arch,
  modelledNote,
  type Report,
  reportCsv,
  type SweepPoint,
  simulate as simulated,
  sweep,
  type Workload,
} from '../../pe.js'
import type { Arguments } from '../args.js'
import type { Command, CommandContext } from '../command.js'
import { checkWritable, writeOutput } from '../files.js'
import {
  archOptions,
  comparable,
  type NamedArch,
  parseSweeps,
  preset,
  presetList,
  presetTable,
  readArchs,
} from '../pe-arch.js'
import {
  CURVE,
  energyPlot,
  PLOTS,
  type Plot,
  paretoPlot,
  rooflinePlot,
  sparsityPlot,
  utilisationPlot,
} from '../pe-plots.js'
import { paretoText, runSweep, sweepCsv, sweepNote, sweepText } from '../pe-sweep.js'
import { onChipText, reportText } from '../pe-tables.js'
import { type NamedWorkload, parseWorkload, workloadOptions } from '../pe-workload.js'
import { startLateProgress } from '../progress.js'
import { grouped } from '../text.js'

interface Outputs {
  readonly csv: string | undefined
  readonly svg: string | undefined
  readonly plot: Plot
  /** Whether --plot was given. */
  readonly asked: boolean
}

/** @param many whether there is a table of points instead of one report @throws WhiteDwarfError E_OPTION, E_IO */
function parseOutputs(args: Arguments, many: boolean): Outputs {
  const [csv, svg, plot] = [args.string('csv'), args.string('svg'), args.choice('plot', PLOTS)]
  if (plot !== undefined && plot !== 'pareto' && svg === undefined) {
    throw new WhiteDwarfError('E_OPTION', `--plot ${plot} is a picture: give --svg FILE too`)
  }
  if (many ? plot !== undefined && plot !== 'pareto' : plot === 'pareto') {
    const when = many ? 'one array without --sweep' : '--sweep, or several arrays'
    throw new WhiteDwarfError('E_OPTION', `--plot ${plot} is for ${when}`)
  }
  if (csv !== undefined) checkWritable(csv, 'table')
  if (svg !== undefined) checkWritable(svg, 'picture')
  return { csv, svg, plot: plot ?? (many ? 'pareto' : 'energy'), asked: plot !== undefined }
}

/** Progress of `parts` of the work; Ctrl-C is heard after each. */
function steps(label: string, { quiet, signal }: CommandContext) {
  const progress = startLateProgress(label, quiet)
  return {
    progress,
    step: async (done: number, all: number) => {
      progress.update(done / all, `${grouped(done)} of ${grouped(all)}`)
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
    },
  }
}

async function runOne(workload: NamedWorkload, arch: Arch, outputs: Outputs, context: CommandContext): Promise<void> {
  const masks = context.args.flag('masks')
  const { progress, step } = steps('layers', context)
  const report = await simulated(workload, arch, { masks, onProgress: step })
  progress.done('all simulated')
  const picture = outputs.svg === undefined ? undefined : await draw(outputs.plot, report, workload, arch)
  if (outputs.csv !== undefined) writeOutput(outputs.csv, reportCsv(report), 'table')
  if (outputs.svg !== undefined && picture !== undefined) writeOutput(outputs.svg, picture, 'picture')
  // How weights are stored is the gather array's own; other arrays store them otherwise.
  const onChip = arch.kind === 'gather' ? workload.onChip : undefined
  const shown = { note: modelledNote(report), ...report, ...(onChip && { onChip }) }
  if (context.json) console.log(JSON.stringify(shown, null, 2))
  else console.log([reportText(report), ...(onChip ? [onChipText(onChip)] : [])].join('\n\n'))
}

async function draw(plot: Plot, report: Report, workload: Workload, arch: Arch): Promise<string> {
  if (plot === 'utilisation') return utilisationPlot(report)
  if (plot === 'roofline') return rooflinePlot(report)
  if (plot !== 'sparsity') return energyPlot(report)
  const points: SweepPoint[] = []
  for await (const point of sweep(workload, arch, { density: CURVE })) points.push(point)
  return sparsityPlot(points)
}

async function runMany(
  workload: Workload,
  given: readonly NamedArch[],
  axes: ReturnType<typeof parseSweeps>,
  outputs: Outputs,
  context: CommandContext,
): Promise<void> {
  const { archs, chipOnly } = comparable(given)
  const { progress, step } = steps('points', context)
  const outcomes = await runSweep(workload, archs, axes, { masks: context.args.flag('masks') }, step)
  progress.done('all simulated')
  const { name } = workload
  if (outputs.csv !== undefined) writeOutput(outputs.csv, sweepCsv(name, outcomes, chipOnly), 'table')
  if (outputs.svg !== undefined) writeOutput(outputs.svg, paretoPlot(name, outcomes, chipOnly), 'picture')
  if (context.json) {
    const note = sweepNote(name, outcomes.length, chipOnly)
    const on = archs.map(({ name }) => name)
    console.log(JSON.stringify({ note, modelled: true, workload: name, archs: on, axes, points: outcomes }, null, 2))
    return
  }
  console.log(sweepText(name, outcomes, chipOnly))
  if (outputs.asked) console.log(`\n${paretoText(outcomes)}`)
}

export const simulate: Command = {
  name: 'simulate',
  summary: 'model what a network would cost on an accelerator: cycles, energy, area',
  usage: 'MODEL(.wd|.onnx)|TOPOLOGY.csv|NETWORK --on ARRAY [options]',
  options: [
    ...archOptions,
    { name: 'masks', help: 'walk over the weights of a .wd file one by one, instead of closed forms of densities' },
    ...workloadOptions,
    { name: 'csv', value: 'FILE', help: 'write the figures of every layer, or of every point of a sweep' },
    { name: 'svg', value: 'FILE', help: 'write a picture' },
    {
      name: 'plot',
      value: 'KIND',
      help: 'energy (default), utilisation, roofline, sparsity; of several points: pareto',
    },
  ],
  positionals: 1,
  examples: [
    {
      command: 'whitedwarf simulate resnet50 --images imagenet --on whitedwarf --density 0.05 --weight-bits 4',
      comment: 'a network by name, at a density of 5 %',
    },
    {
      command: 'whitedwarf simulate model.wd --on whitedwarf --masks --data data/mnist --svg energy.svg',
      comment: 'the weights of a file one by one, and inputs counted on 100 images',
    },
    {
      command: 'whitedwarf simulate resnet18.csv --on systolic-os,systolic-ws',
      comment: 'a topology of SCALE-Sim on two arrays, compared',
    },
    {
      command:
        'whitedwarf simulate vgg16 --on whitedwarf --sweep lanes=8,16,32 --sweep tech.voltage=0.7..1.1/5 --plot pareto',
      comment: 'every combination of two parameters',
    },
    { command: 'whitedwarf simulate --show whitedwarf > mine.json', comment: 'an array as a file to change' },
  ],
  async run(context: CommandContext): Promise<void> {
    const { args, json } = context
    const shown = args.string('show')
    if (args.flag('list')) {
      console.log(json ? JSON.stringify(presetList(), null, 2) : presetTable())
      return
    }
    if (shown !== undefined) {
      console.log(JSON.stringify(preset(shown, '--show'), null, 2))
      return
    }
    const load = parseWorkload(context)
    const axes = parseSweeps(args)
    const archs = await readArchs(args)
    const many = archs.length > 1 || Object.keys(axes).length > 0
    const outputs = parseOutputs(args, many)
    const workload = await load()
    if (many) await runMany(workload, archs, axes, outputs, context)
    else await runOne(workload, archs[0].arch, outputs, context)
  },
}
