import { parentPort, workerData } from 'node:worker_threads'
import { FaultError } from '../model/index.js'
import { StoreHandler } from './handler.js'
import type { ErrorText, Reply, Request, WorkerStart } from './messages.js'
import { openStore } from './open-store.js'

/* The store's thread: opens the file, then carries out one command after another. Started by `openWorkerStore` only. */

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

function run(handler: StoreHandler, { id, command, input }: Extract<Request, { kind: 'run' }>): void {
  const wasFine = handler.failed === null
  try {
    say({ kind: 'done', id, output: handler.run(command, input) })
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
