import type { Timers } from '../../src/ports/index.js'
import type { FakeLink } from './fake-link.js'

/**
 * The far end of a link to a local communication module, for tests. It is written from the facts page alone, with bytes of its own,
 * so that it shares no mistake with the codec. It does what a good module does; `misbehave` makes it do otherwise.
 */
export interface ScriptedOptions {
  /** Of 03F10: 1 narrowband, 2 broadband, 3 radio. */
  readonly medium?: 1 | 2 | 3
  /** Of 03F10: 1 concentrator, 2 module, 3 both. */
  readonly led?: 1 | 2 | 3
  readonly vendor?: string
  readonly mainNode?: string
  readonly nodesMax?: number
  readonly frameBytesMax?: number
  readonly slaveTimeoutS?: number
  /** Nodes that it gives in one page at most. */
  readonly pageMax?: number
  readonly windowMax?: number
  /** Functions of AFN F1 in its map (03F11). */
  readonly concurrent?: boolean
  /** Address and protocol type. */
  readonly archive?: readonly (readonly [string, number])[]
  readonly readMs?: number
  readonly broadcastWaitS?: number
}

export interface ModuleRequest {
  readonly mode: number
  readonly sequence: number
  readonly afn: number
  readonly fn: number
  readonly data: readonly number[]
  /** The meter, if the frame carries addresses. */
  readonly meter: string | null
  readonly at: number
}

/** What it does with a request in place of the normal: nothing, a refusal, its answer twice, later, or other bytes in its place. */
export type Misdeed =
  'silent' | { readonly deny: number } | 'twice' | { readonly lateMs: number } | { readonly say: readonly number[] } | null

const localMs = 40

/** @returns the meter's answer to a frame; null: none */
export type MeterAnswer = (meter: string, frame: Uint8Array) => Uint8Array | null

export class ScriptedModule {
  readonly options: Required<ScriptedOptions>
  archive: Map<string, number>
  readonly requests: ModuleRequest[] = []
  misbehave: (request: ModuleRequest) => Misdeed = () => null
  meter: MeterAnswer = () => null
  isOn = true
  /** It takes the command to lead and asks for no meter. */
  asksNobody = false
  /** Whether it leads reading, and where it stands. */
  routing: 'paused' | 'running' = 'paused'
  /** The most requests for meters it had at a time, and how often two were for one meter. */
  mostAtOnce = 0
  twiceOneMeter = 0
  readonly #link: FakeLink
  readonly #timers: Timers
  readonly #under: string[] = []
  #sequence = 0x80
  #run = 0
  #awaited: { readonly sequence: number; readonly answer: (request: ModuleRequest) => void } | null = null

  constructor(link: FakeLink, timers: Timers, options: ScriptedOptions = {}) {
    this.#link = link
    this.#timers = timers
    this.options = { ...usual, ...options }
    this.archive = new Map(this.options.archive)
    link.onRequest = (bytes) => this.#hear(bytes)
  }

  /** Requests of one function, in their order. */
  of(afn: number, fn: number): readonly ModuleRequest[] {
    return this.requests.filter((request) => request.afn === afn && request.fn === fn)
  }

