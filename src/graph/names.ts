/** Canonical names of nodes: those a .wd file predicts, and which cost no bytes there. */
import type { Node } from './ir.js'

/** The word of each operation in a canonical name. */
export const WORDS: Readonly<Record<Node['op'], string>> = {
  conv2d: 'conv',
  dense: 'fc',
  relu: 'relu',
  maxpool: 'pool',
  avgpool: 'pool',
  flatten: 'flatten',
  batchnorm: 'bn',
  add: 'add',
  relu6: 'relu',
  padchannels: 'pad',
  transpose: 'transpose',
  tensor: 'tensor',
}

/** Hands out canonical names: the operation's word and a number that counts the word from 1. */
export class CanonicalNames {
  private readonly counts = new Map<string, number>()

  next(op: Node['op']): string {
    const word = WORDS[op]
    const count = (this.counts.get(word) ?? 0) + 1
    this.counts.set(word, count)
    return `${word}${count}`
  }
}
