/** Speed beside other runtimes, one thread each: how many times as long they take for the same network. */
import { type Contest, type ContestantName, contest, type Figure, timesFaster, versions } from '../inference/contest.js'
import { type Architecture, randomNetwork } from '../inference/networks.js'
import type { Claim, Detail, Measured } from './claim.js'

/** Relative spread of the least steady of some contestants. */
const spreadOf = (contests: readonly Contest[]): number => Math.max(...figures(contests).map(({ spread }) => spread))

const figures = (contests: readonly Contest[]): Figure[] =>
  contests.flatMap(({ runtimes }) => Object.values(runtimes).flatMap((byName) => Object.values(byName)))

/**
 * A claim's result from contests by network.
 * @param value the claim's, @param more further figures
 */
function measured(
  contests: Readonly<Record<string, Contest>>,
  names: readonly ContestantName[],
  value: number,
  more: Readonly<Record<string, Detail>>,
): Measured {
  const all = Object.values(contests)
  const byNetwork = Object.entries(contests).map(([network, { runtimes }]): [string, Detail] => [network, runtimes])
  return {
    value,
    spread: spreadOf(all),
    details: { ...more, peers: versions(names), ...Object.fromEntries(byNetwork) },
    warnings: all.flatMap(({ warnings }) => warnings),
  }
}

async function contests(
  networks: readonly (readonly [architecture: Architecture, sparsity: number])[],
  names: readonly ContestantName[],
  onProgress: (line: string) => void,
): Promise<Contest[]> {
  const results = []
  for (const [architecture, sparsity] of networks) {
    onProgress(`${architecture}, ${sparsity} % zeros`)
    results.push(await contest(await randomNetwork(architecture, sparsity), names, onProgress))
  }
  return results
}

const atLeast = (value: number) => ({ op: '>=', value }) as const
const times = 'times faster'

const resnet50: Claim = {
  name: 'resnet50-speed',
  title:
    'ResNet-50, 224 x 224, batch 1, INT2 levels, 95 % zeros: time of onnxruntime-web in fp32 over ours in int8; also its int8 (u8s8), native onnxruntime-node int8, and 90 % and 99 % zeros',
  unit: times,
  bar: atLeast(20),
  also: [
    { figure: 'int8', unit: times, bar: atLeast(10) },
    { figure: 'nativeInt8', unit: times, bar: atLeast(1) },
    { figure: 'at90', unit: times, bar: atLeast(12) },
    { figure: 'int8At90', unit: times, bar: atLeast(6) },
    { figure: 'at99', unit: times, bar: atLeast(40) },
  ],
  minutes: 5,
  async measure(onProgress) {
    const names = ['whitedwarf', 'ortWeb', 'ortWebInt8', 'ortNodeInt8'] as const
    const sparsities = [90, 95, 99] as const
    const networks = sparsities.map((sparsity) => ['resnet50', sparsity] as const)
    const [at90, at95, at99] = await contests(networks, names, onProgress)
    const more = {
      int8: timesFaster(at95, 'ortWebInt8'),
      nativeInt8: timesFaster(at95, 'ortNodeInt8'),
      at90: timesFaster(at90, 'ortWeb'),
      int8At90: timesFaster(at90, 'ortWebInt8'),
      at99: timesFaster(at99, 'ortWeb'),
    }
    return measured({ '90 %': at90, '95 %': at95, '99 %': at99 }, names, timesFaster(at95, 'ortWeb'), more)
  },
}

/** LiteRT.js has taken its sparse path if that takes at most this share of its dense time. */
const SPARSE_PATH = 0.6

const mobilenet: Claim = {
  name: 'mobilenet-speed',
  title:
    'MobileNetV1, 224 x 224, batch 1, 1 x 1 convolutions with 90 % zeros: time of onnxruntime-web in fp32 over ours in int8; also LiteRT.js with sparse weights (XNNPACK, fp32)',
  unit: times,
  bar: atLeast(8),
  also: [{ figure: 'sparse', unit: times, bar: atLeast(1.5) }],
  minutes: 1,
  async measure(onProgress) {
    const names = ['whitedwarf', 'ortWeb', 'litert', 'litertSparse'] as const
    const [result] = await contests([['mobilenetv1', 90]], names, onProgress)
    const dense = Object.entries(result.runtimes).filter(([, f]) => f.litertSparse.ms > SPARSE_PATH * f.litert.ms)
    const doubts = dense.map(([runtime]) => `LiteRT.js did not take its sparse path on ${runtime}`)
    const warnings = [...result.warnings, ...doubts]
    const sparse = timesFaster(result, 'litertSparse')
    return measured({ 'mobilenetv1 90 %': { ...result, warnings } }, names, timesFaster(result, 'ortWeb'), { sparse })
  },
}

const CIFAR = [
  ['resnet18-cifar', 95],
  ['vgg-small', 95],
] as const

const cifar: Claim = {
  name: 'cifar-speed',
  title:
    'ResNet-18 and VGG-small for 32 x 32 images, batch 1, 95 % zeros: time of onnxruntime-web in fp32 over ours in int8; the smaller of the two',
  unit: times,
  bar: atLeast(20),
  minutes: 1,
  async measure(onProgress) {
    const names = ['whitedwarf', 'ortWeb'] as const
    const [resnet18, vgg] = await contests(CIFAR, names, onProgress)
    const more = { resnet18: timesFaster(resnet18, 'ortWeb'), vggSmall: timesFaster(vgg, 'ortWeb') }
    return measured({ 'resnet18-cifar': resnet18, 'vgg-small': vgg }, names, Math.min(...Object.values(more)), more)
  },
}

const densePeer: Claim = {
  name: 'dense-wasm-peer',
  title:
    'ResNet-50, and ResNet-18 and VGG-small for 32 x 32 images, batch 1, 95 % zeros: time of the faster of LiteRT.js int8 and onnxruntime-web int8 over ours in int8; the smallest of the three',
  unit: times,
  bar: atLeast(8),
  minutes: 3,
  async measure(onProgress) {
    const names = ['whitedwarf', 'ortWebInt8', 'litertInt8'] as const
    const least = (c: Contest) => Math.min(timesFaster(c, 'ortWebInt8'), timesFaster(c, 'litertInt8'))
    const [resnet50, resnet18, vgg] = await contests([['resnet50', 95], ...CIFAR], names, onProgress)
    const more = { resnet50: least(resnet50), resnet18: least(resnet18), vggSmall: least(vgg) }
    const all = { 'resnet50 95 %': resnet50, 'resnet18-cifar 95 %': resnet18, 'vgg-small 95 %': vgg }
    return measured(all, names, Math.min(...Object.values(more)), more)
  },
}

export const peerClaims: readonly Claim[] = [resnet50, mobilenet, cifar, densePeer]
