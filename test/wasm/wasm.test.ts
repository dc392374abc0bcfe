import { describe, expect, it, vi } from 'vitest'
import { ARENA_START, Arena, SLACK } from '../../src/wasm/arena.js'
import { passesKnownAnswer } from '../../src/wasm/known-answer.js'
import { bestIsa, compileBuild, instantiate } from '../../src/wasm/load.js'

const relaxed = await compileBuild('relaxed').then(
  () => true,
  () => false,
)

describe('loading', () => {
  it('compiles a build once and gives every instance its own memory', async () => {
    expect(await compileBuild('simd')).toBe(await compileBuild('simd'))
    const [a, b] = [await instantiate('simd'), await instantiate('simd')]
    expect(a.memory).not.toBe(b.memory)
  })

  it('chooses relaxed only where it compiles and computes correctly', async () => {
    expect(await bestIsa()).toBe(relaxed && passesKnownAnswer(await instantiate('relaxed')) ? 'relaxed' : 'simd')
  })

  it('fetches the relaxed build only where the runtime knows its instructions', async () => {
    const { validate } = WebAssembly
    const probed: boolean[] = []
    WebAssembly.validate = (bytes) => {
      probed.push(validate(bytes))
      return probed[probed.length - 1]
    }
    try {
      vi.resetModules()
      const fresh = await import('../../src/wasm/load.js')
      await fresh.bestIsa()
    } finally {
      WebAssembly.validate = validate
    }
    expect(probed).toEqual([relaxed])
  })

  it.skipIf(relaxed)('says what is missing where a build does not compile', async () => {
    await expect(instantiate('relaxed')).rejects.toMatchObject({ code: 'E_WASM' })
  })

  it('explains a content security policy that forbids compiling', async () => {
    const { compile } = WebAssembly
    // What Chromium says under a policy without 'wasm-unsafe-eval'.
    WebAssembly.compile = () =>
      Promise.reject(
        new WebAssembly.CompileError(
          "Compiling WebAssembly module violates Content Security Policy directive 'script-src'",
        ),
      )
    try {
      await expect(compileBuild('train')).rejects.toMatchObject({
        code: 'E_WASM',
        message: expect.stringContaining("'wasm-unsafe-eval'"),
      })
    } finally {
      WebAssembly.compile = compile
    }
    await expect(compileBuild('train')).resolves.toBeInstanceOf(WebAssembly.Module)
  })
})

describe('the known-answer test', () => {
  it('passes on a correct build', async () => {
    expect(passesKnownAnswer(await instantiate('simd'))).toBe(true)
  })

  it('fails on kernels that lose part of a sum', async () => {
    const { exports, memory } = await instantiate('simd')
    const broken = {
      ...exports,
      gemv_f32: (w: number, x: number, y: number, rows: number, cols: number) =>
        exports.gemv_f32(w, x, y, rows, cols - 1),
    }
    expect(passesKnownAnswer({ exports: broken, memory })).toBe(false)
  })
})

describe('Arena', () => {
  const open = (limit?: number) => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    return { memory, arena: new Arena(memory, limit) }
  }

  it('aligns, keeps slack behind every buffer and grows the memory', () => {
    const { memory, arena } = open()
    const a = arena.alloc(10)
    const b = arena.alloc(200000, 16)
    expect(a).toBe(ARENA_START)
    expect(b).toBeGreaterThanOrEqual(a + 10 + SLACK)
    expect(b % 16).toBe(0)
    expect(memory.buffer.byteLength).toBeGreaterThanOrEqual(b + 200000 + SLACK)
  })

  it('gives memory back to a mark', () => {
    const { arena } = open()
    const mark = arena.mark()
    const a = arena.alloc(100)
    arena.release(mark)
    expect(arena.alloc(100)).toBe(a)
  })

  it.each([2 ** 20, Number.MAX_SAFE_INTEGER, Number.NaN, Infinity])(
    'refuses %d bytes beyond its limit and stays usable',
    (bytes) => {
      const { arena, memory } = open(2 ** 20)
      expect(() => arena.alloc(bytes)).toThrow(expect.objectContaining({ code: 'E_MEMORY' }))
      expect(memory.buffer.byteLength).toBe(65536)
      expect(arena.alloc(100)).toBe(ARENA_START)
    },
  )
})
