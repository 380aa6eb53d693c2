import { readSync, writeSync } from 'node:fs'
import type { SerialPort } from 'serialport'
import type { ModemLines } from '../../src/ports/index.js'
import { byteMsOf, type SerialSpec } from './link-url.js'
import { ReopeningLink, type Channel, type ChannelEvents, type LinkWorld, type WriteResult } from './reopening-link.js'

/**
 * A serial port of serialport's own binding (speed, parity and lock are its business), read and written without its stream:
 * the stream takes every byte through the thread pool, twice. The stream would also keep what is written to a closed
 * port and send it on opening; here a write to a closed port is refused.
 */
export function serialLink(spec: SerialSpec, world: LinkWorld, name = spec.path): ReopeningLink {
  return new ReopeningLink({
    ...world,
    name,
    byteMs: byteMsOf(spec),
    // Meters may all be dead on a wire that works; opening a port again would mend nothing.
    staleMs: 0,
    open: (events) => openSerial(spec, events),
  })
}

type Port = Awaited<ReturnType<typeof SerialPort.binding.open>>
/** A port with a file descriptor and a poller: Linux and macOS. */
type PolledPort = Extract<Port, { poller: unknown }>

/** Large enough for anything the kernel holds of one reply. */
const readBytesMax = 4096

function openSerial(spec: SerialSpec, events: ChannelEvents): () => void {
  openPort(spec).then(
    (port) => {
      if (!('poller' in port)) return events.lost('unsupported-platform', 'serial links need Linux or macOS')
      const channel = new SerialChannel(port, events)
      events.opened(channel)
      channel.listen()
    },
    (error: unknown) => events.lost(openCode(messageOf(error)), messageOf(error)),
  )
  // The binding cannot be stopped half-way; a port that opens too late is closed again.
  return () => {}
}

/** Sites without a serial port never load the package: it takes 5 MiB. */
async function openPort({ path, baud, parity, dataBits, stopBits, lock }: SerialSpec): Promise<Port> {
  const { SerialPort } = await import('serialport')
  return await SerialPort.binding.open({ path, baudRate: baud, parity, dataBits, stopBits, lock, hupcl: false })
}

class SerialChannel implements Channel {
  readonly #port: PolledPort
  readonly #events: ChannelEvents
  readonly #buffer = new Uint8Array(readBytesMax)
  #isClosed = false

  constructor(port: PolledPort, events: ChannelEvents) {
    this.#port = port
    this.#events = events
  }

  /** Always listening while open: without a listener the kernel's word that the device is gone would reach nobody. */
  listen(): void {
    if (this.#isClosed) return
    this.#port.poller.once('readable', (error) => {
      if (this.#isClosed) return
      if (error !== null) return this.#events.lost('device-gone', error.message)
      this.#read()
      this.listen()
    })
  }

  /** The descriptor does not block; what the driver's buffer cannot take at once follows by the binding's own write. */
  write(bytes: Uint8Array): WriteResult {
    const { fd } = this.#port
    if (this.#isClosed || fd === null) return { ok: false, code: 'not-open' }
    const written = attempt(() => writeSync(fd, bytes))
    if (!written.ok && written.code !== 'EAGAIN') return { ok: false, code: faultCode(written.code) }
    const rest = bytes.subarray(written.ok ? written.count : 0)
    if (rest.length > 0)
      this.#port.write(Buffer.from(rest)).catch((error: unknown) => this.#events.lost('write-failed', messageOf(error)))
    return { ok: true }
  }

  /** A pseudo-terminal has no lines; that is no reason to drop it. */
  setLines({ dtr, rts }: ModemLines): Promise<WriteResult> {
    if (this.#isClosed) return Promise.resolve({ ok: false, code: 'not-open' })
    return this.#port.set({ brk: false, cts: false, dsr: false, dtr, rts }).then(
      () => ({ ok: true }),
      () => ({ ok: false, code: 'no-lines' }),
    )
  }

  close(done: () => void): void {
    this.#isClosed = true
    this.#port.close().then(done, done)
  }

  #read(): void {
    const { fd } = this.#port
    if (fd === null) return
    const read = attempt(() => readSync(fd, this.#buffer, 0, readBytesMax, null))
    if (read.ok && read.count > 0) return this.#events.bytes(this.#buffer.slice(0, read.count))
    // Readable with nothing to read is a terminal that was hung up.
    if (read.ok) return this.#events.lost('device-gone', 'the device was unplugged')
    if (read.code !== 'EAGAIN') this.#events.lost(faultCode(read.code), `reading failed: ${read.code}`)
  }
}

type Attempt = { readonly ok: true; readonly count: number } | { readonly ok: false; readonly code: string }

function attempt(call: () => number): Attempt {
  try {
    return { ok: true, count: call() }
  } catch (error) {
    return { ok: false, code: error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN' }
  }
}

const goneCodes = ['EIO', 'ENXIO', 'ENODEV', 'EBADF']
const faultCode = (code: string): string => (goneCodes.includes(code) ? 'device-gone' : code.toLowerCase())

/** serialport's binding reports a failed open by its message alone. */
function openCode(message: string): string {
  if (/no such file|no such device|not exist/i.test(message)) return 'no-device'
  if (/lock/i.test(message)) return 'locked'
  if (/denied|permitted/i.test(message)) return 'no-permission'
  if (/busy/i.test(message)) return 'busy'
  if (/input\/output/i.test(message)) return 'device-gone'
  return 'open-failed'
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
