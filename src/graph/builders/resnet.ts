/**
 * Residual networks (He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385) of both families, CIFAR and
 * ImageNet, and their folded forms (Garcia-Arias et al., "Hidden-Fold Networks", arXiv 2111.12330).
 *
 * Block:   y = relu(body(x) + shortcut(x)),   basic: 3x3, 3x3;   bottleneck: 1x1, 3x3 (stride), 1x1 to four times the width
 */
import { WhiteDwarfError } from '../../errors.js'
import type { Graph, Shape } from '../ir.js'
import { ChainBuilder, type Mark } from './chain.js'
import { choice } from './options.js'

/**
 * Stages to fold, counted from 1, or all: a stage of n blocks is then its first block and ONE other block that runs n - 1
 * times with the same weights and batch normalisation of its own each time. Less to store, as much to compute.
 */
export type FoldedStages = readonly number[] | 'all'

/** How the input reaches the end of a block that changes its shape: `make` returns the value to add. */
type Shortcut = (chain: ChainBuilder, channels: number, stride: number) => Mark

/** A 1 x 1 convolution ("option B"). */
const projection: Shortcut = (chain, channels, stride) => chain.convNorm(channels, 1, stride).mark()

/** Every `stride`-th pixel, and channels of zeros on both sides ("option A"): no parameters. */
const padding: Shortcut = (chain, channels, stride) => {
  const missing = channels - chain.shape[0]
  if (missing < 0) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `shortcut 'A' cannot go from ${chain.shape[0]} to ${channels} channels: widths must not shrink; use shortcut 'B'`,
    )
  }
  if (stride > 1) chain.add({ op: 'maxpool', kernel: [1, 1], stride: [stride, stride], pad: [0, 0, 0, 0] })
  const before = missing >> 1
  if (missing > 0) chain.add({ op: 'padchannels', before, after: missing - before })
  return chain.mark()
}

interface BlockKind {
  /** Channels of a block's output over its width. */
  readonly expansion: number
  readonly body: (chain: ChainBuilder, width: number, stride: number) => void
}

const basic: BlockKind = {
  expansion: 1,
  body: (chain, width, stride) => chain.convNorm(width, 3, stride).plain('relu').convNorm(width, 3),
}

const bottleneck: BlockKind = {
  expansion: 4,
  body: (chain, width, stride) =>
    chain
      .convNorm(width, 1)
      .plain('relu')
      .convNorm(width, 3, stride)
      .plain('relu')
      .convNorm(4 * width, 1),
}

/** The shortcut comes first, so that nothing stands between the body's last convolution and the addition. */
function block(chain: ChainBuilder, kind: BlockKind, width: number, stride: number, shortcut: Shortcut): void {
  const x = chain.mark()
  const channels = width * kind.expansion
  const same = stride === 1 && chain.shape[0] === channels
  const added = same ? x : shortcut(chain, channels, stride)
  kind.body(chain.from(x), width, stride)
  chain.merge(added).plain('relu')
}

interface Stages {
  readonly kind: BlockKind
  readonly blocks: readonly number[]
  readonly widths: readonly number[]
  readonly shortcut: Shortcut
  readonly fold: FoldedStages
}

function stages(chain: ChainBuilder, { kind, blocks, widths, shortcut, fold }: Stages): void {
  blocks.forEach((count, stage) => {
    const width = widths[stage]
    block(chain, kind, width, stage === 0 ? 1 : 2, shortcut)
    const next = () => block(chain, kind, width, 1, shortcut)
    if (fold === 'all' || fold.includes(stage + 1)) chain.fold(count - 1, next)
    else for (let i = 1; i < count; i++) next()
  })
}

function checkFold(fold: FoldedStages, count: number): void {
  if (fold === 'all') return
  if (Array.isArray(fold) && fold.every((s) => Number.isInteger(s) && s >= 1 && s <= count)) return
  throw new WhiteDwarfError('E_OPTION', `fold must be 'all' or stages from 1 to ${count}, got ${String(fold)}`)
}

