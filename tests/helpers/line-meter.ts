import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Scanner } from '../../src/ports/index.js'
import { closeServer, portOf } from './joint.js'

/** How a line misbehaves. */
export interface LineFaults {
  /** What is said comes back before the answer. */
  readonly echo?: boolean
  /** Bytes in front of each answer. */
  readonly noise?: Uint8Array
  /** The first requests are not heard. */
  readonly deafFor?: number
  /** Answers come in pieces of so many bytes. */
  readonly chunkBytes?: number
}

/** A meter on a line: takes whole requests, gives the bytes of its answer or null. */
export interface LineMeter {
  readonly scanner: Scanner
  readonly answer: (request: Uint8Array) => Uint8Array | null
}

/** Puts meters on one line behind a TCP port of 127.0.0.1 until the test ends. @returns the link's address */
export async function startLine(t: Test, meters: readonly LineMeter[], faults: LineFaults = {}): Promise<string> {
  const sockets = new Set<Socket>()
  let deaf = faults.deafFor ?? 0
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => sockets.delete(socket))
    socket.on('close', () => sockets.delete(socket))
    const held = meters.map(() => Buffer.alloc(0))
    socket.on('data', (bytes: Buffer) => {
      if (faults.echo === true) socket.write(bytes)
      for (const [index, meter] of meters.entries()) {
        const [requests, rest] = framesIn(Buffer.concat([held[index] ?? Buffer.alloc(0), bytes]), meter.scanner)
        held[index] = rest
        for (const request of requests) {
          const reply = deaf > 0 ? null : meter.answer(request)
          deaf = Math.max(0, deaf - 1)
          if (reply !== null) say(socket, Buffer.concat([faults.noise ?? Buffer.alloc(0), reply]), faults.chunkBytes)
        }
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => closeServer(server, sockets))
  return `tcp://127.0.0.1:${portOf(server.address())}`
}

function say(socket: Socket, bytes: Buffer, chunkBytes = bytes.length): void {
  for (let at = 0; at < bytes.length; at += chunkBytes) socket.write(bytes.subarray(at, at + chunkBytes))
}

function framesIn(bytes: Buffer, scanner: Scanner): readonly [readonly Uint8Array[], Buffer<ArrayBuffer>] {
  const frames: Uint8Array[] = []
  let rest = bytes
  for (;;) {
    const found = rest.length === 0 ? null : scanner(rest)
    if (found === null || found.kind === 'incomplete') return [frames, Buffer.from(rest)]
    if (found.kind === 'frame') frames.push(Uint8Array.from(rest.subarray(0, found.length)))
    rest = rest.subarray(found.kind === 'frame' ? found.length : found.skip)
  }
}
