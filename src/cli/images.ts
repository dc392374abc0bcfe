/** Images for `whitedwarf run --image`: PNG and IDX files, or raw bytes or floats in the model's own shape. */
import { decodePng, parseIdx, type RawImage } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { Tensor } from '../index.js'
import { toColour, toPlanes } from '../train/data/image.js'
import { isPng } from '../train/data/png.js'
import { readInput } from './files.js'

/**
 * Reads images as one tensor [n, ...shape]. PNG and IDX (gzipped or not) are recognised by their first bytes; a file that ends in
 * .f32 holds little-endian floats; anything else is raw bytes 0..255.
 * @throws WhiteDwarfError E_IO, E_FORMAT, E_SHAPE
 */
export async function readImages(path: string, shape: readonly number[]): Promise<Tensor> {
  const bytes = await readInput(path, 'image file')
  const size = shape.reduce((a, b) => a * b, 1)
  if (isPng(bytes)) return pngTensor(await decodePng(bytes, path), path, shape)
  if (isIdx(bytes)) {
    const idx = await parseIdx(bytes, path)
    const [count, ...rest] = idx.shape
    const fits = rest.reduce((a, b) => a * b, 1) === size && sameTail(rest, shape)
    if (!fits || count === 0) {
      throw new WhiteDwarfError(
        'E_SHAPE',
        `${path} holds [${idx.shape.join(', ')}], the model takes images of [${shape.join(', ')}]`,
      )
    }
    return new Tensor('uint8', idx.data, [count, ...shape])
  }
  const elementBytes = path.endsWith('.f32') ? 4 : 1
  const count = bytes.length / (size * elementBytes)
  if (count === 0 || !Number.isInteger(count)) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${path} has ${bytes.length} bytes, expected a multiple of ${size * elementBytes}: images of [${shape.join(', ')}], ${elementBytes} bytes a value`,
    )
  }
  const data = elementBytes === 4 ? new Float32Array(bytes.slice().buffer) : bytes
  return new Tensor(elementBytes === 4 ? 'float32' : 'uint8', data, [count, ...shape])
}

const isIdx = (b: Uint8Array): boolean => (b[0] === 0 && b[1] === 0 && b[2] === 8) || (b[0] === 0x1f && b[1] === 0x8b)

/** [28, 28] is [1, 28, 28] with the only channel left out. */
function sameTail(rest: readonly number[], shape: readonly number[]): boolean {
  const trim = (dims: readonly number[]) => dims.join('x').replace(/^(1x)+/, '')
  return trim(rest) === trim(shape)
}

/** Grey images serve models for colour; nothing is resized. */
function pngTensor(png: RawImage, path: string, shape: readonly number[]): Tensor {
  const image = shape[0] === 3 ? toColour(png) : png
  const { width, height, channels, data } = image
  if ([channels, height, width].join() !== shape.join()) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${path} is an image of [${channels}, ${height}, ${width}], the model takes [${shape.join(', ')}]`,
    )
  }
  const planes = new Uint8Array(data.length)
  toPlanes(data, channels, width * height, planes)
  return new Tensor('uint8', planes, [1, ...shape])
}
