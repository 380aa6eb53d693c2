import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import modbusSerial from 'modbus-serial'
import t, { type Test } from 'tap'
import { createLink, parseLinkUrl } from '../../drivers/link/index.js'
import { createRs485Bus } from '../../drivers/rs485/index.js'
import { startWires } from '../../scripts/wire-process.js'
import { meterAddress, monotonicMs } from '../../src/model/index.js'
import type { ReadOutcome } from '../../src/ports/index.js'
import {
  decodeFrame,
  encodeRequest,
  encodeWords,
  frameSplitter,
  modbusProtocol,
  parseReply,
  replyScanner,
  requestScanner,
  serveFrame,
  type DeviceMemory,
  type Request,
} from '../../src/protocols/modbus/index.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { lineLog } from '../helpers/line-log.js'
import { mapOf } from '../helpers/modbus.js'
import { valueOf } from '../helpers/outcome.js'
import { driveSession, type OwnBus } from '../helpers/session-driver.js'

/*
 * The other side of each test is modbus-serial: an independent device over a terminal for our master, an independent master for our
 * device. Its device does not look at a request's checksum; its master does at an answer's, and our device at a request's.
 */

const unit = 17
const map = mapOf(
  [
    { code: 'energy', address: 0, type: 'u32', count: 2, exponent: -2, unit: 'kWh' },
    { code: 'voltage', address: 2, count: 3, exponent: -1, unit: 'V', invalid: ['0xFFFF'] },
    { code: 'power', address: 5, type: 's32', count: 2, exponent: -3, unit: 'kW', wordOrder: 'low-first' },
    { code: 'float', address: 7, type: 'f32', count: 2, exponent: -2 },
    { code: 'double', address: 9, type: 'f64', count: 4, exponent: -4 },
    { code: 'bcd', address: 13, type: 'bcd', count: 2 },
    { code: 'gone', address: 15 },
    { code: 'long', address: 100, count: 125 },
    { code: 'input', function: 4, address: 3, type: 's16', exponent: -1, unit: '°C' },
    { code: 'coils', function: 1, address: 0, type: 'bits', count: 11, bits: ['closed', '', 'alarm'] },
    { code: 'inputs', function: 2, address: 4, type: 'bits', count: 3 },
  ],
  { gapMax: 0 },
)
const stated: Readonly<Record<string, readonly (number | null)[]>> = {
  energy: [12_345_678],
  voltage: [2301, null, 2299],
  power: [-1234],
  float: [-1250],
  double: [123_456_789],
  bcd: [20_261_122],
}

/** Holding registers 0 to 14, and 100 to 224. */
const holding = new Map<number, number>()
for (const register of map.registers) {
  const values = stated[register.code]
  if (values === undefined) continue
  for (const [index, word] of encodeWords(register, values).entries()) holding.set(register.address + index, word)
}
for (let index = 0; index < 125; index += 1) holding.set(100 + index, index * 521)
const coils = new Map(Array.from({ length: 20 }, (_, index) => [index, index % 3 === 0] as const))

const missing = Object.assign(new Error('there is nothing'), { modbusErrorCode: 2 })
type Callback<T> = (error: Error | null, value: T) => void
const answerFrom = <T>(found: T | undefined, blank: T, answer: Callback<T>) =>
  found === undefined ? answer(missing, blank) : answer(null, found)

/** What the independent device holds: the same as ours. */
const vector = {
  getHoldingRegister: (address: number, _unit: number, answer: Callback<number>) => answerFrom(holding.get(address), 0, answer),
  getInputRegister: (address: number, _unit: number, answer: Callback<number>) =>
    answerFrom(address === 3 ? 0x1_0000 - 55 : undefined, 0, answer),
  getCoil: (address: number, _unit: number, answer: Callback<boolean>) => answerFrom(coils.get(address), false, answer),
  getDiscreteInput: (address: number, _unit: number, answer: Callback<boolean>) => answer(null, address === 5),
  setRegister: (address: number, value: number, _unit: number, done: (error: Error | null) => void) => {
    holding.set(address, value)
    done(null)
  },
  setCoil: (address: number, value: boolean, _unit: number, done: (error: Error | null) => void) => {
    coils.set(address, value)
    done(null)
  },
}

/** A TCP port that joins whoever connects: what one says, all others hear. */
async function startJoint(): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
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

