import { FaultError } from '../model/index.js'
import type { Clock, Log, Store, Timers } from '../ports/index.js'
import { createStamps } from './stamps.js'

/** A console that could not be opened is tried again so often: the folder may come, another process may go. */
export const consoleRetryMs = 30_000

export interface ConsoleServiceParts {
  readonly open: () => Promise<{ close(): Promise<void> }>
  readonly store: Store
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/**
 * Keeps the console open. That it cannot be opened is an event and a line of the log, never the end of the daemon.
 *
 * @returns once the first attempt is over
 */
export async function startConsole(parts: ConsoleServiceParts): Promise<{ close(): Promise<void> }> {
  const { timers } = parts
  let console: { close(): Promise<void> } | null = null
  let told = ''
  let cancelRetry = (): void => undefined
  let isClosed = false

  const attempt = async (): Promise<void> => {
    try {
      console = await parts.open()
    } catch (error) {
      const code = error instanceof FaultError ? error.code : 'unexpected'
      const message = error instanceof Error ? error.message : String(error)
      if (code !== told) await tell(code, message, parts)
      told = code
      if (!isClosed) cancelRetry = timers.after(consoleRetryMs, () => void attempt())
    }
    if (isClosed) await console?.close()
  }
  await attempt()
  return {
    close: async () => {
      isClosed = true
      cancelRetry()
      await console?.close()
    },
  }
}

async function tell(code: string, message: string, { log, store, clock }: ConsoleServiceParts): Promise<void> {
  log.error('console-unavailable', { code, message })
  const event = { code: 'console.unavailable', severity: 'warning', detail: { reason: code, message } } as const
  try {
    await store.run('record-event', { event, stamp: createStamps(clock).now() })
  } catch (error) {
    // A store that takes no event now (a full disk) has told of itself; without a console the box goes on working.
    log.error('console-event-lost', { message: error instanceof Error ? error.message : String(error) })
  }
}
