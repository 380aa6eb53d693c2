import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A relay between a client and a broker that can fail as links do. */
export interface TcpRelay {
  readonly port: number
  readonly url: string
  /** Bytes that went towards the broker since the start. */
  readonly sentBytes: () => number
  readonly connections: () => number
  /** Half-open: sockets stay, nothing passes any more, in neither direction, and nobody is told. New connections hang as well. */
  blackhole(): void
  /** New connections pass again; those that were swallowed stay so. */
  restore(): void
  /** Resets every connection. */
  cut(): void
  close(): Promise<void>
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
  isSwallowed: boolean
}

export async function startTcpRelay(target: number): Promise<TcpRelay> {
  const pairs = new Set<Pair>()
  let isBlack = false
  let sent = 0
  let count = 0
  const server: Server = createServer((near) => {
    count += 1
    const far = connect({ port: target, host: '127.0.0.1' })
    const pair: Pair = { near, far, isSwallowed: isBlack }
    pairs.add(pair)
    near.on('data', (bytes: Buffer) => {
      if (pair.isSwallowed) return
      sent += bytes.length
      far.write(bytes)
    })
    far.on('data', (bytes: Buffer) => {
      if (!pair.isSwallowed) near.write(bytes)
    })
    const end = (): void => {
      if (pair.isSwallowed && !near.destroyed) return
      near.destroy()
      far.destroy()
      pairs.delete(pair)
    }
    for (const socket of [near, far]) socket.on('error', () => undefined).on('close', end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cut = (): void => {
    for (const { near, far } of pairs) {
      near.destroy()
      far.destroy()
    }
    pairs.clear()
  }
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    sentBytes: () => sent,
    connections: () => count,
    blackhole: () => {
      isBlack = true
      for (const pair of pairs) pair.isSwallowed = true
    },
    restore: () => (isBlack = false),
    cut,
    close: async () => {
      cut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
