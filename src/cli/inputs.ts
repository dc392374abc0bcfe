/** What networks are fed, from files: PNG and JPEG images, .npy arrays, IDX files, raw bytes or floats. */
import { decodePng, parseIdx, parseNpy, type RawImage } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { type PortInfo, Tensor } from '../index.js'
import { cropped, resized, toColour, toGrey, toPlanes } from '../train/data/image.js'
import { isNpy } from '../train/data/npy.js'
import { isPng } from '../train/data/png.js'
import { readInput } from './files.js'
import { decodeJpeg } from './vendor.js'

/** What happens to images of another size: the centre in the network's proportions is scaled, all of it is scaled, or they are refused. */
export type Fit = 'crop' | 'stretch' | 'none'

export interface Feeds {
  /** By the names of the inputs, [n, ...shape] each. */
  readonly tensors: Readonly<Record<string, Tensor>>
  /** What to call each example. */
  readonly names: readonly string[]
}

/**
 * Reads FILE and NAME=FILE arguments, the latter for networks of several inputs. Several files of an input follow each other.
 * @throws WhiteDwarfError E_OPTION, E_IO, E_FORMAT, E_SHAPE
 */
export async function readFeeds(files: readonly string[], inputs: readonly PortInfo[], fit: Fit): Promise<Feeds> {
  const known = inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ')
  const parts = new Map<string, { readonly path: string; readonly tensor: Tensor }[]>()
  for (const file of files) {
    const [, name, rest] = /^([^=]*)=(.*)$/.exec(file) ?? []
    const named = inputs.find((i) => i.name === name)
    if (named === undefined && inputs.length > 1) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `the model has several inputs, ${known}: give each as NAME=FILE, got '${file}'`,
      )
    }
    const port = named ?? inputs[0]
    const path = named === undefined ? file : rest
    const tensor = await readExamples(path, port.shape, fit)
    parts.set(port.name, [...(parts.get(port.name) ?? []), { path, tensor }])
  }
  const tensors: Record<string, Tensor> = {}
  for (const { name, shape } of inputs) {
    const own = parts.get(name)
    if (own === undefined)
      throw new WhiteDwarfError('E_OPTION', `nothing is given for input '${name}': add ${name}=FILE`)
    tensors[name] = joined(
      own.map((part) => part.tensor),
      shape,
    )
  }
  const first = parts.get(inputs[0].name) ?? []
  const names = first.flatMap(({ path, tensor }) =>
    Array.from({ length: tensor.dims[0] }, (_, i) => (tensor.dims[0] === 1 ? path : `${path} [${i}]`)),
  )
  return { tensors, names }
}

/** Examples one after the other; bytes stay bytes where all are. */
function joined(tensors: readonly Tensor[], shape: readonly number[]): Tensor {
  if (tensors.length === 1) return tensors[0]
  const bytes = tensors.every((t) => t.type === 'uint8')
  const size = tensors.reduce((n, t) => n + t.size, 0)
  const data = bytes ? new Uint8Array(size) : new Float32Array(size)
  let at = 0
  for (const t of tensors) {
    data.set(t.data, at)
    at += t.size
  }
  const count = tensors.reduce((n, t) => n + t.dims[0], 0)
  return new Tensor(bytes ? 'uint8' : 'float32', data, [count, ...shape])
}

/**
 * Reads a file as examples [n, ...shape]. Images, .npy and IDX (gzipped or not) are recognised by their first bytes; a file that ends in
 * .f32 holds little-endian floats; anything else is raw bytes 0..255.
 * @throws WhiteDwarfError E_IO, E_FORMAT, E_SHAPE
 */
