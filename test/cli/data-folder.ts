/** Small data sets in folders. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Rng } from '../../src/rng.js'

/** IDX bytes of unsigned bytes. */
export function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length))
  header.setUint32(0, 0x0800 + shape.length)
  for (const [i, n] of shape.entries()) header.setUint32(4 + 4 * i, n)
  return Uint8Array.from([...new Uint8Array(header.buffer), ...data])
}

/** A folder with a small MNIST-like data set of random images. Returns its path. */
export function writeDataFolder(folder: string, train: number, test: number, labelsBelow = 10): string {
  const rng = new Rng(3)
  mkdirSync(folder, { recursive: true })
  for (const [part, n] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const images = Uint8Array.from({ length: n * 784 }, () => rng.below(256))
    const labels = Uint8Array.from({ length: n }, () => rng.below(labelsBelow))
    writeFileSync(join(folder, `${part}-images-idx3-ubyte.gz`), gzipSync(idx([n, 28, 28], images)))
    writeFileSync(join(folder, `${part}-labels-idx1-ubyte.gz`), gzipSync(idx([n], labels)))
  }
  return folder
}
