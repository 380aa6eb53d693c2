import type { InputError, LinkId, MeterId, Result, SiteParameters } from '../model/index.js'
import { fail, monotonicMs, ok } from '../model/index.js'
import type { Clock, MeterProtocol, ReadOutcome, Runner } from '../ports/index.js'

/** Registers of one call; more are refused. */
export const callRegistersMax = 64
const callMsMin = 15_000
/** Whoever asks at a console waits no longer. */
const callMsMax = 85_000

/** Any registers of one meter, to be read now. */
export interface LiveCall {
  readonly meter: MeterId
  readonly registers: readonly string[]
  /** How long the caller waits for the whole call; default 15 s, on slow media two exchanges, at most 85 s. */
  readonly timeoutMs?: number
}

/** One outcome for each register in their order; or why nothing was asked. */
export type LiveCallResult = Result<readonly ReadOutcome[], InputError>

export interface LiveCallSite {
  readonly parameters: SiteParameters
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly runners: ReadonlyMap<LinkId, Runner>
  readonly clock: Clock
}

/**
 * Reads registers of a meter at the priority of live calls.
 *
 * @returns `unknown-meter`, `no-protocol`, `no-link`, `too-many`, `bad-register` when it cannot be asked; `no-time` when the bus did
 * not come to it in time, `held` when the meter has been silent and is not to be asked yet, `busy` when the queue is full
 */
export async function callRegisters(call: LiveCall, site: LiveCallSite): Promise<LiveCallResult> {
  const target = site.parameters.meters.find(({ id }) => id === call.meter)
  if (target === undefined) return refuse('unknown-meter', 'meter', `no meter ${call.meter} in the archive`)
  const protocol = site.protocols.get(target.protocol)
  if (protocol === undefined) return refuse('no-protocol', 'meter', `protocol ${target.protocol} is not built in`)
  const runner = site.runners.get(target.link)
  if (runner === undefined) return refuse('no-link', 'meter', `link ${target.link} is not there`)
  if (call.registers.length === 0 || call.registers.length > callRegistersMax) {
    return refuse('too-many', 'registers', `expected 1 to ${callRegistersMax} registers, got ${call.registers.length}`)
  }
  const registers: { register: string }[] = []
  for (const [index, register] of call.registers.entries()) {
    const checked = protocol.checkRegister(register)
    if (!checked.ok) return fail({ ...checked.error, at: `registers[${index}]` })
    registers.push({ register: checked.value })
  }
  const expiresAt = monotonicMs(site.clock.monotonic() + (call.timeoutMs ?? patienceMs(runner)))
  const session = protocol.read({ address: target.address, registers, repeats: 2, replyBytesMax: runner.replyBytesMax })
  const result = await runner.run({ meter: target.address, session, priority: 'live-call', expiresAt })
  switch (result.kind) {
    case 'settled':
      return ok(result.outcome)
    case 'expired':
      return refuse('no-time', 'meter', result.sent ? 'the meter did not finish in time' : 'the bus did not come to it in time')
    case 'held':
      return refuse('held', 'meter', 'the meter has been silent; its next probe is not due')
    case 'refused':
      return refuse('busy', 'meter', 'the queue of its bus is full')
  }
}

const refuse = (code: string, at: string, message: string): LiveCallResult => fail({ code, at, message })

/** The exchange in flight before it, and its own. */
function patienceMs({ exchangeMsMax = 0 }: Runner): number {
  return Math.min(callMsMax, Math.max(callMsMin, 2 * exchangeMsMax))
}
