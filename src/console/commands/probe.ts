import { formatDecimal, monotonicMs } from '../../model/index.js'
import type { InputError, MeterAddress, RegisterValue } from '../../model/index.js'
import type { Bus, Clock, Effect, MeterProtocol, ReadOutcome, Session, SessionInput, Timers } from '../../ports/index.js'

export interface ProbeOptions {
  readonly bus: Bus
  readonly protocol: MeterProtocol
  readonly clock: Clock
  readonly timers: Timers
  /** Null: the single meter on the link is asked for its address first. */
  readonly address: MeterAddress | null
  readonly registers: readonly string[]
  readonly repeats: number
  /** From the end of a request to the first byte of the reply; generous, a technician waits gladly for a slow meter. */
  readonly firstByteMs: number
  /** How long the link may take to open. */
  readonly openMs: number
}

/** What `wattkeep probe --json` prints. `ok`: everything asked was answered, be it by a well-formed refusal. */
export interface ProbeReport {
  readonly ok: boolean
  readonly address: string | null
  readonly reads: readonly ProbeRead[]
  readonly error?: InputError
}

export interface ProbeRead {
  readonly register: string
  readonly values: readonly ProbeValue[]
  readonly error: { readonly code: string; readonly bits: readonly string[]; readonly message: string } | null
}

export interface ProbeValue {
  /** Decimal text, a date, a status word in hexadecimal; null: the meter says "not available". */
  readonly value: string | null
  readonly unit: string | null
}

/** Silence before each request: meters need it to see a new dialogue. @source facts of DL/T 645-2007, §10.5 */
const quietMs = 20
/** No exchange takes longer, whatever trickles in. */
const exchangeMsMax = 15_000

/** Talks to one meter on one link, without the daemon. Never rejects for what a wire does. */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  if (!(await isOpenWithin(options))) {
    return {
      ok: false,
      address: options.address,
      reads: [],
      error: { code: 'link-down', at: 'link', message: `the link did not open within ${options.openMs / 1000} s` },
    }
  }
  const address = options.address ?? (await find(options))
  if (typeof address !== 'string') return { ok: false, address: null, reads: [], error: address }
  const plan = { address, registers: options.registers.map((register) => ({ register })), repeats: options.repeats }
  const outcomes = options.registers.length === 0 ? [] : await drive(options.protocol.read(plan), options)
  const reads = outcomes.map(probeRead)
  return { ok: reads.every((read) => read.error === null || read.error.code === 'refused'), address, reads }
}

async function find(options: ProbeOptions): Promise<MeterAddress | InputError> {
  if (options.protocol.find === undefined) {
    return { code: 'no-find', at: '--find', message: `${options.protocol.name} has no way to ask for an address` }
  }
  const found = await drive(options.protocol.find(options.repeats), options)
  return found.ok ? found.value : { code: found.error.code, at: 'find', message: found.error.message }
}

/** Steps a session to its end, one exchange after another: nobody else is on this bus. */
async function drive<T>(first: Session<T>, options: ProbeOptions): Promise<T> {
  let session = first
  for (;;) {
    const { effect } = session
    if (effect.kind === 'settled') return effect.outcome
    session = session.step(await exchange(effect, options))
  }
}

async function exchange(effect: Extract<Effect<unknown>, { kind: 'exchange' }>, options: ProbeOptions): Promise<SessionInput> {
  const { to, bytes, reply } = effect
  const deadline = monotonicMs(options.clock.monotonic() + exchangeMsMax)
  const outcome = await options.bus.exchange({ to, bytes, reply, quietMs, firstByteMs: options.firstByteMs }, deadline)
  switch (outcome.kind) {
    case 'reply':
      return { kind: 'reply', frame: outcome.frame }
    case 'garbled':
      return { kind: 'garbled', bytes: outcome.bytes }
    case 'bus-down':
      return { kind: 'bus-down', sent: outcome.sent }
    case 'sent':
    case 'silent':
      return { kind: outcome.kind }
  }
}

function isOpenWithin({ bus, timers, openMs }: ProbeOptions): Promise<boolean> {
  if (bus.isUp()) return Promise.resolve(true)
  return new Promise((resolve) => {
    const cancel = timers.after(openMs, () => resolve(false))
    bus.onState((up) => {
      if (!up) return
      cancel()
      resolve(true)
    })
  })
}

function probeRead(outcome: ReadOutcome): ProbeRead {
  if (outcome.ok) return { register: outcome.register, values: outcome.values.map(valueOf), error: null }
  const { code, errors, message } = outcome.error
  return { register: outcome.register, values: [], error: { code, bits: errors, message } }
}

/** A register's value as text, the way all commands print it. */
export function valueOf(value: RegisterValue): ProbeValue {
  const unit = value.unit === '' ? null : value.unit
  switch (value.kind) {
    case 'number':
      return { value: value.int === null ? null : formatDecimal(value.int, value.exponent), unit }
    case 'text':
      return { value: value.text, unit }
    case 'bits':
      return { value: value.hex, unit }
  }
}

/** The report for eyes: one line for each register. */
export function probeText(report: ProbeReport): string[] {
  if (report.error !== undefined) return [`failed: ${report.error.code}: ${report.error.message}`]
  const width = Math.max(0, ...report.reads.map((read) => read.register.length))
  return [
    `meter ${report.address ?? ''}`,
    ...report.reads.map(({ register, values, error }) => {
      const shown = values.map(({ value, unit }) => `${value ?? 'not available'}${unit === null ? '' : ` ${unit}`}`).join(', ')
      return `${register.padEnd(width)}  ${error === null ? shown : `${error.code}: ${error.message}`}`
    }),
  ]
}
