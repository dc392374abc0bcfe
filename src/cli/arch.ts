/** Networks as one word on the command line: mlp:300,100 or lenet:8,16 or lenet:6,16/120,84. */
import { type DataSet, type Graph, lenet, mlp } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'

export const ARCH_SYNTAX = 'mlp:UNITS,... or lenet:CHANNELS,...[/UNITS,...]'

const KERNEL = 5

/**
 * The graph that `text` names, for a data set's images and classes.
 * @throws WhiteDwarfError E_OPTION for anything else, E_SHAPE when the images are too small for it
 */
export function parseArch(text: string, data: DataSet): Graph {
  const match = /^(mlp|lenet):([\d,]*)(?:\/([\d,]+))?$/.exec(text)
  const [, family, first, second] = match ?? []
  const sizes = numbers(first)
  const hidden = numbers(second)
  if (
    match === null ||
    sizes === undefined ||
    hidden === undefined ||
    (family === 'mlp' && second !== undefined) ||
    (family === 'lenet' && sizes.length === 0)
  ) {
    throw new WhiteDwarfError('E_OPTION', `--arch must be ${ARCH_SYNTAX}, got '${text}'`)
  }
  const { shape: input, classes } = data
  if (family === 'mlp') return mlp({ input, hidden: sizes, classes })
  return lenet({ input, stages: sizes.map((channels) => ({ channels, kernel: KERNEL })), hidden, classes })
}

/** '8,16' as numbers; '' and nothing as none; undefined when something is not a size. */
function numbers(text = ''): number[] | undefined {
  if (text === '') return []
  const values = text.split(',').map((part) => (part === '' ? Number.NaN : Number(part)))
  return values.every((v) => Number.isInteger(v) && v >= 1) ? values : undefined
}
