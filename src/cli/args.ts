/** Command-line options: declared as data, parsed strictly, with errors that name the nearest known option. */
import { parseArgs } from 'node:util'
import { WhiteDwarfError } from '../errors.js'

export interface OptionSpec {
  readonly name: string
  /** Placeholder of the value in help texts; an option without one is a flag. */
  readonly value?: string
  /** May be given several times. */
  readonly many?: boolean
  readonly help: string
}

type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export class Arguments {
  readonly positionals: readonly string[]
  private readonly values: Values

  constructor(values: Values, positionals: readonly string[]) {
    this.values = values
    this.positionals = positionals
  }

  flag(name: string): boolean {
    return this.values[name] === true
  }

  string(name: string): string | undefined {
    const value = this.values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** All values of an option that may be given several times. */
  strings(name: string): readonly string[] {
    const value = this.values[name]
    return Array.isArray(value) ? value : []
  }

  /** The same arguments with other values for some options. */
  with(values: Readonly<Record<string, string>>): Arguments {
    return new Arguments({ ...this.values, ...values }, this.positionals)
  }

  /** All options that were given but these, as text. */
  others(names: readonly string[]): string {
    const rest = Object.entries(this.values).filter(([name, value]) => value !== undefined && !names.includes(name))
    return rest
      .map(([name, value]) => (value === true ? `--${name}` : `--${name} ${value}`))
      .sort()
      .join(' ')
  }

  /** @throws WhiteDwarfError E_OPTION when the option is missing */
  required(name: string, why: string): string {
    const value = this.string(name)
    if (value === undefined) throw new WhiteDwarfError('E_OPTION', `--${name} is missing: ${why}`)
    return value
  }

  /** @throws WhiteDwarfError E_OPTION when the value is not one of the choices */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.string(name)
    if (value === undefined) return undefined
    if (!choices.includes(value as T)) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `--${name} must be one of ${choices.join(', ')}, got '${value}'${suggest(value, choices)}`,
      )
    }
    return value as T
  }

  /** @throws WhiteDwarfError E_OPTION when the value is not a number in the range */
  number(name: string, range: { min: number; max?: number; whole?: boolean }): number | undefined {
    const text = this.string(name)
    if (text === undefined) return undefined
    const { min, max = Number.POSITIVE_INFINITY, whole = false } = range
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value) || value < min || value > max || (whole && !Number.isInteger(value))) {
      const kind = whole ? 'a whole number' : 'a number'
      const bounds = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`
      throw new WhiteDwarfError('E_OPTION', `--${name} must be ${kind} ${bounds}, got '${text}'`)
    }
    return value
  }
}

/**
 * @param positionals how many arguments without an option name are allowed
 * @throws WhiteDwarfError E_OPTION for unknown options, missing or unexpected values, too many arguments
 */
export function parseArguments(argv: readonly string[], specs: readonly OptionSpec[], positionals: number): Arguments {
  const options = Object.fromEntries(
    specs.map((s) => [
      s.name,
      {
        type: s.value === undefined ? 'boolean' : 'string',
        multiple: s.many === true,
        ...(s.name === 'help' ? { short: 'h' } : {}),
      } as const,
    ]),
  )
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(options, token.name)) {
      const names = specs.map((s) => `--${s.name}`)
      throw new WhiteDwarfError('E_OPTION', `unknown option '${token.rawName}'${suggest(token.rawName, names)}`)
    }
  }
  try {
    const parsed = parseArgs({ args: [...argv], options, strict: true, allowPositionals: true })
    if (parsed.positionals.length > positionals) {
      throw new WhiteDwarfError('E_OPTION', `unexpected argument '${parsed.positionals[positionals]}'`)
    }
    return new Arguments(parsed.values as Values, parsed.positionals)
  } catch (error) {
    if (error instanceof WhiteDwarfError) throw error
    // The messages of node:util say what is wrong in their first sentence and suggest syntax after it.
    throw new WhiteDwarfError('E_OPTION', (error as Error).message.split('\n')[0], { cause: error })
  }
}

/** ", did you mean 'x'?" when one of the known names is close, else ''. */
export function suggest(name: string, known: readonly string[]): string {
  let nearest = ''
  let least = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(name, candidate)
    if (distance < least) {
      least = distance
      nearest = candidate
    }
  }
  return nearest === '' ? '' : `, did you mean '${nearest}'?`
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}