  /** It starts, and says so. `forgets`: its archive is empty. */
  powerOn({ forgets = false, says = true }: { forgets?: boolean; says?: boolean } = {}): void {
    this.isOn = true
    this.routing = 'paused'
    this.#run++
    this.#under.length = 0
    if (forgets) this.archive = new Map()
    if (says) this.say(0x03, 10, this.#runMode())
  }

  /** A frame of its own. @returns its sequence */
  say(afn: number, fn: number, data: readonly number[], sequence = this.#next()): number {
    this.#link.say(moduleFrame({ control: 0xc0 | this.#mode, sequence, afn, fn, data }))
    return sequence
  }

  #hear(bytes: Uint8Array): void {
    const request = parseRequest(bytes, this.#timers)
    if (!this.isOn || request === null) return
    this.requests.push(request)
    const awaited = this.#awaited
    if (awaited !== null && request.sequence === awaited.sequence && [0x00, 0x14].includes(request.afn)) {
      this.#awaited = null
      return awaited.answer(request)
    }
    const misdeed = this.misbehave(request)
    if (misdeed === 'silent' || request.afn === 0x00 || request.afn === 0x14) return
    if (misdeed === null) return this.#serve(request, localMs)
    if (misdeed === 'twice') return this.#serve(request, localMs, true)
    if ('lateMs' in misdeed) return this.#serve(request, misdeed.lateMs)
    if ('say' in misdeed) return this.#later(localMs, () => this.#link.say(misdeed.say))
    this.#later(localMs, () => this.#answer(request, 0x00, 2, [misdeed.deny]))
  }

  #serve(request: ModuleRequest, afterMs: number, isTwice = false): void {
    const { afn, fn } = request
    if (afn === 0xf1 || afn === 0x13) return this.#read(request, afterMs - localMs, isTwice)
    if (isTwice) this.#serve(request, afterMs + 200)
    this.#later(afterMs, () => {
      const data = this.#data(request)
      if (data === 'confirm') this.#answer(request, 0x00, 1, [0xff, 0xff, 0xff, 0xff, 0, 0])
      else if (typeof data === 'number') this.#answer(request, 0x00, 2, [data])
      else this.#answer(request, data.length === 6 && afn === 0x05 ? 0x00 : afn, afn === 0x05 ? 1 : fn, data)
      if (afn === 0x01 && fn === 1) this.#later(3_000, () => this.powerOn())
    })
  }

  /** @returns data of the same function; `confirm`; a number: refused with it */
  #data({ afn, fn, data }: ModuleRequest): readonly number[] | 'confirm' | number {
    const start = (data[0] ?? 0) + 256 * (data[1] ?? 0)
    const count = Math.min(data[2] ?? 0, this.options.pageMax)
    switch (`${afn.toString(16)} ${fn}`) {
      case '3 1':
        return this.#vendor()
      case '3 4':
        return addressBytes(this.options.mainNode)
      case '3 9':
        return [7, 0, ...data]
      case '3 10':
        return this.#runMode()
      case '3 11':
        return [data[0] ?? 0, this.options.concurrent ? 1 : 0, ...Array<number>(31).fill(0)]
      case '5 1':
        Object.assign(this.options, { mainNode: addressText(data.slice(0, 6)) })
        return 'confirm'
      case '5 3':
        return [0xff, 0xff, 0xff, 0xff, ...word(this.options.broadcastWaitS)]
      case '1 2':
        this.archive = new Map()
        return 'confirm'
      case '10 1':
        return [...word(this.archive.size), ...word(this.options.nodesMax)]
      case '10 2':
        return this.#page(start, count)
      case '10 4':
        return [3, ...word(this.archive.size), ...word(0), ...word(0), 1, 0, 0, 1, 1, 1, 8, 8, 8]
      case '10 21':
        return this.#topology(start, count)
      case '10 31':
        return this.#phases(start, count)
      case '11 1':
        return this.#add(data)
      case '11 2':
        for (let at = 1; at < data.length; at += 6) this.archive.delete(addressText(data.slice(at, at + 6)))
        return 'confirm'
      case '12 1':
      case '12 3':
        this.routing = 'running'
        this.#later(100, () => this.#askFrom(0, this.#run))
        return 'confirm'
      case '12 2':
        this.routing = 'paused'
        return 'confirm'
      default:
        return [0x01, 0x05, 0x11].includes(afn) ? 'confirm' : 4
    }
  }

  #read(request: ModuleRequest, lateMs: number, isTwice: boolean): void {
    const { meter, afn, data } = request
    if (meter === null) return
    if (!this.archive.has(meter)) return this.#later(localMs, () => this.#answer(request, 0x00, 2, [7]))
    if (afn === 0xf1 && this.#under.length >= this.options.windowMax)
      return this.#later(localMs, () => this.#answer(request, 0x00, 2, [109]))
    if (this.#under.includes(meter)) this.twiceOneMeter++
    this.#under.push(meter)
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#under.length)
    const frame = Uint8Array.from(afn === 0xf1 ? data.slice(4) : data.slice(4 + 6 * (data[2] ?? 0)))
    this.#later(this.options.readMs + lateMs, () => {
      this.#under.splice(this.#under.indexOf(meter), 1)
      const reply = [...(this.meter(meter, frame) ?? [])]
      const type = data[0] ?? 0
      const payload = afn === 0xf1 ? [type, ...word(reply.length), ...reply] : [1, 0, type, reply.length, ...reply]
      this.#answer(request, afn, request.fn, payload)
      if (isTwice) this.#later(200, () => this.#answer(request, afn, request.fn, payload))
    })
  }

  /** Leads reading: asks for the frame of one node after the other, reads it, brings the answer, and goes on. */
  #askFrom(index: number, run: number): void {
    if (this.routing !== 'running' || run !== this.#run || !this.isOn || this.asksNobody) return
    const meter = [...this.archive.keys()][index]
    if (meter === undefined) {
      this.routing = 'paused'
      this.say(0x06, 3, [1])
      return
    }
    const again = (next: number): void => this.#later(60, () => this.#askFrom(next, run))
    this.#await(0x14, 1, [0, ...addressBytes(meter), ...word(index + 1)], (answer) => {
      const [flag, , length = 0] = answer.data
      if (answer.afn !== 0x14 || flag !== 2) return again(index + 1)
      const frame = Uint8Array.from(answer.data.slice(3, 3 + length))
      this.#later(this.options.readMs, () => {
        const reply = this.meter(meter, frame)
        if (reply === null) return again(index + 1)
        const data = [...word(index + 1), this.archive.get(meter) ?? 0, 1, 0, reply.length, ...reply]
        this.#await(0x06, 2, data, () => again(index))
      })
    })
  }

  #await(afn: number, fn: number, data: readonly number[], answer: (request: ModuleRequest) => void): void {
    const sequence = this.#next()
    this.#awaited = { sequence, answer }
    this.say(afn, fn, data, sequence)
  }

  #page(start: number, count: number): readonly number[] {
    const nodes = [...this.archive].slice(Math.max(0, start - 1), start - 1 + count)
    return [
      ...word(this.archive.size),
      nodes.length,
      ...nodes.flatMap(([address, type]) => [...addressBytes(address), 0x92, (type << 3) | 1]),
    ]
  }

  #topology(start: number, count: number): readonly number[] {
    const all = [this.options.mainNode, ...this.archive.keys()]
    const nodes = all.slice(start - 1, start - 1 + count)
    const rows = nodes.flatMap((address, index) => {
      const tei = start + index
      // The main node is 1; the last node hangs on the one before it.
      const isLast = tei === all.length && tei > 2
      return [...addressBytes(address), ...word(tei), ...word(isLast ? tei - 1 : 1), tei === 1 ? 0x40 : isLast ? 0x12 : 0x11]
    })
    return [...word(all.length), ...word(start), nodes.length, ...rows]
  }

  #phases(start: number, count: number): readonly number[] {
    const nodes = [...this.archive.keys()].slice(start - 1, start - 1 + count)
    const rows = nodes.flatMap((address) => [...addressBytes(address), 0x02, 0x00])
    return [...word(this.archive.size), ...word(start), nodes.length, ...rows]
  }

  #add(data: readonly number[]): 'confirm' | number {
    for (let at = 1; at < data.length; at += 7) {
      if (this.archive.size >= this.options.nodesMax) return 1
      this.archive.set(addressText(data.slice(at, at + 6)), data[at + 6] ?? 0)
    }
    return 'confirm'
  }

  #vendor(): readonly number[] {
    const [a = 'X', b = 'X'] = this.options.vendor
    return [b.charCodeAt(0), a.charCodeAt(0), 0x31, 0x30, 0x18, 0x10, 0x23, 0x05, 0x01]
  }

  #runMode(): readonly number[] {
    const { medium, led, slaveTimeoutS, frameBytesMax, mainNode, nodesMax } = this.options
    const first = medium | 0x30 | (led << 6)
    const times = [slaveTimeoutS, ...word(90), ...word(frameBytesMax), ...word(400), 5]
    const counts = [...addressBytes(mainNode), ...word(nodesMax), ...word(this.archive.size)]
    // 00F1 to a broadcast comes before it is carried out.
    return [first, 0x29, 1, 0, 0, 0, ...times, ...counts, 0x18, 0x09, 0x13, 0x21, 0x03, 0x13, ...this.#vendor()]
  }

  get #mode(): number {
    return this.options.medium === 1 ? 1 : this.options.medium === 2 ? 3 : 10
  }

  #answer({ sequence, meter }: ModuleRequest, afn: number, fn: number, data: readonly number[]): void {
    const addresses = meter !== null && afn !== 0 ? [...addressBytes(meter), ...addressBytes(this.options.mainNode)] : []
    this.#link.say(moduleFrame({ control: 0x80 | this.#mode, sequence, addresses, afn, fn, data }))
  }

  #later(ms: number, act: () => void): void {
    const run = this.#run
    this.#timers.after(ms, () => {
      if (this.isOn && run === this.#run) act()
    })
  }

  #next(): number {
    this.#sequence = (this.#sequence + 1) % 256
    return this.#sequence
  }
}

