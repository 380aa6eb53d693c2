import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { controlLine, type ControlledArea } from './control.js'

/** Bytes of one control line; a client that sends more without an end of line is thrown out. */
export const controlLineBytesMax = 65_536

/**
 * Serves control lines on a Unix socket.
 *
 * @returns the way to close it; rejects when the path is taken
 */
export async function startControlServer(world: ControlledArea, path: string): Promise<() => Promise<void>> {
  const clients = new Set<Socket>()
  const server = createServer((socket) => {
    clients.add(socket)
    socket.on('close', () => clients.delete(socket))
    socket.on('error', () => socket.destroy())
    let unfinished = 0
    socket.on('data', (bytes) => {
      unfinished = bytes.includes(0x0a) ? 0 : unfinished + bytes.length
      if (unfinished > controlLineBytesMax) socket.destroy()
    })
    createInterface({ input: socket }).on('line', (line) => {
      if (line.trim() !== '' && !socket.destroyed) socket.write(`${controlLine(world, line)}\n`)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return async () => {
    for (const socket of clients) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}
