/** Checking what a run is given: feeds, and the tensors that results go into. */
import { WhiteDwarfError } from '../errors.js'
import type { Shape } from '../graph/ir.js'
import { checkTensor, Tensor, type TensorLike } from '../tensor.js'
import type { InputPort, OutputPort } from './ports.js'

type Feeds = Readonly<Record<string, TensorLike>>
type Fetches = Readonly<Record<string, Tensor<'float32'> | null | undefined>>

/** How many examples there are; undefined: one, in tensors without a dimension for the batch. */
export type Examples = number | undefined

/**
 * Checks names, types and shapes.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE, E_DTYPE
 */
export function checkFeeds(ports: readonly InputPort[], feeds: Feeds): Examples {
  checkNames(feeds, ports, (p) => p.spec.name, 'input')
  let first: Examples
  for (const [i, { spec }] of ports.entries()) {
    const { name, shape } = spec
    const tensor = Object.hasOwn(feeds, name) ? feeds[name] : undefined
    if (tensor === undefined) throw new WhiteDwarfError('E_OPTION', `input '${name}' is missing`)
    checkTensor(tensor, name)
    const count = examplesIn(tensor, shape, `input '${name}'`)
    if (i === 0) first = count
    else if (count !== first) {
      const other = ports[0].spec.name
      throw new WhiteDwarfError('E_SHAPE', `input '${name}' has ${said(count)}, but '${other}' has ${said(first)}`)
    }
  }
  return first
}

const said = (examples: Examples) => (examples === undefined ? 'no batch' : `a batch of ${examples}`)

/**
 * The tensors that results go into: those given, else new ones.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE, E_DTYPE
 */
export function resultTensors(
  ports: readonly OutputPort[],
  examples: Examples,
  fetches: Fetches | undefined,
): { readonly port: OutputPort; readonly tensor: Tensor<'float32'> }[] {
  if (fetches === undefined) return ports.map((port) => ({ port, tensor: freshTensor(port, examples) }))
  checkNames(fetches, ports, (p) => p.name, 'output')
  const results = []
  for (const port of ports) {
    const tensor = fetches[port.name]
    if (tensor === undefined) continue
    if (tensor !== null) checkFetch(tensor, port, examples)
    results.push({ port, tensor: tensor ?? freshTensor(port, examples) })
  }
  return results
}

function freshTensor({ size, shape }: OutputPort, examples: Examples): Tensor<'float32'> {
  const dims = examples === undefined ? [...shape] : [examples, ...shape]
  return new Tensor('float32', new Float32Array((examples ?? 1) * size), dims)
}

function checkFetch(tensor: Tensor<'float32'>, { name, shape }: OutputPort, examples: Examples): void {
  checkTensor(tensor, name)
  const what = `output '${name}'`
  if (tensor.type !== 'float32') {
    throw new WhiteDwarfError('E_DTYPE', `${what} goes into a tensor of type 'float32', got '${String(tensor.type)}'`)
  }
  const room = examplesIn(tensor, shape, what)
  if (room === examples) return
  throw new WhiteDwarfError('E_SHAPE', `${what} has ${said(room)}, but the inputs have ${said(examples)}`)
}

function checkNames<P>(given: object, ports: readonly P[], nameOf: (port: P) => string, what: string): void {
  if (given === null || typeof given !== 'object') {
    const expected = ports.map(nameOf).join(', ')
    throw new WhiteDwarfError('E_OPTION', `run takes an object { ${expected}: tensor }, got ${String(given)}`)
  }
  for (const name of Object.keys(given)) {
    if (ports.some((p) => nameOf(p) === name)) continue
    const expected = ports.map(nameOf).join(', ')
    throw new WhiteDwarfError('E_OPTION', `the model has no ${what} '${name}': its ${what}s are ${expected}`)
  }
}

/** @throws WhiteDwarfError E_SHAPE */
function examplesIn({ dims }: TensorLike, shape: Shape, what: string): Examples {
  const before = dims.length - shape.length
  const fits = (before === 0 || (before === 1 && dims[0] >= 1)) && shape.every((d, i) => dims[before + i] === d)
  if (fits) return before === 0 ? undefined : dims[0]
  const wanted = `[${['N', ...shape].join(', ')}] or [${shape.join(', ')}]`
  throw new WhiteDwarfError('E_SHAPE', `${what} must have shape ${wanted}, got [${dims.join(', ')}]`)
}
