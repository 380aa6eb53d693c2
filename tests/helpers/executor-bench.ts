import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { unknownMeterClock } from '../../src/collection/index.js'
import {
  epochMs,
  fail,
  keyId,
  linkId,
  meterAddress,
  ok,
  toLocal,
  type AuthorisedOrder,
  type JournalledOrder,
  type LinkId,
  type LocalTime,
  type MeterAddress,
  type MeterId,
  type OrderBody,
  type RelayCommand,
  type SiteParameters,
} from '../../src/model/index.js'
import { fromLocal } from '../../src/model/index.js'
import type {
  Bus,
  Effects,
  Job,
  JobResult,
  MeterProtocol,
  ReadError,
  ReadOutcome,
  RelayOutcome,
  RelayState,
  Runner,
  Session,
  SessionInput,
  Store,
  WatchHint,
} from '../../src/ports/index.js'
import { createOrderExecutor, type OrderExecutor, type OrderExecutorOptions } from '../../src/runtime/order-executor.js'
import { createStamps } from '../../src/runtime/stamps.js'
import { openInProcessStore } from '../../src/store/index.js'
import { silentLog } from './collection-bench.js'
import { at } from './prepaid-case.js'
import { siteOf } from './store-site.js'

const exchangeMs = 100
const offset = 480

/** What a scripted meter does with one request. */
export type Fate =
  | 'ok'
  /** The request never arrives. */
  | 'lost'
  /** It arrives and acts; the answer does not come back. */
  | 'mute'
  | 'refused'
  | 'chip'

type Request =
  | { readonly op: 'order'; readonly command: RelayCommand; readonly expiry: LocalTime }
  | { readonly op: 'state' }
  | { readonly op: 'read'; readonly register: string }
  | { readonly op: 'clock' }
  | { readonly op: 'set-clock'; readonly time: LocalTime }

/** A meter that does what the test says; by default it obeys. */
export class ScriptedMeter {
  contact: 'closed' | 'open' = 'closed'
  command: 'close' | 'trip' = 'close'
  alarm = false
  protected = false
  isSilent = false
  /** Trips only when the test opens the contact. */
  isSlow = false
  driftMs = 0
  /** Fates of the next relay orders; then they are carried out. */
  readonly fates: Fate[] = []
  /** Relay orders that were carried out. */
  readonly acted: RelayCommand[] = []
  /** Relay orders that arrived or not. */
  asked = 0

  act(command: RelayCommand): void {
    this.acted.push(command)
    if (command === 'trip') [this.command, this.contact] = ['trip', this.isSlow ? this.contact : 'open']
    if (command === 'permit-to-close') this.command = 'close'
    if (command === 'alarm-on' || command === 'alarm-off') this.alarm = command === 'alarm-on'
    if (command === 'protect-on' || command === 'protect-off') this.protected = command === 'protect-on'
  }
}

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const decode = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T

/** One exchange, whose reply (or the lack of one) settles the session. */
function once<T>(to: MeterAddress | 'all', request: Request, settle: (input: SessionInput) => T): Session<T> {
  const isWrite = request.op === 'order' || request.op === 'set-clock'
  const reply = request.op === 'set-clock' ? 'none' : () => ({ kind: 'incomplete' }) as const
  return {
    effect: { kind: 'exchange', to, bytes: encode(request), reply, holdsBus: false, isWrite },
    step: (input) => ({
      effect: { kind: 'settled', outcome: settle(input) },
      step: () => {
        throw new Error('the session has settled')
      },
    }),
  }
}

const readError = (code: ReadError['code']): ReadError => ({ code, retry: 'later', errors: [], message: code, frame: null })

/** A protocol in JSON, as thin as a port allows. */
export const scriptedProtocol: MeterProtocol = {
  name: 'dlt645-2007',
  read: (plan) =>
    once(plan.address, { op: 'read', register: plan.registers.map(({ register }) => register).join() }, (input): ReadOutcome[] =>
      plan.registers.map(({ register }) =>
        input.kind === 'reply'
          ? { register, ok: true, values: decode<{ values: ReadOutcome & { ok: true } }>(input.frame).values.values, records: [] }
          : { register, ok: false, error: readError('no-reply') },
      ),
    ),
  checkRegister: (register) =>
    register === '' ? fail({ code: 'bad-register', at: '', message: 'a register has digits' }) : ok(register),
  checkAddress: (address) => ok(meterAddress(address)),
  relay: {
    order: ({ address, command, expiry }) => once(address, { op: 'order', command, expiry }, relayOutcome),
    state: (address) =>
      once(address, { op: 'state' }, (input): RelayState =>
        input.kind === 'reply' ? decode<RelayState>(input.frame) : { kind: 'unreadable', error: readError('no-reply') },
      ),
  },
  clock: {
    read: (address) =>
      once(address, { op: 'clock' }, (input) =>
        input.kind === 'reply' ? ok(decode<LocalTime>(input.frame)) : fail(readError('no-reply')),
      ),
    broadcast: (time, to) =>
      once(to, { op: 'set-clock', time }, (input) => (input.kind === 'sent' ? 'sent' : ('not-sent' as const))),
  },
  scanner: () => () => ({ kind: 'incomplete' }),
}

