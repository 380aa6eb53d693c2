import { connect } from 'node:net'
import { byteMsOf, type TcpSpec } from './link-url.js'
import { ReopeningLink, type ChannelEvents, type LinkWorld } from './reopening-link.js'

/** What may wait in the socket before the connection counts as stuck: far more than one request. */
export const tcpBacklogBytesMax = 4096

/** A raw TCP serial server: bytes as they are, no Telnet options. */
export function tcpLink(spec: TcpSpec, world: LinkWorld, name = `${spec.host}:${spec.port}`): ReopeningLink {
  return new ReopeningLink({
    ...world,
    name,
    byteMs: byteMsOf(spec),
    staleMs: spec.staleMs,
    open: (events) => openTcp(spec, events),
  })
}

function openTcp(spec: TcpSpec, events: ChannelEvents): () => void {
  const socket = connect({
    host: spec.host,
    port: spec.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: spec.keepAliveMs,
  })
  const lost = (code: string, message: string): void => {
    socket.destroy()
    events.lost(code, message)
  }
  socket.on('error', (error) => lost(codeOf(error), error.message))
  socket.on('end', () => lost('peer-closed', 'the peer closed the connection'))
  socket.on('close', () => lost('closed', 'the connection is closed'))
  socket.on('data', (bytes) => events.bytes(bytes))
  socket.on('connect', () =>
    events.opened({
      write: (bytes) => {
        // Whoever does not take one request takes no second one either; bytes must not pile up and leave late.
        if (socket.destroyed || socket.writableLength > tcpBacklogBytesMax) return { ok: false, code: 'peer-stuck' }
        socket.write(bytes)
        return { ok: true }
      },
      close: (done) => {
        if (socket.destroyed) return done()
        socket.once('close', () => done())
        socket.destroy()
      },
    }),
  )
  return () => void socket.destroy()
}

/** `connection-refused` and not `refused`, which is what a meter says. */
const codes: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection-refused'],
  ['ECONNRESET', 'peer-closed'],
  ['EPIPE', 'peer-closed'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['ENOTFOUND', 'unknown-host'],
  ['EAI_AGAIN', 'unknown-host'],
])

function codeOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : 'socket-error'
  return codes.get(code) ?? code.toLowerCase()
}
