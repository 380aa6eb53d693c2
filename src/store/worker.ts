import { parentPort, workerData } from 'node:worker_threads'
import { FaultError } from '../model/index.js'
import type { StoreCommandName, StoreCommands } from '../ports/index.js'
import { StoreHandler } from './handler.js'
import type { ErrorText, Reply, Request, WorkerStart } from './messages.js'
import { openStore } from './open-store.js'

/* The store's thread: opens the file, then carries out one command after another. Started by `openWorkerStore` only. */

type Run = Extract<Request, { kind: 'run' }>
type Output = StoreCommands[StoreCommandName]['out']

const port = parentPort
if (port === null) throw new Error('the store’s worker must be started as a worker thread')
const say = (reply: Reply): void => port.postMessage(reply)

function start({ options, seed }: WorkerStart): void {
  let handler: StoreHandler
  try {
    handler = new StoreHandler(openStore({ ...options, random: { next: () => seed } }))
  } catch (error) {
    say({ kind: 'open-failed', error: textOf(error) })
    return
  }
  handler.onAppended((ends) => say({ kind: 'appended', ends }))
  port?.on('message', (request: Request) => {
    if (request.kind === 'run') run(handler, request)
    else close(handler)
  })
  say({ kind: 'opened' })
}

function run(handler: StoreHandler, request: Run): void {
  const { id, command, input } = request
  answer(handler, id, () => {
    if (command !== 'close-day') return handler.run(command, input)
    step(handler, id, handler.closeDay(input as StoreCommands['close-day']['in']))
    return null
  })
}

/** A day is closed step by step; what arrived meanwhile is done in between. */
function step(handler: StoreHandler, id: number, steps: ReturnType<StoreHandler['closeDay']>): void {
  answer(handler, id, () => {
    const { done, value } = steps.next()
    if (done === true) return value
    setImmediate(() => step(handler, id, steps))
    return null
  })
}

/** Says what `act` gave; null: the answer comes later. */
function answer(handler: StoreHandler, id: number, act: () => Output | null): void {
  const wasFine = handler.failed === null
  try {
    const output = act()
    if (output !== null) say({ kind: 'done', id, output })
  } catch (error) {
    say({ kind: 'failed', id, error: textOf(error) })
    if (wasFine && handler.failed !== null) say({ kind: 'fault', error: textOf(handler.failed) })
  }
}

function close(handler: StoreHandler): void {
  try {
    handler.close()
  } catch (error) {
    say({ kind: 'fault', error: textOf(error) })
  }
  say({ kind: 'closed' })
  port?.close()
}

function textOf(error: unknown): ErrorText {
  if (error instanceof FaultError) return { name: 'FaultError', code: error.code, message: error.message }
  if (error instanceof Error) return { name: error.name, code: null, message: error.message }
  return { name: 'Error', code: null, message: String(error) }
}

start(workerData as WorkerStart)