function relayOutcome(input: SessionInput): RelayOutcome {
  switch (input.kind) {
    case 'reply':
      return decode<RelayOutcome>(input.frame)
    case 'silent':
      return { kind: 'unknown', reason: 'no-reply' }
    case 'sent':
    case 'garbled':
    case 'bus-down':
    case 'yielded':
      return { kind: 'not-sent' }
  }
}

/** Carries each session out, one exchange every 100 ms, against scripted meters. */
export class ScriptedRunner implements Runner {
  readonly link: LinkId
  readonly #bench: ExecutorBench
  readonly concurrency = 1
  isClosed = false
  atOnce = 0
  atOnceMax = 0

  constructor(link: LinkId, bench: ExecutorBench) {
    this.link = link
    this.#bench = bench
  }

  async run<T>(job: Job<T>): Promise<JobResult<T>> {
    if (this.isClosed) return { kind: 'refused' }
    this.atOnce += 1
    this.atOnceMax = Math.max(this.atOnceMax, this.atOnce)
    let { session } = job
    while (session.effect.kind === 'exchange') {
      const { bytes, to } = session.effect
      const tookMs = this.#bench.exchangeMs
      const wayMs = tookMs / 2
      await new Promise<void>((resolve) => void this.#bench.time.after(wayMs, resolve))
      const input = this.#bench.exchange(to, decode<Request>(bytes))
      await this.#bench.passes(wayMs)
      job.onExchange?.({ busMs: tookMs, tookMs })
      session = session.step(input)
    }
    this.atOnce -= 1
    return { kind: 'settled', outcome: session.effect.outcome }
  }

  snapshot(): never {
    throw new Error('nobody looks at a scripted runner')
  }

  turned(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }
}

/** An executor on a real store in memory, virtual time and scripted meters. It may die at any step and be started again. */
export class ExecutorBench {
  readonly time = new VirtualTime({ wallStart: at('2026-03-02 10:20') })
  readonly meters = new Map<string, ScriptedMeter>()
  readonly store: Store
  readonly stamps = createStamps(this.time)
  readonly watch: WatchHint[] = []
  readonly faults: unknown[] = []
  readonly replays: unknown[] = []
  /** How late the times were that were told to all meters, when they arrived. */
  readonly toldLateMs: number[] = []
  exchangeMs = exchangeMs
  runners = new Map<LinkId, Runner>()
  readonly buses = new Map<LinkId, Bus>()
  parameters: SiteParameters
  executor: OrderExecutor
  hasCredentials = true
  /** Steps (store commands and exchanges) until the process dies; null: it lives. */
  stepsToLive: number | null = null
  /** Calls that never come back are those of a dead process. */
  #life = 0
  #number = 0

  constructor(meterCount = 2) {
    const link = linkId('rs485-1')
    this.parameters = siteOf(meterCount)
    for (const { id } of this.parameters.meters) this.meters.set(id, new ScriptedMeter())
    this.store = openInProcessStore({ path: ':memory:', now: this.time.wall().at, random: { next: () => 0.5 } }, this.time)
    this.runners.set(link, new ScriptedRunner(link, this))
    this.executor = this.#start()
  }

  async configure(): Promise<this> {
    await this.store.run('configure', { parameters: this.parameters, stamp: this.stamps.now() })
    return this
  }

  meter(name: string): ScriptedMeter {
    const meter = this.meters.get(name)
    if (meter === undefined) throw new Error(`no scripted meter ${name}`)
    return meter
  }

  runner(): ScriptedRunner {
    const [runner] = this.runners.values()
    if (!(runner instanceof ScriptedRunner)) throw new Error('the bench has a runner')
    return runner
  }