async function readExamples(path: string, shape: readonly number[], fit: Fit): Promise<Tensor> {
  const bytes = await readInput(path, 'input file')
  if (isPng(bytes)) return imageTensor(await decodePng(bytes, path), path, shape, fit)
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return imageTensor(jpegImage(bytes, path), path, shape, fit)
  if (isNpy(bytes)) return npyTensor(bytes, path, shape)
  const size = shape.reduce((a, b) => a * b, 1)
  if (isIdx(bytes)) {
    const idx = await parseIdx(bytes, path)
    const [count, ...rest] = idx.shape
    const fits = rest.reduce((a, b) => a * b, 1) === size && sameTail(rest, shape)
    if (!fits || count === 0) throw unfit(path, idx.shape, shape)
    return new Tensor('uint8', idx.data, [count, ...shape])
  }
  const elementBytes = path.endsWith('.f32') ? 4 : 1
  const count = bytes.length / (size * elementBytes)
  if (count === 0 || !Number.isInteger(count)) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${path} has ${bytes.length} bytes, expected a multiple of ${size * elementBytes}: examples of [${shape.join(', ')}], ${elementBytes} bytes a value`,
    )
  }
  const data = elementBytes === 4 ? new Float32Array(bytes.slice().buffer) : bytes
  return new Tensor(elementBytes === 4 ? 'float32' : 'uint8', data, [count, ...shape])
}

const unfit = (path: string, has: readonly number[], shape: readonly number[]) =>
  new WhiteDwarfError('E_SHAPE', `${path} holds [${has.join(', ')}], the model takes [${['N', ...shape].join(', ')}]`)

const isIdx = (b: Uint8Array): boolean => (b[0] === 0 && b[1] === 0 && b[2] === 8) || (b[0] === 0x1f && b[1] === 0x8b)

/** [28, 28] is [1, 28, 28] with the only channel left out. */
function sameTail(rest: readonly number[], shape: readonly number[]): boolean {
  const trim = (dims: readonly number[]) => dims.join('x').replace(/^(1x)+/, '')
  return trim(rest) === trim(shape)
}

function npyTensor(bytes: Uint8Array, path: string, shape: readonly number[]): Tensor {
  const { shape: dims, data } = parseNpy(bytes, path)
  const alone = dims.join() === shape.join()
  if (!alone && (dims.slice(1).join() !== shape.join() || dims.length !== shape.length + 1 || dims[0] < 1)) {
    throw unfit(path, dims, shape)
  }
  const all = alone ? [1, ...shape] : dims
  return data instanceof Uint8Array
    ? new Tensor('uint8', data, all)
    : new Tensor('float32', Float32Array.from(data), all)
}

function jpegImage(bytes: Uint8Array, path: string): RawImage {
  try {
    return decodeJpeg(bytes)
  } catch (cause) {
    throw new WhiteDwarfError('E_FORMAT', `${path}: damaged JPEG image (${(cause as Error).message})`, { cause })
  }
}

/** Channels before or behind the pixels, as the shape tells: [C, H, W], [H, W, C] or [H, W], C being 1 or 3. */
function imageTensor(image: RawImage, path: string, shape: readonly number[], fit: Fit): Tensor {
  const isCount = (n: number) => n === 1 || n === 3
  const planes = shape.length === 3 && isCount(shape[0])
  const [channels, height, width] = planes ? shape : [shape[2] ?? 1, shape[0], shape[1]]
  if (shape.length < 2 || shape.length > 3 || !isCount(channels)) {
    throw new WhiteDwarfError('E_SHAPE', `${path} is an image, the model takes [${shape.join(', ')}]: give a .npy file`)
  }
  if (fit === 'none' && (image.width !== width || image.height !== height)) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${path} has ${image.width} x ${image.height} pixels, the model takes ${width} x ${height}: give --fit crop or --fit stretch`,
    )
  }
  const coloured = channels === 3 ? toColour(image) : toGrey(image)
  const { data } = resized(fit === 'crop' ? cropped(coloured, width, height) : coloured, width, height)
  const values = planes ? new Uint8Array(data.length) : data
  if (planes) toPlanes(data, channels, width * height, values)
  return new Tensor('uint8', values, [1, ...shape])
}
