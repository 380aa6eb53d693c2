import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { replyOf } from './test-protocol.js'

/** Meters of the test protocol behind a TCP port. A request's meter number decides what it does. */
export interface TestServer {
  readonly port: number
  /** Connections taken since the start. */
  readonly connections: () => number
  /** Every request heard, in order, across connections. */
  readonly heard: readonly Uint8Array[]
  /** While set, requests are taken and nothing is answered. */
  setMute(mute: boolean): void
  dropConnections(): void
  close(): Promise<void>
}

export const answeringMeter = 7
export const silentMeter = 8
/** Sends the first bytes of its reply only. */
export const garbledMeter = 9
/** Sends noise before its reply. */
export const noisyMeter = 10

/** @param replyDelayMs how long a meter takes before it answers */
export async function startTestServer(replyDelayMs: number): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const heard: Uint8Array[] = []
  let connections = 0
  let isMute = false
  const answer = (socket: Socket, bytes: Uint8Array): void => {
    const reply = responseTo(bytes)
    if (isMute || reply.length === 0) return
    setTimeout(() => {
      if (!socket.destroyed) socket.write(reply)
    }, replyDelayMs)
  }
  const server = createServer({ noDelay: true }, (socket) => {
    connections++
    sockets.add(socket)
    let pending = new Uint8Array(0)
    socket.on('data', (chunk) => {
      pending = Uint8Array.of(...pending, ...chunk)
      for (; pending.length >= 4; pending = pending.slice(4)) {
        heard.push(pending.slice(0, 4))
        answer(socket, pending.slice(0, 4))
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    connections: () => connections,
    heard,
    setMute: (mute) => void (isMute = mute),
    dropConnections,
    close: async () => {
      dropConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function responseTo(request: Uint8Array): Uint8Array {
  const [, meter = 0, register = 0] = request
  const reply = replyOf(meter, register, (meter + register) % 256)
  if (meter === silentMeter || meter === 0) return new Uint8Array(0)
  if (meter === garbledMeter) return reply.slice(0, 3)
  return meter === noisyMeter ? Uint8Array.of(0xff, 0x00, ...reply) : reply
}
