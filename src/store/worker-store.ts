import { Worker } from 'node:worker_threads'
import { FaultError } from '../model/index.js'
import type { Store, StoreCommandName, StoreCommands, Timers } from '../ports/index.js'
import type { Ends } from './engine.js'
import { GroupTimer } from './group-timer.js'
import type { ErrorText, Reply, Request, WorkerStart } from './messages.js'
import type { StoreOptions } from './open-store.js'

/** Commands under way at most; more are refused with `store-busy` until some are done. A stuck disk must not fill the memory. */
export const COMMANDS_MAX = 4096

/** The thread's heap, MiB: enough for a day of 2,000 meters to be packed, and an end to whatever runs away. */
const HEAP_MB_MAX = 192

/**
 * The store in a thread of its own: nothing on the main thread ever waits for the disk.
 *
 * @returns when the file is open (after a salvage, if need be)
 * @throws FaultError as `openStore` does
 */
export function openWorkerStore(options: StoreOptions, timers: Timers): Promise<Store> {
  const { random, ...rest } = options
  const start: WorkerStart = { options: rest, seed: random.next() }
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: start,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX, maxYoungGenerationSizeMb: 2 },
    name: 'store',
  })
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (reply: Reply) => {
      worker.removeListener('error', reject)
      if (reply.kind === 'open-failed') {
        reject(errorOf(reply.error))
        return
      }
      resolve(new WorkerStore(worker, timers))
    })
  })
}

interface Waiting {
  readonly resolve: (output: never) => void
  readonly reject: (error: Error) => void
}

class WorkerStore implements Store {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #timer: GroupTimer
  #nextId = 1
  readonly #onAppended: ((ends: Ends) => void)[] = []
  #onFault: (error: Error) => void = () => undefined
  #ended: Error | null = null
  #isClosing = false
  readonly #closed: Promise<void>

  constructor(worker: Worker, timers: Timers) {
    this.#worker = worker
    this.#timer = new GroupTimer(timers, () => this.#flush())
    worker.on('message', (reply: Reply) => this.#take(reply))
    worker.on('error', (error) =>
      this.#end(new FaultError('store-thread', `the store's thread died: ${String(error)}`, { cause: error })),
    )
    this.#closed = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#end(new FaultError('store-closed', 'the store is closed'))
        resolve()
      })
    })
  }

  run<K extends StoreCommandName>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    if (this.#isClosing) return Promise.reject(new FaultError('store-closed', 'the store is closing'))
    if (this.#waiting.size >= COMMANDS_MAX) {
      return Promise.reject(new FaultError('store-busy', `${COMMANDS_MAX} commands are waiting for the disk`))
    }
    const id = this.#nextId
    this.#nextId += 1
    if (command === 'apply-points') this.#timer.started()
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#post({ kind: 'run', id, command, input })
    })
  }

  onAppended(handler: (ends: Ends) => void): void {
    this.#onAppended.push(handler)
  }

  onFault(handler: (error: Error) => void): void {
    this.#onFault = handler
  }

  close(): Promise<void> {
    this.#timer.stop()
    if (!this.#isClosing && this.#ended === null) this.#post({ kind: 'close' })
    this.#isClosing = true
    return this.#closed
  }

  #post(request: Request): void {
    this.#worker.postMessage(request)
  }

  #take(reply: Reply): void {
    switch (reply.kind) {
      case 'done':
        this.#settle(reply.id)?.resolve(reply.output as never)
        return
      case 'failed':
        this.#settle(reply.id)?.reject(errorOf(reply.error))
        return
      case 'appended':
        for (const tell of this.#onAppended) tell(reply.ends)
        return
      case 'fault':
        this.#onFault(errorOf(reply.error))
        return
      case 'opened':
      case 'open-failed':
      case 'closed':
        return
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  /** The thread is gone: nobody waits in vain, and unless it was asked to go, somebody has to start it anew. */
  #end(error: Error): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#timer.stop()
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
    if (!this.#isClosing) this.#onFault(error)
  }

  #flush(): void {
    // Whatever can go wrong here is reported as a fault or counted as refused readings.
    this.run('flush', {}).catch(() => undefined)
  }
}

function errorOf(text: ErrorText): Error {
  if (text.code !== null) return new FaultError(text.code, text.message)
  const error = new Error(text.message)
  error.name = text.name
  return error
}
