/**
 * Networks as one word on the command line: resnet20, lenet:6,16/120,84, resnet50/fold=3,4, mobilenetv2:0.35. WIDTH multiplies all
 * channels; stages to fold count from 1.
 */
import {
  convnet,
  type DataSet,
  type Graph,
  lenet,
  mlp,
  mlpMixer,
  mobilenetV1,
  mobilenetV2,
  resnet,
  resnet9,
  resnetCifar,
  vgg,
  vggSmall,
} from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { type Arguments, type OptionSpec, suggest } from './args.js'
import { plainTable } from './text.js'

/** NAME:LIST/KEY=VALUE/... in its parts. A setting that is not given is undefined. */
interface Arch {
  /** The number in the name, such as 20 of resnet20. */
  readonly depth: number
  /** The numbers behind the colon; none when there is no colon. */
  readonly list: readonly number[]
  readonly input: readonly number[]
  readonly classes: number
  readonly numbers: (key: string) => number[] | undefined
  readonly number: (key: string) => number | undefined
  readonly word: <T extends string>(key: string, ...allowed: readonly T[]) => T | undefined
  /** Numbers, or the word for all or none of them. */
  readonly stages: <T extends string>(key: string, word: T) => number[] | T | undefined
}

interface Family {
  readonly names: readonly string[]
  readonly syntax: string
  readonly about: string
  /** How many numbers may follow the colon. */
  readonly list: readonly [min: number, max: number]
  readonly needsList?: boolean
  /** The numbers need not be whole: width multipliers. */
  readonly fractions?: boolean
  /** Keys of settings. */
  readonly settings?: readonly string[]
  readonly build: (arch: Arch) => Graph
}

const LENET_KERNEL = 5

/** Longest list of sizes. */
const MAX_NUMBERS = 100

/** Images up to this size take the stem and the strides for CIFAR. */
const SMALL_IMAGE = 64

const sizeOf = (input: readonly number[]) => (Math.max(...input.slice(1)) <= SMALL_IMAGE ? 'cifar' : 'imagenet')

const family = (prefix: string, ...depths: readonly number[]) => depths.map((depth) => `${prefix}${depth}`)

/** Options without those that are undefined. */
const given = <T extends object>(options: T) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

const families: readonly Family[] = [
  {
    names: ['mlp'],
    syntax: 'mlp:[UNITS,...]',
    about: 'fully connected layers',
    list: [0, MAX_NUMBERS],
    needsList: true,
    build: ({ list, input, classes }) => mlp({ hidden: list, input, classes }),
  },
  {
    names: ['lenet'],
    syntax: 'lenet:CHANNELS,...[/UNITS,...]',
    about: '5 x 5 convolutions and pooling, then hidden layers',
    list: [1, MAX_NUMBERS],
    needsList: true,
    settings: [''],
    build: ({ list, numbers, input, classes }) => {
      const stages = list.map((channels) => ({ channels, kernel: LENET_KERNEL }))
      return lenet({ stages, hidden: numbers('') ?? [], input, classes })
    },
  },
  {
    names: family('conv', 2, 4, 6, 8),
    syntax: 'conv6[:WIDTH]',
    about: 'conv2, 4, 6, 8: pairs of convolutions, hidden layers',
    list: [0, 1],
    fractions: true,
    build: ({ depth, list: [width], input, classes }) =>
      convnet({ depth: depth as 2 | 4 | 6 | 8, input, classes, ...given({ width }) }),
  },
  {
    names: family('vgg', 11, 13, 16, 19),
    syntax: 'vgg16[:WIDTH]',
    about: 'vgg11, 13, 16, 19; 64 channels at first',
    list: [0, 1],
    fractions: true,
    build: ({ depth, list: [width], input, classes }) => {
      const hidden = sizeOf(input) === 'imagenet' ? [4096, 4096] : []
      return vgg({ depth: depth as 11 | 13 | 16 | 19, hidden, input, classes, ...given({ width }) })
    },
  },
  {
    names: ['vgg-small'],
    syntax: 'vgg-small[:WIDTH]',
    about: 'six convolutions, one dense layer',
    list: [0, 1],
    fractions: true,
    build: ({ list: [width], input, classes }) => vggSmall({ input, classes, ...given({ width }) }),
  },
  {
    names: ['resnet9'],
    syntax: 'resnet9[:N,N,...][/residual=N,...|none]',
    about: 'small and fast; 64,128,256,512 channels, residual=1,3',
    list: [2, MAX_NUMBERS],
    settings: ['residual'],
    build: ({ list, stages, input, classes }) => {
      const widths = list.length > 0 ? list : undefined
      const residual = stages('residual', 'none')
      return resnet9({ input, classes, ...given({ widths, residual: residual === 'none' ? [] : residual }) })
    },
  },
  {
    names: family('resnet', 8, 14, 20, 26, 32, 38, 44, 56, 110),
    syntax: 'resnet20[:N,N,N][/shortcut=A|B][/fold=N,...|all]',
    about: 'resnet8, 14, 20, ... 56, 110; 16,32,64 channels',
    list: [3, 3],
    settings: ['shortcut', 'fold'],
    build: ({ depth, list, word, stages, input, classes }) => {
      const widths = list.length > 0 ? list : undefined
      const options = { widths, shortcut: word('shortcut', 'A', 'B'), fold: stages('fold', 'all') }
      return resnetCifar({ depth, input, classes, ...given(options) })
    },
  },
  {
    names: family('resnet', 18, 34, 50, 101, 152),
    syntax: 'resnet50[:N][/stem=cifar|imagenet][/fold=N,...|all]',
    about: 'resnet18, 34, 50, 101, 152; 64 channels at first',
    list: [1, 1],
    settings: ['stem', 'fold'],
    build: ({ depth, list: [width], word, stages, input, classes }) => {
      const stem = word('stem', 'cifar', 'imagenet') ?? sizeOf(input)
      const options = given({ width, fold: stages('fold', 'all') })
      return resnet({ depth: depth as 18 | 34 | 50 | 101 | 152, stem, input, classes, ...options })
    },
  },
  {
    names: family('mobilenetv', 1, 2),
    syntax: 'mobilenetv2[:WIDTH][/strides=cifar|imagenet]',
    about: 'mobilenetv1, v2: depthwise convolutions',
    list: [0, 1],
    fractions: true,
    settings: ['strides'],
    build: ({ depth, list: [width], word, input, classes }) => {
      const strides = word('strides', 'cifar', 'imagenet') ?? sizeOf(input)
      return (depth === 1 ? mobilenetV1 : mobilenetV2)({ strides, input, classes, ...given({ width }) })
    },
  },
  {
    names: ['mixer'],
    syntax: 'mixer[:N,BLOCKS][/patch=N][/tokens=N][/units=N][/fold=all]',
    about: 'MLP-Mixer; 128 channels, 8 blocks, 4 x 4 patches',
    list: [2, 2],
    settings: ['patch', 'tokens', 'units', 'fold'],
    build: ({ list: [channels, blocks], number, word, input, classes }) => {
      const units = { tokenUnits: number('tokens'), channelUnits: number('units') }
      const options = given({ channels, blocks, patch: number('patch'), ...units })
      return mlpMixer({ fold: word('fold', 'all') === 'all', input, classes, ...options })
    },
  },
]

