import type { MeterAddress } from '../../src/model/index.js'
import type { Bus, ExchangeOutcome, ExchangeRequest, MeshNetwork, TraceLine } from '../../src/ports/index.js'
import { replyOf, testAddress } from './test-protocol.js'

interface UnderWay {
  readonly to: MeterAddress | 'all'
  readonly register: number
  /** Registers that travel along. */
  readonly along: readonly number[]
  readonly settle: (outcome: ExchangeOutcome) => void
}

/** A medium of several exchanges at a time, for the test protocol: each ends when the test says so. */
export class WideBus implements Bus {
  readonly capabilities: Bus['capabilities']
  /** How often a meter was asked while it was being asked. */
  twice = 0
  /** What is under way has left and cannot be recalled. */
  hasLeft = false
  /** Every request, as it was given. */
  readonly requests: ExchangeRequest[] = []
  readonly #delayMs: number | null
  #isUp = true
  #exchanges: UnderWay[] = []
  #tell: ((up: boolean, code: string) => void)[] = []

  /** Gives back the exchange of a meter when it is recalled. */
  readonly network: MeshNetwork = {
    setNodes: () => {},
    snapshot: () => ({ stage: 'ready', trouble: '', module: null, nodes: [], moduleRestarts: 0 }),
    onReport: () => {},
    search: () => {},
    broadcastDelayMs: () => Promise.resolve(this.#delayMs),
    recall: (meter) => {
      if (!this.hasLeft) this.#end(meter, () => ({ kind: 'bus-down', code: 'recalled', sent: false }))
    },
  }

  /** @param delayMs what the module says of a broadcast */
  constructor(
    concurrency: number,
    { framesAtOnce = 1, delayMs = null }: { framesAtOnce?: number; delayMs?: number | null } = {},
  ) {
    this.#delayMs = delayMs
    this.capabilities = { concurrency, framesAtOnce, broadcast: true, routing: true, exchangeMsMax: 90_000 }
  }

  exchange(request: ExchangeRequest): Promise<ExchangeOutcome> {
    const { bytes } = request
    this.requests.push(request)
    // In the test protocol meter 0 is all meters.
    const to = request.to === testAddress(0) ? 'all' : request.to
    if (this.#exchanges.some((other) => other.to === to)) this.twice++
    const along = (request.along ?? []).map((other) => other.bytes[2] ?? 0)
    return new Promise((settle) => this.#exchanges.push({ to, register: bytes[2] ?? 0, along, settle }))
  }

  /** Meter and register of each. */
  underWay(): readonly string[] {
    return this.#exchanges.map(({ to, register, along }) => [to, register, ...along].join(' '))
  }

  /** @param meter its number, or `all`; @param lost registers that travelled along and were not answered */
  answer(meter: string, lost: readonly number[] = []): void {
    this.#end(meter, ({ register, along }) => {
      if (meter === 'all') return { kind: 'sent' }
      const reply = (of: number): Uint8Array => replyOf(Number(meter), of, 1)
      const others = along.length === 0 ? {} : { along: along.map((other) => (lost.includes(other) ? null : reply(other))) }
      return { kind: 'reply', frame: reply(register), firstByteMs: 1, totalMs: 1, noiseBytes: 0, ...others }
    })
  }

  fail(meter: string): void {
    this.#end(meter, () => ({ kind: 'bus-down', code: 'closed', sent: true }))
  }

  setUp(up: boolean): void {
    this.#isUp = up
    for (const tell of this.#tell) tell(up, 'test')
  }

  readonly isUp = (): boolean => this.#isUp

  onState(handler: (up: boolean, code: string) => void): void {
    this.#tell.push(handler)
  }

  onUnsolicited(): void {}

  trace(): readonly TraceLine[] {
    return []
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #end(meter: string, outcome: (exchange: UnderWay) => ExchangeOutcome): void {
    const exchange = this.#exchanges.find(({ to }) => to === meter)
    if (exchange === undefined) return
    this.#exchanges = this.#exchanges.filter((other) => other !== exchange)
    exchange.settle(outcome(exchange))
  }
}
