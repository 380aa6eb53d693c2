import type { Socket } from 'node:net'
import { fail, ok, type InputError, type Result } from '../model/index.js'
import type { Timers } from '../ports/index.js'
import { consoleRequestSchema, consoleVersion, requestBytesMax, type ConsoleCall, type ConsoleReply } from './protocol.js'

/** A connection on which nothing moves for so long is closed. */
export const idleMsMax = 60_000
/** No answer takes longer: the asker is told, whatever still goes on. */
export const answerMsMax = 90_000

const newline = 0x0a

/** What becomes of a call; an error says what was wrong with it. */
export type Answer = (call: ConsoleCall) => Promise<Result<unknown, InputError>>

/** Serves one connection until it ends: requests one after another, each answered before the next is read. */
export function serveConnection(socket: Socket, answer: Answer, timers: Timers): void {
  let pieces: Buffer[] = []
  let bytes = 0
  let isBusy = false
  let cancelIdle = (): void => undefined

  const rest = (): void => {
    cancelIdle()
    cancelIdle = timers.after(idleMsMax, () => socket.destroy())
  }
  const reply = (message: ConsoleReply, then: () => void): void => {
    if (socket.destroyed) return
    rest()
    socket.write(`${JSON.stringify(message)}\n`, (error) => (error === undefined || error === null ? then() : undefined))
  }
  const next = (): void => {
    const all = pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces)
    const end = all.indexOf(newline)
    pieces = [all]
    bytes = all.length
    if (end < 0 && bytes <= requestBytesMax) {
      isBusy = false
      socket.resume()
      return
    }
    if (end < 0 || end > requestBytesMax) {
      const error = { code: 'too-long', at: 'request', message: `expected at most ${requestBytesMax} bytes and a newline` }
      return reply(refusal(null, error), () => socket.destroySoon())
    }
    pieces = [all.subarray(end + 1)]
    const line = readRequest(all.subarray(0, end))
    if (!line.ok) return reply(refusal(line.error.id, line.error), next)
    cancelIdle()
    const { id, call } = line.value
    const settle = (result: Result<unknown, InputError>): void =>
      reply(result.ok ? { v: consoleVersion, id, ok: true, value: result.value } : refusal(id, result.error), next)
    settleWithin(answer(call), timers).then(settle, (error: unknown) => settle(fail(fault(error))))
  }

  socket.on('data', (piece: Buffer) => {
    pieces.push(piece)
    bytes += piece.length
    if (isBusy) return
    rest()
    // Long requests are looked at when they may be whole, not at each piece.
    if (!piece.includes(newline) && bytes <= requestBytesMax) return
    isBusy = true
    socket.pause()
    next()
  })
  // Whoever has nothing more to ask may close its side; what it asked before was answered by then, for reading stood still.
  socket.on('end', () => socket.end())
  // A console that goes away in the middle of an answer is no fault of ours.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => cancelIdle())
  rest()
}

export const fault = (cause: unknown): InputError => ({
  code: 'fault',
  at: 'daemon',
  message: cause instanceof Error ? cause.message : String(cause),
})

const refusal = (id: number | null, { code, at, message }: InputError): ConsoleReply => ({
  v: consoleVersion,
  id,
  ok: false,
  error: { code, at, message },
})

function settleWithin(work: Promise<Result<unknown, InputError>>, timers: Timers): Promise<Result<unknown, InputError>> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(answerMsMax, () =>
      resolve(fail({ code: 'timeout', at: 'daemon', message: `no answer within ${answerMsMax / 1000} s` })),
    )
    work.then(resolve, reject).finally(cancel)
  })
}

type RequestError = InputError & { readonly id: number | null }

function readRequest(line: Buffer): Result<{ readonly id: number; readonly call: ConsoleCall }, RequestError> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line))
  } catch {
    return fail({ code: 'malformed', at: 'request', message: 'expected one JSON object in UTF-8 on a line', id: null })
  }
  const parsed = consoleRequestSchema.safeParse(json)
  if (parsed.success) return ok({ id: parsed.data.id, call: parsed.data.call })
  const [issue] = parsed.error.issues
  const path = issue?.path.map(String) ?? []
  const code = path[0] === 'v' ? 'version' : 'malformed'
  return fail({ code, at: ['request', ...path].join('.'), message: issue?.message ?? 'not as expected', id: idOf(json) })
}

function idOf(json: unknown): number | null {
  const id = typeof json === 'object' && json !== null && 'id' in json ? json.id : null
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : null
}
