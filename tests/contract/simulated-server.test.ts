import { connect, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { noFaults, SimulatedArea, SimulatedServer, startControlServer } from '../../drivers/simulated/index.js'
import type { AreaOptions, BusFaults } from '../../drivers/simulated/index.js'
import { decodeFrame, encodeRequest, frameSplitter } from '../../src/protocols/dlt645/index.js'
import { createSystemClock, systemTimers } from '../../src/runtime/system-clock.js'

const options: AreaOptions = { seed: 1, buses: 1, metersPerBus: 3, startsAt: Date.now(), utcOffsetMinutes: 480, baud: 0 }

interface Bench {
  readonly area: SimulatedArea
  readonly server: SimulatedServer
  readonly port: number
}

async function bench(t: Test, faults: Partial<BusFaults> = {}, chunkBytesMax?: number): Promise<Bench> {
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const area = new SimulatedArea({ ...options, faults: { ...noFaults, ...faults } }, { clock, timers: systemTimers })
  const [bus] = area.buses
  if (bus === undefined) throw new Error('no bus')
  const pieces = chunkBytesMax === undefined ? {} : { chunkBytesMax }
  const server = new SimulatedServer({
    wire: bus.wire,
    now: () => area.now(),
    timers: systemTimers,
    byteMs: 0,
    keepsDelays: false,
    seed: 1,
    ...pieces,
  })
  const port = await server.listen(0)
  t.teardown(() => server.close())
  return { area, server, port }
}

async function open(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return socket
}

/** The next whole frame that comes. */
function nextFrame(socket: Socket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const splitter = frameSplitter(resolve)
    socket.on('data', (bytes) => splitter.push(bytes))
    socket.once('close', () => reject(new Error('closed')))
  })
}

const request = (address: string): Uint8Array => encodeRequest(address, { fn: 'read', di: '0001FF00', load: null })

await t.test('meters answer over TCP, whatever the pieces', async (t) => {
  const { area, port, server } = await bench(t, {}, 3)
  const socket = await open(t, port)
  const [first] = area.archive
  for (const byte of request(first?.address ?? '')) socket.write(Uint8Array.of(byte))
  const decoded = decodeFrame(await nextFrame(socket))
  t.match(decoded, { ok: true, value: { address: first?.address, control: 0x91 } })
  t.strictSame(server.statistics, { requests: 1, replies: 1, overlaps: 0, clients: 1 })
})

await t.test('a new client takes the place of the old; a pulled line throws both out', async (t) => {
  const { area, port, server } = await bench(t)
  const old = await open(t, port)
  const gone = new Promise((resolve) => old.once('close', resolve))
  const fresh = await open(t, port)
  await gone
  const thrown = new Promise((resolve) => fresh.once('close', resolve))
  server.setPlugged(false)
  await thrown
  const refused = await open(t, port)
  await new Promise((resolve) => refused.once('close', resolve))
  server.setPlugged(true)
  const again = await open(t, port)
  again.write(request(area.archive[1]?.address ?? ''))
  t.ok(await nextFrame(again))
})

await t.test('echo and two requests at once are seen', async (t) => {
  const { area, port, server } = await bench(t, { echo: true })
  const socket = await open(t, port)
  const [first, second] = area.archive.map(({ address }) => request(address))
  const frames: Uint8Array[] = []
  const three = new Promise<void>((resolve) => {
    const splitter = frameSplitter((frame) => {
      frames.push(frame)
      if (frames.length === 3) resolve()
    })
    socket.on('data', (bytes) => splitter.push(bytes))
  })
  socket.write(first ?? '')
  socket.write(Uint8Array.of(0xfe))
  socket.write(second ?? '')
  await three
  t.ok(
    frames.some((frame) => decodeFrame(frame).ok && frame[12] === 0x11),
    'the request itself comes back',
  )
  t.ok(server.statistics.requests >= 1)
})

await t.test('the control socket answers line by line', async (t) => {
  const { area, server } = await bench(t)
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-control-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'control.sock')
  const close = await startControlServer({ area, servers: new Map([['bus1', server]]), stop: () => undefined }, path)
  const socket = connect(path)
  const answers: string[] = []
  const two = new Promise<void>((resolve) => {
    createInterface({ input: socket }).on('line', (line) => {
      answers.push(line)
      if (answers.length === 2) resolve()
    })
  })
  socket.write('{"do":"press","meter":"m1-001"}\n\n{"do":"unplug",')
  socket.write('"link":"bus1"}\n')
  await two
  t.strictSame(answers, ['{"ok":true,"value":false}', '{"ok":true,"value":null}'])
  const flooder = connect(path)
  const thrown = new Promise((resolve) => flooder.once('close', resolve))
  flooder.on('error', () => undefined)
  flooder.write('x'.repeat(100_000))
  await thrown
  await close()
  await t.rejects(startControlServer({ area, servers: new Map(), stop: () => undefined }, join(folder, 'no', 'path')))
})
