/** What a command is: data for help and parsing, and one function. */
import type { Arguments, OptionSpec } from './args.js'

export interface CommandContext {
  readonly args: Arguments
  /** Print results as JSON, and nothing else. */
  readonly json: boolean
  /** No progress. */
  readonly quiet: boolean
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What follows the command's name in the usage line. */
  readonly usage: string
  readonly options: readonly OptionSpec[]
  readonly positionals: number
  readonly examples: readonly { readonly command: string; readonly comment: string }[]
  readonly run: (context: CommandContext) => Promise<void>
}

/** Options that every command has. */
export const commonOptions: readonly OptionSpec[] = [
  { name: 'json', help: 'print the result as JSON on standard output, no progress' },
  { name: 'quiet', help: 'no progress' },
  { name: 'help', help: 'this text' },
]
