/** Layer tables as their users write them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { macsOf, topologyWorkload } from '../../src/pe.js'
import { NETWORKS, topology, topologyText } from './topologies.js'

const layers = (text: string, options?: Parameters<typeof topologyWorkload>[1]) =>
  topologyWorkload(text, options).layers

const refused = (text: string) => {
  try {
    topologyWorkload(text)
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`
  }
  return 'accepted'
}

describe('a topology', () => {
  it('has the layers of the files that SCALE-Sim ships, separator rows and odd columns passed over', () => {
    const counts = NETWORKS.map((network) => topology(network).layers.length)
    expect(counts).toEqual([54, 21, 5, 5, 27, 8, 6])
    expect(topology('resnet50').layers[0]).toEqual({
      name: 'Conv1',
      op: 'conv2d',
      m: 110 * 110,
      n: 64,
      k: 147,
      groups: 1,
      taps: 49,
      inputs: 3 * 224 * 224,
      weightBits: 8,
      activationBits: 8,
      weightDensity: 1,
      activationDensity: 1,
    })
    expect(topology('vit-s').layers[1]).toMatchObject({ op: 'matmul', m: 196, n: 1176, k: 64, taps: 1 })
  })

  it('may have a header or not, commas or tabs, comments, blank rows and trailing commas', () => {
    const plain = layers('a,8,8,3,3,16,32,1\nb,8,8,1,1,16,32,2')
    for (const text of [
      'Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n\na,8,8,3,3,16,32,1,\n,,,,,\nb , 8,8,1,1,16,32,2,,,',
      '# two layers\r\na,8,8,3,3,16,32,1 # the first\r\n\r\nb,8,8,1,1,16,32,2 // the second\r\n',
      'a\t8\t8\t3\t3\t16\t32\t1\nb\t8\t8\t1\t1\t16\t32\t2\n',
      '\uFEFFa,8,8,3,3,16,32,1,,,Eh,Ew\nb,8,8,1,1,16,32,2,2,,',
      'a,8,8,3,3,16,32,1,\t\nb,\t8,\t8,1,1,16,32,2',
    ]) {
      expect(layers(text), text).toEqual(plain)
    }
  })

  it('has products of matrices, their sizes in the order of the header', () => {
    const expected = [{ m: 2, n: 3, k: 5, inputs: 10, op: 'matmul' }]
    expect(layers('x,2,3,5')).toMatchObject(expected)
    expect(layers('Layer,M,N,K,\nx,2,3,5,')).toMatchObject(expected)
    expect(layers('Layer,M,K,N\nx,2,5,3')).toMatchObject(expected)
  })

  it('has N:M in a column of its own, behind a convolution or a product', () => {
    const text =
      'Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,Sparsity,\na,8,8,3,3,16,32,1,2:4,\nb,8,8,3,3,16,32,2,1,1:8'
    expect(layers(text)).toMatchObject([
      { kept: [2, 4], weightDensity: 0.5, m: 36 },
      { kept: [1, 8], weightDensity: 0.125, m: 4 * 6 },
    ])
    expect(layers('x,4,4,4,3:4')[0]).toMatchObject({ kept: [3, 4], weightDensity: 0.75 })
    expect(layers('x,4,4,4', { weightDensity: 0.3 })[0]).toMatchObject({ weightDensity: 0.3 })
  })

  it('may keep the size of the inputs', () => {
    const text = 'a,27,27,5,5,96,256,1\nb,28,28,3,3,8,8,2\nc,3,3,5,5,1,1,1'
    expect(layers(text, { padding: 'same', batch: 2 }).map(({ m }) => m)).toEqual([2 * 27 * 27, 2 * 14 * 14, 18])
    expect(refused(text)).toBe(
      'E_FORMAT topology, line 3: a kernel of 5 x 5 does not fit inputs of 3 x 3 without padding',
    )
  })

  it('says in which line something is wrong', () => {
    const start = 'Layer,M,N,K\n\nok,1,2,3\n'
    const numbers = 'a layer has 3 numbers (M, N, K) or 7 (a convolution) behind its name'
    expect(refused(`${start}x,1,2`)).toBe(`E_FORMAT topology, line 4: ${numbers}, got 2`)
    expect(refused(`${start}x,8,8,3,3,1`)).toBe(`E_FORMAT topology, line 4: ${numbers}, got 5`)
    expect(refused(`${start}x,1,0,3`)).toMatch(/line 4: N must be a whole number from 1 to 16777216, got '0'/)
    expect(refused(`${start}x,1,2.5,3`)).toMatch(/line 4: N must be .*, got '2.5'/)
    expect(refused(`${start}x,1,-2,3`)).toMatch(/line 4: N must be .*, got '-2'/)
    expect(refused(`${start}x,8,8,3,3,1,1,0`)).toMatch(/line 4: stride must be/)
    expect(refused(`${start}x,1,2,3,5:4`)).toMatch(/line 4: N:M must keep/)
    expect(refused(`${start},1,2,3`)).toMatch(/line 4: a layer needs a name/)
    expect(refused('')).toMatch(/E_FORMAT the topology has no row/)
    expect(refused('x,16777216,16777216,16777216')).toMatch(/line 1: the layer has more than 2\^53/)
    expect(() => topologyWorkload('x,1,2,3', { padding: 'valid' as 'same' })).toThrow(/padding must be/)
    expect(() => topologyWorkload('x,1,2,3', { batch: 0 })).toThrow(/batch must be/)
  })

  it('reads anything or refuses it with a code', () => {
    const line = fc.array(fc.oneof(fc.constantFrom('a', '', '2:4', '8', '3', '1', '#', '-1'), fc.string()), {
      maxLength: 10,
    })
    const text = fc.array(line, { maxLength: 5 }).map((lines) => lines.map((cells) => cells.join(',')).join('\n'))
    fc.assert(
      fc.property(text, (given) => {
        const result = refused(given)
        if (result === 'accepted') expect(layers(given).every((layer) => macsOf(layer) > 0)).toBe(true)
        else expect(result).toMatch(/^E_FORMAT /)
      }),
      { numRuns: 500 },
    )
  })

  it('does not depend on how often the text of a file is written out again', () => {
    for (const network of NETWORKS) {
      const tidy = topologyText(network)
        .split('\n')
        .filter((row) => /^\w/.test(row))
        .map((row) => row.replace(/[\s,]+$/, ''))
      expect(topologyWorkload(tidy.join('\n'), { name: network }), network).toEqual(topology(network))
    }
  })
})
