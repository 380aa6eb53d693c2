import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A peer that accepts and never says a word, until it is told to pass everything on to the one it stands for. */
export interface MutePeer {
  readonly port: number
  readonly address: string
  /** New connections reach the other from now on; those that met with silence stay silent. */
  speak(): void
  close(): Promise<void>
}

/** @param target port of the one that answers after `speak`; null: nobody ever does */
export async function startMute(target: number | null = null): Promise<MutePeer> {
  const sockets = new Set<Socket>()
  let isMute = true
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  }
  const server = createServer((near) => {
    keep(near)
    if (isMute || target === null) return void near.resume()
    const far = keep(connect({ port: target, host: '127.0.0.1' }))
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    address: `127.0.0.1:${port}`,
    speak: () => (isMute = false),
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
