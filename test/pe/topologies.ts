/** Topology files of test/fixtures, and arrays to run them on. */
import { readFileSync } from 'node:fs'
import { archs, type Dataflow, type SystolicArch, topologyWorkload, type Workload } from '../../src/pe.js'

export const NETWORKS = [
  'resnet50',
  'resnet18',
  'alexnet',
  'vit-s',
  'mobilenet',
  'alphagozero',
  'transformer-partial',
] as const
export type Network = (typeof NETWORKS)[number]

export const topologyText = (network: Network): string =>
  readFileSync(new URL(`../fixtures/topologies/${network}.csv`, import.meta.url), 'utf8')

export const topology = (network: Network): Workload => topologyWorkload(topologyText(network), { name: network })

export const DATAFLOWS: readonly Dataflow[] = ['os', 'ws', 'is']

/** A dense array of 32 x 32 with the fields that a test names. */
export const arrayOf = (fields: Partial<SystolicArch>): SystolicArch => ({
  ...(archs['systolic-os'] as SystolicArch),
  name: 'test',
  ...fields,
})