function portOf(address: unknown): number {
  if (typeof address !== 'object' || address === null || !('port' in address)) throw new Error('the server has no port')
  return Number(address.port)
}

async function closeServer(server: ReturnType<typeof createServer>, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy()
  server.close()
  await once(server, 'close')
}

const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })

async function openBus(url: string): Promise<OwnBus> {
  const link = createLink(valueOf(parseLinkUrl(url)), { clock, timers: systemTimers, random: systemRandom, log: lineLog().log })
  const settings = { interByteMs: 200, broadcastQuietMs: 50, cancelsEcho: false }
  const bus = createRs485Bus({ link, clock, timers: systemTimers, settings })
  await new Promise<void>((resolve) => bus.onState((up) => up && resolve()))
  return { bus, clock, firstByteMs: 2000 }
}

const shown = (outcome: ReadOutcome): unknown => {
  if (!outcome.ok) return outcome.error.errors.join() || outcome.error.code
  return outcome.values.map((value) => (value.kind === 'number' ? value.int : value.kind === 'bits' ? value.hex : value.text))
}

await t.test('our master against an independent device, over two terminals', async (t) => {
  const joint = await startJoint()
  const folder = t.testdir({})
  const [ours, theirs] = [join(folder, 'master'), join(folder, 'device')]
  const target = `127.0.0.1:${joint.port}`
  const wires = await startWires({
    wires: [
      { link: ours, connect: target },
      { link: theirs, connect: target },
    ],
    baud: 115_200,
    replyDelayMs: 1,
  })
  const device = new modbusSerial.ServerSerial(vector, { path: theirs, baudRate: 115_200, unitID: unit })
  await once(device, 'initialized')
  const own = await openBus(`serial:${ours}?baud=115200`)
  t.teardown(async () => {
    await own.bus.close()
    await new Promise<void>((resolve) => device.close(() => resolve()))
    await wires.stop()
    await joint.close()
  })
  const protocol = modbusProtocol(map)
  const read = async (codes: readonly string[], address = unit): Promise<unknown> => {
    const registers = codes.map((register) => ({ register }))
    const outcomes = await driveSession(protocol.read({ address: meterAddress(String(address)), registers, repeats: 0 }), own)
    return outcomes.map(shown)
  }

  await t.test('values of every type come as they were put in', async (t) => {
    const codes = Object.keys(stated)
    t.strictSame(
      await read(codes),
      codes.map((code) => stated[code]),
    )
    t.strictSame(await read(['long']), [Array.from({ length: 125 }, (_, index) => index * 521)], 'the longest request')
    t.strictSame(await read(['input', 'coils', 'inputs']), [[-55], ['249'], ['2']])
  })

  await t.test('one register that is not there does not take its neighbours with it', async (t) => {
    t.strictSame(await read(['double', 'bcd', 'gone']), [stated['double'], stated['bcd'], 'illegal-data-address'])
  })

  await t.test('nobody answers for another address', async (t) => {
    const quick: OwnBus = { ...own, firstByteMs: 200 }
    const plan = { address: meterAddress('18'), registers: [{ register: 'energy' }], repeats: 0 }
    t.match(await driveSession(protocol.read(plan), quick), [{ ok: false, error: { code: 'no-reply' } }])
  })

  await t.test('what is written is written', async (t) => {
    const requests: readonly Request[] = [
      { fn: 'write-register', start: 200, word: 0xabcd },
      { fn: 'write-registers', start: 201, words: [1, 0xffff, 3] },
      { fn: 'write-coil', start: 12, bit: true },
      { fn: 'write-coils', start: 13, bits: [false, true, true, false, true] },
    ]
    for (const request of requests) {
      const deadline = monotonicMs(clock.monotonic() + 10_000)
      const bytes = encodeRequest(unit, request)
      const to = meterAddress(String(unit))
      const outcome = await own.bus.exchange(
        { to, bytes, reply: replyScanner(unit, request), quietMs: 5, firstByteMs: 2000 },
        deadline,
      )
      t.equal(outcome.kind, 'reply', request.fn)
      if (outcome.kind === 'reply')
        t.match(parseReply(valueOf(decodeFrame(outcome.frame))), { ok: true, value: { fn: request.fn } })
    }
    t.strictSame(
      [200, 201, 202, 203].map((address) => holding.get(address)),
      [0xabcd, 1, 0xffff, 3],
    )
    t.strictSame(
      [12, 13, 14, 15, 16, 17].map((address) => coils.get(address)),
      [true, false, true, true, false, true],
    )
  })
})

