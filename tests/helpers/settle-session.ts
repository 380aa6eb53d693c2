import type { VirtualTime } from '../../drivers/simulated/index.js'
import { monotonicMs, type RegisterValue } from '../../src/model/index.js'
import type { Bus, Session, SessionInput } from '../../src/ports/index.js'

export interface SettleOptions {
  readonly firstByteMs?: number
  readonly exchangeMs?: number
}

/** Runs a session exchange by exchange on a bus in virtual time, without a scheduler. */
export async function settleSession<T>(
  session: Session<T>,
  bus: Bus,
  time: VirtualTime,
  options: SettleOptions = {},
): Promise<T> {
  const { firstByteMs = 700, exchangeMs = 10_000 } = options
  let current = session
  for (;;) {
    const { effect } = current
    if (effect.kind === 'settled') return effect.outcome
    let input: SessionInput | null = null
    const request = { to: effect.to, bytes: effect.bytes, reply: effect.reply, quietMs: 20, firstByteMs }
    bus.exchange(request, monotonicMs(time.monotonic() + exchangeMs)).then(
      (outcome) => (input = outcome),
      () => undefined,
    )
    await time.runUntil(() => input !== null, exchangeMs + 1)
    if (input === null) throw new Error('the exchange outlived its deadline')
    current = current.step(input)
  }
}

/** The numbers among values. */
export const intsOf = (values: readonly RegisterValue[]): readonly (number | null)[] =>
  values.flatMap((value) => (value.kind === 'number' ? [value.int] : []))
