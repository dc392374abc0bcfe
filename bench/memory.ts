/**
 * Memory of a training, to be run in a process of its own: trains some steps and prints { wasmBytes, rssBytes } as JSON, the
 * WebAssembly memory and the largest that the process has been.
 *
 *   node build/bench/memory.js NETWORK BATCH STEPS
 */
import { type NetworkName, network } from './networks.js'
import { phases, trainSteps } from './training.js'

const memories: WebAssembly.Memory[] = []

// A memory never shrinks: its size at the end is its largest.
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor)
    memories.push(this)
  }
}

const [name, batch, steps] = process.argv.slice(2)
await trainSteps(
  { name, graph: network(name as NetworkName), batch: Number(batch), options: phases.levels },
  Number(steps),
)
const wasmBytes = memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
console.log(JSON.stringify({ wasmBytes, rssBytes: process.resourceUsage().maxRSS * 1024 }))
