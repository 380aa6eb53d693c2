/**
 * Meters of a bench, in a process of their own: one TCP port for each bus, on which every meter answers every read at once with the same
 * energy. Addresses that begin with 99 belong to dead meters. Arguments: the number of buses. Prints the ports as a JSON list.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { decodeFrame, encodeReply, frameSplitter, parseRequest, wakeUpBytes } from '../../src/protocols/dlt645/index.js'

const energy = Uint8Array.of(0x26, 0x80, 0x12, 0x01)

async function startBus(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    const splitter = frameSplitter((bytes) => {
      const frame = decodeFrame(bytes)
      if (!frame.ok || frame.value.address.startsWith('99')) return
      const request = parseRequest(frame.value)
      if (!request.ok || request.value.fn !== 'read') return
      const { di } = request.value
      socket.write(encodeReply(frame.value.address, { kind: 'reply', fn: 'read', di, data: energy, more: false }, wakeUpBytes))
    })
    socket.on('data', (chunk) => splitter.push(chunk))
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return address !== null && typeof address !== 'string' ? address.port : 0
}

const ports = await Promise.all(Array.from({ length: Number(process.argv[2] ?? '1') }, startBus))
console.log(JSON.stringify(ports))
// Ends with the bench: its end closes our standard input.
process.stdin.on('end', () => process.exit(0)).resume()