  /** Journals an order as an intake would; it is not taken up yet. */
  async journal(body: OrderBody, expiresInMs = 1_800_000): Promise<{ order: JournalledOrder; effects: Effects }> {
    const now = this.time.wall().at
    const order: AuthorisedOrder = {
      origin: { by: 'master', key: keyId('K'), number: ++this.#number },
      role: 'master',
      body,
      notBefore: now,
      expiry: epochMs(now + expiresInMs),
    }
    const answer = await this.store.run('journal-order', { order, envelope: `e${this.#number}`, stamp: this.stamps.now() })
    if (!answer.accepted) throw new Error(`refused: ${answer.code} ${answer.message}`)
    return answer
  }

  /** Journals an order, has it carried out, and gives what the journal says of it in the end. */
  async carryOut(body: OrderBody, limitMs = 120_000): Promise<JournalledOrder> {
    const { order } = await this.journal(body)
    this.executor.take([order])
    await this.time.runUntil(() => this.executor.held === 0, limitMs)
    return this.row(order.id)
  }

  /** Lets time pass until a promise settles. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = promise.finally(() => (isSettled = true))
    await this.time.runUntil(() => isSettled, 60_000)
    return settled
  }

  async row(id: number): Promise<JournalledOrder> {
    const { order } = await this.store.run('order', { id })
    if (order === null) throw new Error(`no order ${id}`)
    return order
  }

  /** The process is gone; another one starts on the same store. */
  async restart(): Promise<void> {
    this.#life += 1
    this.stepsToLive = null
    this.executor = this.#start()
    await this.executor.resume()
  }

  exchange(to: MeterAddress | 'all', request: Request): SessionInput {
    if (request.op === 'set-clock' && to === 'all') {
      this.toldLateMs.push(this.time.wall().at - fromLocal(request.time, offset))
      return { kind: 'sent' }
    }
    const meter = this.parameters.meters.find((candidate) => candidate.address === to)
    const scripted = this.meter(meter?.id ?? '')
    if (request.op === 'set-clock') {
      if (!scripted.isSilent) scripted.driftMs = fromLocal(request.time, offset) - this.time.wall().at
      return { kind: 'sent' }
    }
    if (scripted.isSilent) return { kind: 'silent' }
    return request.op === 'order' ? order(scripted, request.command) : this.#answer(scripted, request)
  }

  /** A while of virtual time; a dead process never sees its end. */
  passes(ms: number): Promise<void> {
    return this.#alive(() => new Promise((resolve) => void this.time.after(ms, () => resolve())))
  }

  #answer(meter: ScriptedMeter, request: Request): SessionInput {
    const { contact, command, alarm } = meter
    const now = this.time.wall().at
    switch (request.op) {
      case 'state': {
        const state: RelayState = { kind: 'known', contact, command, alarm, protected: meter.protected, word: '0000' }
        return { kind: 'reply', frame: encode(state) }
      }
      case 'clock':
        return { kind: 'reply', frame: encode(toLocal(epochMs(now + meter.driftMs), offset)) }
      case 'read':
        return { kind: 'reply', frame: encode({ values: { values } }) }
      case 'order':
      case 'set-clock':
        throw new Error('answered elsewhere')
    }
  }

  #start(): OrderExecutor {
    const life = this.#life
    const store: Store = {
      run: (command, input) => this.#alive(() => this.store.run(command, input), life),
      onAppended: (handler) => this.store.onAppended(handler),
      onFault: (handler) => this.store.onFault(handler),
      close: () => this.store.close(),
    }
    return createOrderExecutor({ ...this.#options(), store })
  }

  #options(): OrderExecutorOptions {
    return {
      store: this.store,
      parameters: () => this.parameters,
      runners: () => this.runners,
      buses: () => this.buses,
      protocols: new Map([[scriptedProtocol.name, scriptedProtocol]]),
      credentials: {
        relayOf: (_meter: MeterId) => (this.hasCredentials ? { password: '02123456', operator: '00000001' } : null),
      },
      clock: this.time,
      timers: this.time,
      stamps: this.stamps,
      log: silentLog,
      clocks: { of: () => unknownMeterClock, noteSet: () => undefined },
      setTime: (instant) => ({ correctionMs: instant - this.time.wall().at }),
      replay: (body) => {
        this.replays.push(body)
        return Promise.resolve({ records: body.count })
      },
      onWatch: (watch) => this.watch.push(...watch),
      onFault: (error) => this.faults.push(error),
    }
  }

  #alive<T>(act: () => Promise<T>, life = this.#life): Promise<T> {
    const never = new Promise<T>(() => undefined)
    if (life !== this.#life || this.stepsToLive === 0) return never
    if (this.stepsToLive !== null) this.stepsToLive -= 1
    return act().then((value) => (life === this.#life ? value : never))
  }
}

const values = [
  { kind: 'number', int: 12345, exponent: -2, unit: 'kWh' },
  { kind: 'number', int: null, exponent: -2, unit: 'kWh' },
  { kind: 'text', text: 'abc', unit: '' },
  { kind: 'text', text: null, unit: '' },
  { kind: 'bits', hex: '0050', names: ['relay-open'], unit: '' },
]

function order(meter: ScriptedMeter, command: RelayCommand): SessionInput {
  meter.asked += 1
  const fate = meter.fates.shift() ?? 'ok'
  if (fate === 'ok' || fate === 'mute') meter.act(command)
  const outcome: RelayOutcome =
    fate === 'ok'
      ? { kind: 'accepted', frame: '68', detail: [] }
      : { kind: 'refused', errors: ['password'], needsSecurityChip: fate === 'chip', frame: '68' }
  return fate === 'lost' || fate === 'mute' ? { kind: 'silent' } : { kind: 'reply', frame: encode(outcome) }
}
