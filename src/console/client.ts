import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { fail, ok, type InputError, type Result } from '../model/index.js'
import type { Timers } from '../ports/index.js'
import { consoleVersion, type ConsoleCall } from './protocol.js'
import type { ConsoleAnswers } from './views.js'

/** The daemon itself gives up after 90 s. */
const answerMsMax = 100_000
/** The largest answer, all meters of a full archive, is a tenth of it; a longer one ends the connection. */
const answerBytesMax = 16_777_216

/** A console's connection to the daemon: one call at a time. */
export interface ConsoleClient {
  /** @returns the daemon's answer, its refusal, or `no-answer` when the connection broke or took too long */
  ask<C extends ConsoleCall>(call: C): Promise<Result<ConsoleAnswers[C['ask']], InputError>>
  close(): void
}

const replySchema = z.discriminatedUnion('ok', [
  z.object({ v: z.literal(consoleVersion), id: z.int().nullable(), ok: z.literal(true), value: z.unknown() }),
  z.object({
    v: z.literal(consoleVersion),
    id: z.int().nullable(),
    ok: z.literal(false),
    error: z.object({ code: z.string(), at: z.string(), message: z.string() }),
  }),
])

/** Connects to the daemon's socket; `no-daemon` and `no-right` say why not. */
export function connectConsole(path: string, timers: Timers): Promise<Result<ConsoleClient, InputError>> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const refuse = (error: NodeJS.ErrnoException): void => resolve(fail(connectError(path, error)))
    socket.once('error', refuse)
    socket.once('connect', () => {
      socket.off('error', refuse)
      resolve(ok(clientOn(socket, path, timers)))
    })
  })
}

/** Codes that say that the daemon could not be reached at all. */
export const unreachableCodes: readonly string[] = ['no-daemon', 'no-right', 'no-answer', 'console-busy', 'version']

function connectError(path: string, error: NodeJS.ErrnoException): InputError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return { code: 'no-right', at: path, message: 'you may not open it; its group may: adduser NAME wattkeep, then log in anew' }
  }
  const reason = error.code === 'ENOENT' ? 'there is no such socket' : error.message
  return { code: 'no-daemon', at: path, message: `${reason}; is the daemon running? see: systemctl status wattkeep` }
}

function clientOn(socket: Socket, path: string, timers: Timers): ConsoleClient {
  let settle: ((line: Result<string, InputError>) => void) | null = null
  let pieces: string[] = []
  let chars = 0
  let number = 0
  const end = (message: string): void => {
    socket.destroy()
    settle?.(fail({ code: 'no-answer', at: path, message }))
  }
  socket.setEncoding('utf8')
  socket.on('data', (piece: string) => {
    pieces.push(piece)
    chars += piece.length
    if (chars > answerBytesMax) return end(`the answer is longer than ${answerBytesMax} bytes`)
    if (!piece.includes('\n')) return
    const [line = '', ...rest] = pieces.join('').split('\n')
    pieces = [rest.join('\n')]
    chars = pieces[0]?.length ?? 0
    settle?.(ok(line))
  })
  socket.on('error', (error) => end(error.message))
  socket.on('close', () => end('the daemon closed the connection'))
  const line = (text: string): Promise<Result<string, InputError>> =>
    new Promise((resolve) => {
      const cancel = timers.after(answerMsMax, () => end(`no answer within ${answerMsMax / 1000} s`))
      settle = (result) => {
        cancel()
        settle = null
        resolve(result)
      }
      if (socket.destroyed) end('the daemon closed the connection')
      else socket.write(text)
    })
  return {
    ask: async <C extends ConsoleCall>(call: C) => {
      number += 1
      const answer = await line(`${JSON.stringify({ v: consoleVersion, id: number, call })}\n`)
      if (!answer.ok) return answer
      const reply = readReply(answer.value, path)
      // The daemon of this release made the value by the types of this release: `v` says so.
      return reply.ok ? ok(reply.value as ConsoleAnswers[C['ask']]) : reply
    },
    close: () => socket.destroy(),
  }
}

function readReply(text: string, path: string): Result<unknown, InputError> {
  const bad = (message: string): Result<never, InputError> => fail({ code: 'version', at: path, message })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return bad('what answers there is no daemon of this release: its answer is no JSON')
  }
  const parsed = replySchema.safeParse(json)
  if (!parsed.success) return bad('what answers there is a daemon of another release')
  return parsed.data.ok ? ok(parsed.data.value) : fail(parsed.data.error)
}
