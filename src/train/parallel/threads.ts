/** Threads in Node and in browsers, as far as a training needs them. */
import { WhiteDwarfError } from '../../errors.js'

/** Another thread, seen from the one that started it. */
export interface Thread {
  readonly send: (message: unknown) => void
  readonly stop: () => unknown
}

export interface ThreadEvents {
  readonly onMessage: (message: unknown) => void
  /** The thread could not be started, or is gone. */
  readonly onLost: (why: string) => void
}

/** Node's module of threads; elsewhere undefined. */
const nodeThreads = () => globalThis.process?.getBuiltinModule?.('node:worker_threads')

/** Starts worker.js, which lies beside this file. Bundlers look for `new Worker(new URL(...))` just as it is written here. */
export function startThread({ onMessage, onLost }: ThreadEvents): Thread {
  const node = nodeThreads()
  if (node !== undefined) {
    const worker = new node.Worker(new URL('./worker.js', import.meta.url))
    worker.on('message', onMessage)
    worker.on('error', (error) => onLost(error.message))
    worker.on('exit', (code) => onLost(`it ended with code ${code}`))
    return { send: (message) => worker.postMessage(message), stop: () => worker.terminate() }
  }
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => onMessage(data)
  worker.onerror = (event) => {
    event.preventDefault()
    onLost(
      event.message || 'its script could not be loaded: is worker.js beside the library, and allowed by worker-src?',
    )
  }
  return { send: (message) => worker.postMessage(message), stop: () => worker.terminate() }
}

/** In worker.js: calls back with the first message. @returns sends messages to who started the thread */
export function listen(onStart: (message: unknown) => void): (message: unknown) => void {
  const port = nodeThreads()?.parentPort
  if (port) {
    port.once('message', onStart)
    return (message) => port.postMessage(message)
  }
  const scope = globalThis as unknown as Worker
  scope.addEventListener('message', (event) => onStart((event as MessageEvent).data), { once: true })
  return (message) => scope.postMessage(message)
}

/** Most threads that 'auto' starts: more share the memory's bandwidth, not its time. */
const MOST = 8

/** @throws WhiteDwarfError E_WORKER when several threads are asked for and cannot share memory here */
export function threadCount(workers: number | 'auto'): number {
  const possible = typeof SharedArrayBuffer === 'function'
  if (workers === 1 || (workers === 'auto' && !possible)) return 1
  if (!possible) {
    throw new WhiteDwarfError(
      'E_WORKER',
      'workers need shared memory, which a page has only if it is cross-origin isolated: send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or use workers: 1',
    )
  }
  return workers === 'auto' ? Math.min(MOST, processors()) : workers
}

function processors(): number {
  const os = globalThis.process?.getBuiltinModule?.('node:os')
  return os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1
}
