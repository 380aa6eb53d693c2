import type { StoreCommandName, StoreCommands } from '../ports/index.js'
import type { Ends } from './engine.js'
import type { StoreOptions } from './open-store.js'

/** What the worker is started with: options without functions, and a seed for its random numbers. */
export interface WorkerStart {
  readonly options: Omit<StoreOptions, 'random'>
  readonly seed: number
}

/** To the worker. */
export type Request =
  | {
      readonly kind: 'run'
      readonly id: number
      readonly command: StoreCommandName
      readonly input: StoreCommands[StoreCommandName]['in']
    }
  | { readonly kind: 'close' }

/** From the worker. */
export type Reply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'open-failed'; readonly error: ErrorText }
  | { readonly kind: 'done'; readonly id: number; readonly output: StoreCommands[StoreCommandName]['out'] }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorText }
  | { readonly kind: 'appended'; readonly ends: Ends }
  | { readonly kind: 'fault'; readonly error: ErrorText }
  | { readonly kind: 'closed' }

/** An error as it crosses the thread border: classes do not survive it. */
export interface ErrorText {
  readonly name: string
  readonly code: string | null
  readonly message: string
}