/** A frame of a module's, byte for byte after the facts page, section 2. */
export function moduleFrame(parts: {
  readonly control: number
  readonly sequence: number
  readonly addresses?: readonly number[]
  readonly afn: number
  readonly fn: number
  readonly data: readonly number[]
}): readonly number[] {
  const { control, sequence, addresses = [], afn, fn, data } = parts
  const info = [addresses.length > 0 ? 4 : 0, 0, 2, 0x76, 0, sequence]
  const body = [control, ...info, ...addresses, afn, 1 << ((fn - 1) % 8), Math.floor((fn - 1) / 8), ...data]
  const sum = body.reduce((total, byte) => (total + byte) % 256, 0)
  return [0x68, ...word(body.length + 5), ...body, sum, 0x16]
}

export const addressBytes = (text: string): readonly number[] =>
  (text.padStart(12, '0').match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)).reverse()
export const word = (value: number): readonly number[] => [value % 256, Math.floor(value / 256)]

const addressText = (bytes: readonly number[]): string =>
  [...bytes]
    .reverse()
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
    .join('')

/** Reads a frame to the module; null: it is broken, which a test must not see. */
function parseRequest(bytes: Uint8Array, clock: object): ModuleRequest | null {
  const at = 'monotonic' in clock && typeof clock.monotonic === 'function' ? Number(clock.monotonic()) : 0
  const length = (bytes[1] ?? 0) + 256 * (bytes[2] ?? 0)
  const sum = bytes.slice(3, -2).reduce((total, byte) => (total + byte) % 256, 0)
  if (bytes[0] !== 0x68 || length !== bytes.length || bytes.at(-1) !== 0x16 || bytes.at(-2) !== sum) return null
  const hasAddresses = ((bytes[4] ?? 0) & 4) !== 0
  const unitAt = hasAddresses ? 22 : 10
  const dt1 = bytes[unitAt + 1] ?? 0
  return {
    mode: (bytes[3] ?? 0) & 0x3f,
    sequence: bytes[9] ?? 0,
    afn: bytes[unitAt] ?? 0,
    fn: 8 * (bytes[unitAt + 2] ?? 0) + Math.log2(dt1) + 1,
    data: [...bytes.slice(unitAt + 3, -2)],
    meter: hasAddresses ? addressText([...bytes.slice(16, 22)]) : null,
    at,
  }
}

const usual: Required<ScriptedOptions> = {
  medium: 2,
  led: 3,
  vendor: 'TC',
  mainNode: '000000009999',
  nodesMax: 2040,
  frameBytesMax: 527,
  slaveTimeoutS: 40,
  pageMax: 15,
  windowMax: 20,
  concurrent: true,
  archive: [],
  readMs: 800,
  broadcastWaitS: 4,
}
