import { createServer, type Server, type Socket } from 'node:net'
import type { Log, Timers } from '../ports/index.js'
import { answerer, type AnswererOptions } from './answers.js'
import { fault, serveConnection, type Answer } from './connection.js'
import { consoleVersion } from './protocol.js'
import { listenOn, type SocketFile } from './socket-file.js'

/** Consoles at a time; one more is told so and closed. */
export const connectionsMax = 16

export interface ConsoleServerOptions extends AnswererOptions {
  readonly file: SocketFile
  readonly timers: Timers
  readonly log: Log
}

/** The daemon's side of the console. */
export interface ConsoleServer {
  /** Closes every connection and removes the socket. */
  close(): Promise<void>
}

/**
 * Opens the console's socket.
 *
 * @throws FaultError when it cannot be bound, see `listenOn`
 */
export async function startConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { file, timers, log } = options
  const connections = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true })
  const complaint = await listenOn(server, file)
  // Only who could open the socket keeps frames: whoever has to try again and again would keep them many times over.
  const answers = answerer(options)
  const answer: Answer = async (call) => {
    try {
      return await answers.answer(call)
    } catch (error) {
      log.error('console-failed', { ask: call.ask, message: fault(error).message })
      throw error
    }
  }
  server.on('connection', (socket) => {
    if (connections.size >= connectionsMax) return refuse(socket)
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    serveConnection(socket, answer, timers)
  })
  // A connection that breaks while it is accepted concerns nobody else.
  server.on('error', (error) => log.warn('console-accept', { message: error.message }))
  if (complaint !== null) log.warn('console-group', { socket: file.path, message: complaint })
  log.info('console-open', { socket: file.path })
  return {
    close: async () => {
      answers.close()
      for (const socket of connections) socket.destroy()
      await closed(server)
    },
  }
}

function refuse(socket: Socket): void {
  const error = { code: 'console-busy', at: 'console', message: `${connectionsMax} consoles are connected already` }
  socket.on('error', () => socket.destroy())
  socket.resume()
  socket.end(`${JSON.stringify({ v: consoleVersion, id: null, ok: false, error })}\n`, () => socket.destroy())
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