/** Our device, on the port of a raw serial server. */
async function startDevice(): Promise<{
  readonly port: number
  readonly words: Map<number, number>
  readonly close: () => Promise<void>
}> {
  const words = new Map(Array.from({ length: 20 }, (_, index) => [index, 1000 + index] as const))
  const bits = new Map(Array.from({ length: 20 }, (_, index) => [index, index % 2 === 0] as const))
  const memory: DeviceMemory = {
    coil: (address) => bits.get(address) ?? null,
    input: (address) => (address < 8 ? address === 3 : null),
    holding: (address) => words.get(address) ?? null,
    inputRegister: (address) => (address < 4 ? 7 * address : null),
  }
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    const splitter = frameSplitter(requestScanner, (frame) => {
      const { reply, writes } = serveFrame(unit, frame, memory)
      for (const write of writes) {
        if (write.table === 'coil') bits.set(write.address, write.bit)
        else words.set(write.address, write.word)
      }
      if (reply !== null) socket.write(reply)
    })
    socket.on('data', (bytes: Buffer) => splitter.push(bytes))
    socket.on('error', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server.address()), words, close: () => closeServer(server, sockets) }
}

type Master = InstanceType<typeof modbusSerial.default>

/** Opens the independent master, over TCP or over a terminal. */
type Open = (master: Master, port: number) => Promise<() => Promise<void>>

const overTcp: Open = async (master, port) => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  await master.connectRTUSocket(socket)
  return async () => void socket.destroy()
}

const overTerminal =
  (path: string): Open =>
  async (master, port) => {
    const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${port}` }], baud: 115_200, replyDelayMs: 1 })
    await master.connectRTUBuffered(path, { baudRate: 115_200 })
    return async () => void (await wires.stop())
  }

async function openMaster(t: Test, open: Open) {
  const device = await startDevice()
  const master = new modbusSerial.default()
  const close = await open(master, device.port)
  t.teardown(async () => {
    await close()
    await device.close()
  })
  master.setID(unit)
  master.setTimeout(3000)
  return { master, words: device.words }
}

/** What both ways of the independent master can do. */
async function masterContract(t: Test, master: Master, words: ReadonlyMap<number, number>): Promise<void> {
  t.strictSame((await master.readHoldingRegisters(3, 4)).data, [1003, 1004, 1005, 1006])
  t.strictSame((await master.readInputRegisters(0, 4)).data, [0, 7, 14, 21])
  t.strictSame((await master.readCoils(1, 3)).data.slice(0, 3), [false, true, false])
  t.strictSame((await master.readDiscreteInputs(2, 3)).data.slice(0, 3), [false, true, false])
  await master.writeRegister(5, 77)
  await master.writeRegisters(6, [78, 79])
  t.strictSame([words.get(5), words.get(6), words.get(7)], [77, 78, 79])
  await master.writeCoil(1, true)
  await master.writeCoils(2, [false, true, true])
  t.strictSame((await master.readCoils(1, 4)).data.slice(0, 4), [true, false, true, true])
  t.equal(await exceptionOf(master.readHoldingRegisters(18, 4)), 2, 'illegal data address')
  t.equal(await exceptionOf(master.writeCoil(99, true)), 2)
}

/** The code of the exception that the independent master was told. */
async function exceptionOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return null
  } catch (error) {
    return error instanceof Error && 'modbusCode' in error ? error.modbusCode : error
  }
}

await t.test('an independent master against our device, over a terminal', async (t) => {
  const { master, words } = await openMaster(t, overTerminal(join(t.testdir({}), 'bus')))
  await masterContract(t, master, words)
  await new Promise<void>((resolve) => master.close(() => resolve()))
})

await t.test('an independent master against our device, over TCP', async (t) => {
  const { master, words } = await openMaster(t, overTcp)
  await masterContract(t, master, words)
  await master.maskWriteRegister(8, 0x00f0, 0x000f)
  t.equal(words.get(8), (1008 & 0xf0) | 0x0f)
  const both = await new Promise<readonly number[]>((resolve, reject) =>
    master.writeFC23(unit, 0, 3, 1, 2, [11, 12], (error: unknown, result) => {
      if (error instanceof Error) reject(error)
      else resolve(result.data)
    }),
  )
  t.strictSame(both, [1000, 11, 12], 'written first, then read')
})
