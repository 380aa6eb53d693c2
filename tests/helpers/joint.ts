import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** A TCP port that joins whoever connects: what one says, all others hear. */
export async function startJoint(): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => sockets.delete(socket))
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (bytes: Buffer) => {
      for (const other of sockets) if (other !== socket) other.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server.address()), close: () => closeServer(server, sockets) }
}

/** The port of a listening server's address. */
export function portOf(address: unknown): number {
  if (typeof address !== 'object' || address === null || !('port' in address)) throw new Error('the server has no port')
  return Number(address.port)
}

/** Ends a server with all its connections. */
export async function closeServer(server: ReturnType<typeof createServer>, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy()
  server.close()
  await once(server, 'close')
}
