/**
 * Names of nodes. Most are a word for the operation and a running number (conv1, relu1, conv2, ...), so a name is
 * predicted from its operation and coded in full only when no prediction holds. A name coded in full teaches its
 * word to the operation.
 */
import type { Node } from '../graph/ir.js'
import { WORDS } from '../graph/names.js'
import type { Fields } from './fields.js'
import { MAX_NAME_BYTES } from './limits.js'

export class NameCoder {
  private readonly words = new Map<Node['op'], string>(Object.entries(WORDS) as [Node['op'], string][])
  /** Last number seen with each word, and with any. */
  private readonly numbers = new Map<string, number>()
  private last = 0

  code(f: Fields, op: Node['op'], name: string): string {
    const word = this.words.get(op) as string
    const guesses = [
      `${word}${(this.numbers.get(word) ?? 0) + 1}`,
      word,
      `${word}${this.last}`,
      `${word}${this.last + 1}`,
    ]
    let guess = 0
    while (
      guess < guesses.length &&
      f.bit(`name.${op}.not${guess}`, name !== guesses[guess], guess === 0 ? 4096 : 32768)
    )
      guess++
    const coded = guess < guesses.length ? guesses[guess] : f.text('name', name, MAX_NAME_BYTES)
    this.learn(op, coded)
    return coded
  }

  private learn(op: Node['op'], name: string): void {
    const [, word, digits] = /^(.*?)([1-9][0-9]{0,5})?$/s.exec(name) as RegExpExecArray
    this.words.set(op, word)
    if (digits !== undefined) {
      this.last = Number(digits)
      this.numbers.set(word, this.last)
    }
  }
}
