import { describe, expect, it } from 'vitest'
import { parseArguments, suggest } from '../../src/cli/args.js'
import { WhiteDwarfError } from '../../src/errors.js'

const specs = [
  { name: 'out', value: 'FILE', help: '' },
  { name: 'epochs', value: 'N', help: '' },
  { name: 'precision', value: 'NAME', help: '' },
  { name: 'json', help: '' },
]
const parse = (...argv: string[]) => parseArguments(argv, specs, 1)

function optionError(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(WhiteDwarfError)
    expect((error as WhiteDwarfError).code).toBe('E_OPTION')
    return (error as WhiteDwarfError).message
  }
  throw new Error('nothing was thrown')
}

describe('parseArguments', () => {
  it('reads values, flags and arguments', () => {
    const args = parse('--out', 'a.wd', 'model.wd', '--json', '--epochs=3')
    expect(args.string('out')).toBe('a.wd')
    expect(args.positionals).toEqual(['model.wd'])
    expect(args.flag('json')).toBe(true)
    expect(args.number('epochs', { min: 1, whole: true })).toBe(3)
    expect(args.string('precision')).toBeUndefined()
  })

  it('names the nearest option when one is unknown', () => {
    expect(optionError(() => parse('--presision', 'int8'))).toBe(
      "unknown option '--presision', did you mean '--precision'?",
    )
    expect(optionError(() => parse('--zzzzzzzzz'))).toBe("unknown option '--zzzzzzzzz'")
    expect(optionError(() => parse('-x'))).toBe("unknown option '-x'")
  })

  it('refuses missing values, values of flags, and too many arguments', () => {
    expect(optionError(() => parse('--out'))).toContain('--out')
    expect(optionError(() => parse('--json=yes'))).toContain('--json')
    expect(optionError(() => parse('a', 'b'))).toBe("unexpected argument 'b'")
  })

  it('checks numbers and choices', () => {
    const epochs = (text: string) =>
      optionError(() => parse(`--epochs=${text}`).number('epochs', { min: 1, max: 9, whole: true }))
    for (const text of ['0', '10', '1.5', 'x', '', 'NaN', 'Infinity']) {
      expect(epochs(text)).toBe(`--epochs must be a whole number from 1 to 9, got '${text}'`)
    }
    expect(optionError(() => parse('--precision', 'int9').choice('precision', ['int8', 'fp8', 'f32']))).toBe(
      "--precision must be one of int8, fp8, f32, got 'int9', did you mean 'int8'?",
    )
    expect(optionError(() => parse().required('out', 'say where'))).toBe('--out is missing: say where')
  })
})

describe('suggest', () => {
  it('suggests only what is close', () => {
    expect(suggest('trian', ['train', 'run'])).toBe(", did you mean 'train'?")
    expect(suggest('xyz', ['train', 'run'])).toBe('')
  })
})