export interface ResnetCifarOptions {
  /** 6 n + 2: three stages of n blocks of two convolutions. 8 to 1202. */
  readonly depth: number
  /** Channels of the three stages. Default [16, 32, 64]. */
  readonly widths?: readonly number[]
  /**
   * Where the shape changes. 'A': every second pixel and zeros for new channels, half of them before and half behind, no
   * parameters; 'B': a 1 x 1 convolution. Default 'A'.
   */
  readonly shortcut?: 'A' | 'B'
  /** Default none. */
  readonly fold?: FoldedStages
  /** [channels, height, width]. Default [3, 32, 32]. */
  readonly input?: Shape
  readonly classes?: number
}

/**
 * The residual networks for CIFAR (section 4.2 of the paper): ResNet-20 has 0.27 M weights, ResNet-56 0.85 M.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE
 */
export function resnetCifar(options: ResnetCifarOptions): Graph {
  const { depth, widths = [16, 32, 64], shortcut = 'A', fold = [], input = [3, 32, 32], classes = 10 } = options
  if (!Number.isInteger(depth) || depth < 8 || depth > 1202 || depth % 6 !== 2) {
    throw new WhiteDwarfError('E_OPTION', `depth must be 6 n + 2 from 8 to 1202 (8, 14, 20, ...), got ${String(depth)}`)
  }
  if (widths.length !== 3) {
    throw new WhiteDwarfError('E_OPTION', `widths must be three numbers, one per stage, got ${String(widths)}`)
  }
  checkFold(fold, 3)
  const n = (depth - 2) / 6
  const chain = new ChainBuilder(input).convNorm(widths[0], 3).plain('relu')
  const make = choice('shortcut', shortcut, { A: padding, B: projection })
  stages(chain, { kind: basic, blocks: [n, n, n], widths, shortcut: make, fold })
  return chain.globalPool('avgpool').classifier(classes)
}

const IMAGENET_DEPTHS = {
  18: { kind: basic, blocks: [2, 2, 2, 2] },
  34: { kind: basic, blocks: [3, 4, 6, 3] },
  50: { kind: bottleneck, blocks: [3, 4, 6, 3] },
  101: { kind: bottleneck, blocks: [3, 4, 23, 3] },
  152: { kind: bottleneck, blocks: [3, 8, 36, 3] },
} as const

export interface ResnetOptions {
  readonly depth: keyof typeof IMAGENET_DEPTHS
  /** Channels of the first stage; each further one has twice as many. Default 64. */
  readonly width?: number
  /** 'imagenet': 7 x 7 convolution of stride 2 and 3 x 3 max pool of stride 2; 'cifar': 3 x 3 convolution. Default 'imagenet'. */
  readonly stem?: 'imagenet' | 'cifar'
  /** Default none. Hidden-fold networks fold stages 3 and 4. */
  readonly fold?: FoldedStages
  /** [channels, height, width]. Default [3, 224, 224]. */
  readonly input?: Shape
  readonly classes?: number
}

/**
 * The residual networks for ImageNet, with projection shortcuts. The stride of a bottleneck is in its 3 x 3 convolution, as in
 * every implementation since the paper's.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE
 */
export function resnet(options: ResnetOptions): Graph {
  const { depth, width = 64, stem = 'imagenet', fold = [], input = [3, 224, 224], classes = 1000 } = options
  const { kind, blocks } = choice<{ kind: BlockKind; blocks: readonly number[] }>('depth', depth, IMAGENET_DEPTHS)
  checkFold(fold, 4)
  const chain = new ChainBuilder(input)
  const begin = choice('stem', stem, {
    imagenet: () =>
      chain
        .convNorm(width, 7, 2)
        .plain('relu')
        .add({ op: 'maxpool', kernel: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] }),
    cifar: () => chain.convNorm(width, 3).plain('relu'),
  })
  begin()
  stages(chain, { kind, blocks, widths: [1, 2, 4, 8].map((k) => k * width), shortcut: projection, fold })
  return chain.globalPool('avgpool').classifier(classes)
}
