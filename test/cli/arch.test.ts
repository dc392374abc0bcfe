import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ARCH_HELP, ARCH_SYNTAX, parseArch } from '../../src/cli/arch.js'
import {
  convnet,
  type Graph,
  lenet,
  mlp,
  mlpMixer,
  mobilenetV1,
  mobilenetV2,
  resnet,
  resnet9,
  resnetCifar,
  vgg,
  vggSmall,
} from '../../src/compress.js'
import { WhiteDwarfError } from '../../src/errors.js'

const cifar = { shape: [3, 32, 32], classes: 10 }
const photos = { shape: [3, 224, 224], classes: 1000 }
const input = cifar.shape

describe('parseArch', () => {
  const cases: [string, Graph][] = [
    ['mlp:300,100', mlp({ input, hidden: [300, 100], classes: 10 })],
    ['mlp:', mlp({ input, hidden: [], classes: 10 })],
    [
      'lenet:6,16/120,84',
      lenet({
        input,
        stages: [
          { channels: 6, kernel: 5 },
          { channels: 16, kernel: 5 },
        ],
      }),
    ],
    ['lenet:8', lenet({ input, stages: [{ channels: 8, kernel: 5 }], hidden: [] })],
    ['conv6', convnet({ depth: 6 })],
    ['conv2:0.25', convnet({ depth: 2, width: 0.25 })],
    ['vgg16', vgg({ depth: 16 })],
    ['vgg11:0.5', vgg({ depth: 11, width: 0.5 })],
    ['vgg-small:0.25', vggSmall({ width: 0.25 })],
    ['resnet9', resnet9()],
    ['resnet9:16,32,64,128', resnet9({ widths: [16, 32, 64, 128] })],
    ['resnet9:16,32,64/residual=2', resnet9({ widths: [16, 32, 64], residual: [2] })],
    ['resnet9/residual=none', resnet9({ residual: [] })],
    ['resnet20', resnetCifar({ depth: 20 })],
    ['resnet8:24,48,96', resnetCifar({ depth: 8, widths: [24, 48, 96] })],
    ['resnet56/fold=2,3/shortcut=B', resnetCifar({ depth: 56, fold: [2, 3], shortcut: 'B' })],
    ['resnet18', resnet({ depth: 18, stem: 'cifar', input, classes: 10 })],
    ['resnet18:8/stem=imagenet', resnet({ depth: 18, width: 8, stem: 'imagenet', input, classes: 10 })],
    ['resnet50/fold=3,4', resnet({ depth: 50, stem: 'cifar', fold: [3, 4], input, classes: 10 })],
    ['resnet34/fold=all', resnet({ depth: 34, stem: 'cifar', fold: 'all', input, classes: 10 })],
    ['mobilenetv1', mobilenetV1({ strides: 'cifar', input, classes: 10 })],
    ['mobilenetv2:0.35/strides=imagenet', mobilenetV2({ width: 0.35, input, classes: 10 })],
    ['mixer', mlpMixer()],
    [
      'mixer:64,4/patch=8/tokens=20/units=100/fold=all',
      mlpMixer({ channels: 64, blocks: 4, patch: 8, tokenUnits: 20, channelUnits: 100, fold: true }),
    ],
  ]

  it.each(cases)('%s', (text, graph) => {
    expect(parseArch(text, cifar)).toEqual(graph)
  })

  it('takes stems and strides for large images where images are large', () => {
    expect(parseArch('resnet50', photos)).toEqual(resnet({ depth: 50 }))
    expect(parseArch('mobilenetv2', photos)).toEqual(mobilenetV2())
    expect(parseArch('vgg16', photos)).toEqual(
      vgg({ depth: 16, hidden: [4096, 4096], input: photos.shape, classes: 1000 }),
    )
  })

  it('names the networks that there are, and the nearest', () => {
    expect(() => parseArch('resnet21', cifar)).toThrow(
      /--arch must be one of mlp, lenet, conv2, .*, got 'resnet21', did you mean 'resnet20'\?/,
    )
    for (const text of ['', ':', '/', 'resnet', 'vgg:3', 'RESNET20', 'toString', 'resnet50 ']) {
      expect(() => parseArch(text, cifar)).toThrow(`--arch must be one of ${ARCH_SYNTAX}, got '${text}'`)
    }
  })

  it.each([
    ['mlp', 'mlp:[UNITS,...]'],
    ['mlp:3,,4', 'mlp:[UNITS,...]'],
    ['mlp:0', 'mlp:[UNITS,...]'],
    ['mlp:3/4', 'mlp:[UNITS,...]'],
    ['lenet', 'lenet:CHANNELS,...[/UNITS,...]'],
    ['lenet:', 'lenet:CHANNELS,...[/UNITS,...]'],
    ['lenet:8/x', 'lenet:CHANNELS,...[/UNITS,...]'],
    ['lenet:8/9/10', 'lenet:CHANNELS,...[/UNITS,...]'],
    ['conv4:1,2', 'conv6[:WIDTH]'],
    ['conv4:-1', 'conv6[:WIDTH]'],
    ['conv4:', 'conv6[:WIDTH]'],
    ['conv4:1:2', 'conv6[:WIDTH]'],
    ['resnet9:64', 'resnet9[:N,N,...][/residual=N,...|none]'],
    ['resnet20:16,32', 'resnet20[:N,N,N][/shortcut=A|B][/fold=N,...|all]'],
    ['resnet20/shortcut=C', 'resnet20[:N,N,N][/shortcut=A|B][/fold=N,...|all]'],
    ['resnet20/fold=', 'resnet20[:N,N,N][/shortcut=A|B][/fold=N,...|all]'],
    ['resnet20/fold=1/fold=2', 'resnet20[:N,N,N][/shortcut=A|B][/fold=N,...|all]'],
    ['resnet20/folded=1', 'resnet20[:N,N,N][/shortcut=A|B][/fold=N,...|all]'],
    ['resnet50:1.5', 'resnet50[:N][/stem=cifar|imagenet][/fold=N,...|all]'],
    ['mixer:64', 'mixer[:N,BLOCKS][/patch=N][/tokens=N][/units=N][/fold=all]'],
    ['mixer/patch=4,4', 'mixer[:N,BLOCKS][/patch=N][/tokens=N][/units=N][/fold=all]'],
  ])('%s: shows the syntax', (text, syntax) => {
    expect(() => parseArch(text, cifar)).toThrow(`--arch must be ${syntax}, got '${text}'`)
  })

  it('passes on what the builders say', () => {
    expect(() => parseArch('resnet20/fold=4', cifar)).toThrow(/stages from 1 to 3, got 4/)
    expect(() => parseArch('lenet:8,8,8,8', cifar)).toThrow(/kernel 2x2 is larger/)
    expect(() => parseArch('mixer/patch=5', cifar)).toThrow(/patch must divide/)
    expect(() => parseArch('conv2:99', cifar)).toThrow(/width must be/)
  })

  it('gives a graph or an error of the library for any text', () => {
    const name = fc.constantFrom(...ARCH_SYNTAX.split(', '))
    const piece = fc.constantFrom(':', '/', ',', '=', '1', '64', '0.5', 'fold', 'patch', 'all', 'A', '9e9', '-', ' ')
    fc.assert(
      fc.property(name, fc.array(piece, { maxLength: 8 }), (head, tail) => {
        try {
          expect(parseArch(head + tail.join(''), cifar).nodes.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(WhiteDwarfError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('helps with a line for each family', () => {
    expect(ARCH_HELP.split('\n')).toHaveLength(10)
    expect(ARCH_HELP).toMatch(/^ {4}lenet:CHANNELS,\.\.\.\[\/UNITS,\.\.\.\] +5 x 5 convolutions/m)
  })
})
