/**
 * Readers of data that came as JSON: each takes a value and the path where it stands, and gives the value back typed, or says what it should
 * have been. A record's readers are listed field by field, so that a field that has none does not compile.
 */
import { WhiteDwarfError } from '../errors.js'

export interface Reader<T> {
  (value: unknown, path: string): T
  /** Of records: the readers of their fields. */
  readonly fields?: Readonly<Record<string, Reader<unknown>>>
}

interface Optional<T> extends Reader<T> {
  readonly optional: true
}

/** A reader for each field of T; optional ones for those that may be absent. */
export type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? Optional<NonNullable<T[K]>> : Reader<T[K]>
}

/** Marks a field that may be absent. */
export const optional = <T>(reader: Reader<T>): Optional<T> =>
  Object.assign((value: unknown, path: string) => reader(value, path), {
    optional: true as const,
    ...(reader.fields && { fields: reader.fields }),
  })

export function whole(min: number, max: number): Reader<number> {
  return (value, path) => {
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
    return refuse(path, `a whole number from ${min} to ${max}`, value)
  }
}

export function real(min: number, max: number): Reader<number> {
  return (value, path) => {
    if (typeof value === 'number' && value >= min && value <= max) return value
    return refuse(path, `a number from ${min} to ${max}`, value)
  }
}

export function oneOf<T extends string>(...names: readonly T[]): Reader<T> {
  const expected = names.length === 1 ? `'${names[0]}'` : `one of ${names.map((name) => `'${name}'`).join(', ')}`
  return (value, path) => ((names as readonly unknown[]).includes(value) ? (value as T) : refuse(path, expected, value))
}

/** Text of 1 to `max` characters. */
export function text(max: number): Reader<string> {
  return (value, path) => {
    if (typeof value === 'string' && value.length >= 1 && value.length <= max) return value
    return refuse(path, `text of 1 to ${max} characters`, value)
  }
}

export function pair(reader: Reader<number>): Reader<readonly [number, number]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== 2) return refuse(path, 'an array of two numbers', value)
    return [reader(value[0], `${path}[0]`), reader(value[1], `${path}[1]`)]
  }
}

export function record<T extends object>(fields: Fields<T>): Reader<T> {
  const readers = fields as unknown as Readonly<Record<string, Reader<unknown> & { readonly optional?: true }>>
  const names = Object.keys(readers)
  const read = (value: unknown, path: string): T => {
    const given = object(value, path)
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(readers, name))
    if (unknown !== undefined) {
      throw new WhiteDwarfError('E_OPTION', `${path}.${unknown} is not known; fields there are ${names.join(', ')}`)
    }
    const present = names.filter((name) => given[name] !== undefined || !readers[name].optional)
    return Object.fromEntries(present.map((name) => [name, readers[name](given[name], `${path}.${name}`)])) as T
  }
  return Object.assign(read, { fields: readers })
}

/** Records that tell by their field `kind` what they are. */
export function variants<T extends { readonly kind: string }>(
  readers: {
    readonly [K in T['kind']]: Reader<Extract<T, { kind: K }>>
  },
): Reader<T> {
  const kind = oneOf(...(Object.keys(readers) as T['kind'][]))
  return (value, path) => readers[kind(object(value, path).kind, `${path}.kind`)](value, path) as T
}

export function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return refuse(path, 'an object', value)
}

export function refuse(path: string, expected: string, got: unknown): never {
  const came = got === undefined ? 'it is missing' : `got ${describe(got)}`
  throw new WhiteDwarfError('E_OPTION', `${path} must be ${expected}, ${came}`)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}...` : value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
}
