/**
 * How many ones the numbers of a layer have, and how many bits they need: what bit-serial elements take their time by. Numbers are sign and
 * magnitude. Where only bits and density are known, the magnitudes of those that are not zero are uniform: 1 to 2^bits - 1.
 */
import type { PeLayer } from '../workload.js'

/** p[j]: share of numbers that take j cycles, j from 0. */
export type Shares = Float64Array

/** What a magnitude takes: a cycle for each one in it, or for each bit up to its highest one. */
export type Digits = 'ones' | 'length'

export function digitsOf(magnitude: number, digits: Digits): number {
  if (digits === 'length') return 32 - Math.clz32(magnitude)
  let ones = 0
  for (let rest = magnitude; rest !== 0; rest &= rest - 1) ones++
  return ones
}

/** @param bits of the magnitudes, 1 to 32 */
export function uniformShares(bits: number, density: number, digits: Digits): Shares {
  const shares = new Float64Array(bits + 1)
  const all = 2 ** bits - 1
  let choices = 1
  for (let j = 1; j <= bits; j++) {
    choices *= (bits - j + 1) / j
    shares[j] = (density * (digits === 'ones' ? choices : 2 ** (j - 1))) / all
  }
  shares[0] = 1 - density
  return shares
}

/** Weights have a sign; one of a single bit has nothing else and is a one. */
export const weightShares = ({ weightBits, weightDensity }: PeLayer, digits: Digits): Shares =>
  uniformShares(Math.max(1, weightBits - 1), weightDensity, digits)

/** Inputs have no sign: they come from a ReLU. */
export function inputShares(layer: PeLayer, digits: Digits): Shares {
  const { activationBits, activationDensity, inputMagnitudes } = layer
  if (inputMagnitudes === undefined) return uniformShares(activationBits, activationDensity, digits)
  const shares = new Float64Array(activationBits + 1)
  inputMagnitudes.forEach((share, magnitude) => {
    shares[Math.min(activationBits, digitsOf(magnitude, digits))] += share
  })
  return shares
}

export const mean = (shares: Shares): number => shares.reduce((sum, share, j) => sum + j * share, 0)

/** Of the largest among `lanes` numbers, drawn independently. */
export function meanOfLargest(shares: Shares, lanes: number): number {
  let below = 0
  let sum = 0
  for (let j = 0; j < shares.length - 1; j++) {
    below += shares[j]
    sum += 1 - Math.min(1, below) ** lanes
  }
  return sum
}

/** Shares of products of two numbers, drawn independently: of a pair that takes i and j cycles, i * j. */
export function productShares(a: Shares, b: Shares): Shares {
  const shares = new Float64Array((a.length - 1) * (b.length - 1) + 1)
  a.forEach((p, i) => {
    b.forEach((q, j) => {
      shares[i * j] += p * q
    })
  })
  return shares
}
