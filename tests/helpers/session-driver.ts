import { monotonicMs } from '../../src/model/index.js'
import type { Bus, Clock, Effect, Session, SessionInput } from '../../src/ports/index.js'

/** A bus that nobody else uses. */
export interface OwnBus {
  readonly bus: Bus
  readonly clock: Clock
  /** From the end of a request to the first byte of its reply. */
  readonly firstByteMs: number
}

/** Steps a session to its end over a real bus, one exchange after another. */
export async function driveSession<T>(first: Session<T>, own: OwnBus): Promise<T> {
  for (let session = first; ;) {
    const { effect } = session
    if (effect.kind === 'settled') return effect.outcome
    session = session.step(await exchange(effect, own))
  }
}

async function exchange(effect: Extract<Effect<unknown>, { kind: 'exchange' }>, own: OwnBus): Promise<SessionInput> {
  const { to, bytes, reply } = effect
  const { bus, clock, firstByteMs } = own
  const deadline = monotonicMs(clock.monotonic() + 10_000)
  const outcome = await bus.exchange({ to, bytes, reply, quietMs: 5, firstByteMs }, deadline)
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
