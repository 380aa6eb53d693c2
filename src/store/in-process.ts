import { FaultError } from '../model/index.js'
import type { Store, StoreCommandName, StoreCommands, Timers } from '../ports/index.js'
import { DiskFullError } from './engine.js'
import type { Ends } from './engine.js'
import { GroupTimer } from './group-timer.js'
import { StoreHandler } from './handler.js'
import { openStore } from './open-store.js'
import type { StoreOptions } from './open-store.js'

/**
 * The store without a thread of its own: for simulation and tests. Every command is carried out when it is given, in order, and its
 * promise settles afterwards; there is no other source of order, so two runs with one seed are the same.
 *
 * @throws FaultError as `openStore` does
 */
export function openInProcessStore(options: StoreOptions, timers: Timers): Store {
  return new InProcessStore(new StoreHandler(openStore(options)), timers)
}

class InProcessStore implements Store {
  readonly #handler: StoreHandler
  readonly #timer: GroupTimer
  readonly #onAppended: ((ends: Ends) => void)[] = []
  #onFault: (error: Error) => void = () => undefined
  #isClosed = false

  constructor(handler: StoreHandler, timers: Timers) {
    this.#handler = handler
    this.#timer = new GroupTimer(timers, () => this.#flush())
    handler.onAppended((ends) => {
      for (const tell of this.#onAppended) tell(ends)
    })
  }

  run<K extends StoreCommandName>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']> {
    if (this.#isClosed) return Promise.reject(new FaultError('store-closed', 'the store is closed'))
    try {
      const output = this.#handler.run(command, input)
      if (command === 'apply-points') this.#timer.started()
      return Promise.resolve(output)
    } catch (error) {
      if (this.#handler.failed !== null) this.#onFault(this.#handler.failed)
      return Promise.reject(error instanceof Error ? error : new FaultError('store-write', String(error)))
    }
  }

  onAppended(handler: (ends: Ends) => void): void {
    this.#onAppended.push(handler)
  }

  onFault(handler: (error: Error) => void): void {
    this.#onFault = handler
  }

  close(): Promise<void> {
    this.#timer.stop()
    if (!this.#isClosed) this.#handler.close()
    this.#isClosed = true
    return Promise.resolve()
  }

  #flush(): void {
    try {
      this.#handler.run('flush', {})
    } catch (error) {
      // A full disk already counted what it refused; anything else ends the store.
      if (error instanceof DiskFullError) return
      this.#onFault(error instanceof Error ? error : new FaultError('store-write', String(error)))
    }
  }
}
