import { monotonicMs } from '../../model/index.js'
import type { InputError, MeterAddress } from '../../model/index.js'
import type { Bus, Clock, Effect, MeterProtocol, Session, SessionInput, Timers } from '../../ports/index.js'
import { registerLines, registerView } from '../register-view.js'
import type { RegisterView } from '../views.js'

/** What waits for a link. */
export interface LinkOpening {
  readonly link: Pick<Bus, 'isUp' | 'onState'>
  readonly timers: Timers
  /** How long the link may take to open. */
  readonly openMs: number
  /** Settles when the link says why it does not open: then nobody waits for it any longer. */
  readonly notOpen: Promise<LinkTrouble>
}

export interface ProbeOptions extends LinkOpening {
  readonly bus: Pick<Bus, 'exchange'>
  readonly protocol: MeterProtocol
  readonly clock: Clock
  /** Null: the single meter on the link is asked for its address first. */
  readonly address: MeterAddress | null
  readonly registers: readonly string[]
  readonly repeats: number
  /** From the end of a request to the first byte of the reply; generous, a technician waits gladly for a slow meter. */
  readonly firstByteMs: number
  /** What stands between us and the meter says why it brought nothing the last time; null or absent: nothing does. */
  readonly trouble?: () => RegisterView['error']
}

/** Why a link does not open: a stable code, and what the system said. */
export interface LinkTrouble {
  readonly code: string
  readonly message: string
}

/** What `wattkeep probe --json` prints. `ok`: everything asked was answered, be it by a well-formed refusal. */
export interface ProbeReport {
  readonly ok: boolean
  readonly address: string | null
  readonly reads: readonly RegisterView[]
  readonly error?: InputError
}

/** Silence before each request: meters need it to see a new dialogue. @source facts of DL/T 645-2007, §10.5 */
const quietMs = 20
/** No exchange takes longer, whatever trickles in; a module between us and the meter has its own time. */
const exchangeMsMax = 15_000

/** Talks to one meter on one link, without the daemon. Never rejects for what a wire does. */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const closed = await openLink(options)
  if (closed !== null) return { ok: false, address: options.address, reads: [], error: linkError(closed) }
  const address = options.address ?? (await find(options))
  if (typeof address !== 'string') return { ok: false, address: null, reads: [], error: address }
  const plan = { address, registers: options.registers.map((register) => ({ register })), repeats: options.repeats }
  const outcomes = options.registers.length === 0 ? [] : await drive(options.protocol.read(plan), options)
  const trouble = options.trouble?.() ?? null
  const reads = outcomes
    .map(registerView)
    .map((read) => (isUnheard(read) && trouble !== null ? { ...read, error: trouble } : read))
  return { ok: reads.every((read) => read.error === null || read.error.code === 'refused'), address, reads }
}

const isUnheard = ({ error }: RegisterView): boolean => error?.code === 'no-reply' || error?.code === 'bus-down'

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

/** Waits until the link is open. @returns why it is not; null: it is */
export function openLink({ link, timers, openMs, notOpen }: LinkOpening): Promise<LinkTrouble | null> {
  if (link.isUp()) return Promise.resolve(null)
  return new Promise((resolve) => {
    const settle = (trouble: LinkTrouble | null): void => {
      cancel()
      resolve(trouble)
    }
    const cancel = timers.after(openMs, () => settle({ code: 'open-timeout', message: `not open within ${openMs / 1000} s` }))
    link.onState((up) => (up ? settle(null) : undefined))
    void notOpen.then(settle)
  })
}

/** Why a link does not open, for the report. */
export function linkError({ code, message }: LinkTrouble): InputError {
  const hint = code === 'locked' || code === 'busy' ? '; the daemon may hold it: then use wattkeep read' : ''
  return { code, at: 'link', message: `the link does not open: ${message}${hint}` }
}

/** The report for eyes: whom it is of, and one line for each register. */
export function probeText(report: ProbeReport, whom: 'meter' | 'module' = 'meter'): readonly string[] {
  if (report.error !== undefined) return [`failed: ${report.error.code}: ${report.error.message}`]
  return [report.address === null ? whom : `${whom} ${report.address}`, ...registerLines(report.reads)]
}