const names = families.flatMap((f) => f.names)

/** For messages. */
export const ARCH_SYNTAX = names.join(', ')

/** For help: one family a line. */
export const ARCH_HELP = plainTable(families.map((f) => [`    ${f.syntax}`, f.about]))

/**
 * The graph that `text` names, for a data set's images and classes.
 * @param what for messages: the option or argument that gave it
 * @throws WhiteDwarfError E_OPTION for anything else, E_SHAPE when the images are too small for it
 */
export function parseArch(text: string, data: Pick<DataSet, 'shape' | 'classes'>, what = '--arch'): Graph {
  const [head, ...slashes] = text.split('/')
  const [name, numbers, ...rest] = head.split(':')
  const found = families.find((f) => f.names.includes(name))
  if (found === undefined) {
    throw new WhiteDwarfError('E_OPTION', `${what} must be one of ${ARCH_SYNTAX}, got '${text}'${suggest(name, names)}`)
  }
  const refuse = () => new WhiteDwarfError('E_OPTION', `${what} must be ${found.syntax}, got '${text}'`)
  const settings: Record<string, string> = {}
  for (const part of slashes) {
    const [, key = '', value] = /^(?:([a-z]+)=)?(.+)$/.exec(part) ?? []
    if (value === undefined || !found.settings?.includes(key) || Object.hasOwn(settings, key)) throw refuse()
    settings[key] = value
  }
  const list = (text: string, max = MAX_NUMBERS, fractions = false): number[] => {
    const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
    const fits = values.every((v) => Number.isFinite(v) && (fractions ? v > 0 : Number.isInteger(v) && v >= 1))
    if (!fits || values.length > max) throw refuse()
    return values
  }
  const [min, max] = found.list
  // 'mlp:' has no hidden layer.
  const values = numbers === undefined || (numbers === '' && name === 'mlp') ? [] : list(numbers, max, found.fractions)
  if (rest.length > 0 || (numbers === undefined ? found.needsList : values.length < min)) throw refuse()
  const word = <T extends string>(key: string, ...allowed: readonly T[]) => {
    const value = settings[key] as T | undefined
    if (value === undefined || allowed.includes(value)) return value
    throw refuse()
  }
  return found.build({
    depth: Number(/\d*$/.exec(name)?.[0]),
    list: values,
    input: data.shape,
    classes: data.classes,
    numbers: (key) => (settings[key] === undefined ? undefined : list(settings[key])),
    number: (key) => (settings[key] === undefined ? undefined : list(settings[key], 1)[0]),
    word,
    stages: (key, other) =>
      settings[key] === undefined || settings[key] === other ? (settings[key] as typeof other) : list(settings[key]),
  })
}

/** Images that networks without data are built for. */
const IMAGES = {
  mnist: { shape: [1, 28, 28], classes: 10 },
  cifar: { shape: [3, 32, 32], classes: 10 },
  imagenet: { shape: [3, 224, 224], classes: 1000 },
}

export const imagesOption: OptionSpec = {
  name: 'images',
  value: 'NAME',
  help: `that a network is for: cifar (default), imagenet, mnist; networks:\n${ARCH_HELP}`,
}

/** The network that an argument names, for the images that --images names. @throws as `parseArch` */
export function namedNetwork(name: string, args: Arguments): Graph {
  const images = args.choice('images', ['mnist', 'cifar', 'imagenet'] as const) ?? 'cifar'
  return parseArch(name, IMAGES[images], 'the network')
}
