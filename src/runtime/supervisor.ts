import { FaultError } from '../model/index.js'
import type { Log, Timers } from '../ports/index.js'

/**
 * Keeps named tasks alive: a task that fails is started again with a growing pause, and held with an event after too many
 * failures in a row. One task's failure never touches another.
 */
export interface Supervisor {
  /** Starts `run` and keeps it running until `stop`. A run that resolves is finished and not started again. */
  keep(name: string, run: () => Promise<void>): void
  /** Hands over a promise that must run alone; its rejection is told, not lost. */
  spawn(name: string, work: Promise<unknown>): void
  stop(): void
}

export interface SupervisorOptions {
  readonly timers: Timers
  readonly log: Log
  /** Told when a task is held: it will not be started again until the process is. */
  readonly onHeld: (name: string, error: Error) => void
  /** Told of each failure. */
  readonly onFault: (name: string, error: Error) => void
}

const pauseFirstMs = 500
const pauseMaxMs = 60_000
/** After so many failures in a row a task is held. */
const failuresMax = 12

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { timers, log } = options
  const pending = new Set<() => void>()
  let isStopped = false

  const start = (name: string, run: () => Promise<void>, failures: number): void => {
    if (isStopped) return
    run().then(
      () => log.debug('task-finished', { task: name }),
      (cause: unknown) => {
        const error = asError(cause)
        log.error('task-failed', { task: name, failures: failures + 1, message: error.message, code: codeOf(error) })
        options.onFault(name, error)
        if (isStopped) return
        if (failures + 1 >= failuresMax) return options.onHeld(name, error)
        const cancel = timers.after(Math.min(pauseFirstMs * 2 ** failures, pauseMaxMs), () => {
          pending.delete(cancel)
          start(name, run, failures + 1)
        })
        pending.add(cancel)
      },
    )
  }
  return {
    keep: (name, run) => start(name, run, 0),
    spawn: (name, work) => {
      work.catch((cause: unknown) => {
        const error = asError(cause)
        log.error('work-failed', { task: name, message: error.message, code: codeOf(error) })
        options.onFault(name, error)
      })
    },
    stop: () => {
      isStopped = true
      for (const cancel of pending) cancel()
      pending.clear()
    },
  }
}

const asError = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(String(cause)))
const codeOf = (error: Error): string => (error instanceof FaultError ? error.code : error.name)
