/** Images for `whitedwarf run --image`: IDX files, or raw bytes or floats in the model's own shape. */
import { parseIdx } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { Tensor } from '../index.js'
import { readInput } from './files.js'

/**
 * Reads images as one tensor [n, ...shape]. IDX (gzipped or not) is recognised by its first bytes; a file that ends in
 * .f32 holds little-endian floats; anything else is raw bytes 0..255.
 * @throws WhiteDwarfError E_IO, E_FORMAT, E_SHAPE
 */
export async function readImages(path: string, shape: readonly number[]): Promise<Tensor> {
  const bytes = await readInput(path, 'image file')
  const size = shape.reduce((a, b) => a * b, 1)
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
