import { meterAddress, type MeterAddress } from '../../src/model/index.js'
import type { AheadRead, Effect, Scanner, Session, SessionInput } from '../../src/ports/index.js'

/**
 * A protocol for tests: a request is `3F address register 0D`, its reply `21 address register value 0D`. Registers 0xF0 and up are
 * written, not read. A chain reads register after register and must not be interrupted.
 */
export const requestOf = (meter: number, register: number): Uint8Array => Uint8Array.of(0x3f, meter, register, 0x0d)
export const replyOf = (meter: number, register: number, value: number): Uint8Array =>
  Uint8Array.of(0x21, meter, register, value, 0x0d)
export const testAddress = (meter: number): MeterAddress => meterAddress(String(meter))

/** Takes only the reply to this request for a frame. */
export function replyScanner(meter: number, register: number): Scanner {
  return (bytes) => {
    const expected = [0x21, meter, register]
    for (const [i, want] of expected.entries()) {
      if (i >= bytes.length) return { kind: 'incomplete' }
      if (bytes[i] !== want) return { kind: 'noise', skip: 1 }
    }
    if (bytes.length < 5) return { kind: 'incomplete' }
    return bytes[4] === 0x0d ? { kind: 'frame', length: 5 } : { kind: 'noise', skip: 1 }
  }
}

export interface TestPlan {
  readonly meter: number
  readonly registers: readonly number[]
  readonly repeats?: number
  readonly isChain?: boolean
  readonly isWrite?: boolean
  /** Its further reads may travel along. */
  readonly isTogether?: boolean
}
export type TestOutcome = number | 'silent' | 'garbled' | 'bus-down' | 'bus-down, sent'

/** Reads registers one after the other; the outcome lists a value or a failure for each. */
export function testSession(plan: TestPlan): Session<readonly TestOutcome[]> {
  return session(plan, [], 0)
}

const readsFrom = ({ meter, registers }: TestPlan, from: number): readonly AheadRead[] =>
  registers.slice(from).map((register) => ({ bytes: requestOf(meter, register), reply: replyScanner(meter, register) }))

function session(plan: TestPlan, outcomes: readonly TestOutcome[], tries: number): Session<readonly TestOutcome[]> {
  const register = plan.registers[outcomes.length]
  const effect: Effect<readonly TestOutcome[]> =
    register === undefined
      ? { kind: 'settled', outcome: outcomes }
      : {
          kind: 'exchange',
          to: testAddress(plan.meter),
          bytes: requestOf(plan.meter, register),
          reply: replyScanner(plan.meter, register),
          holdsBus: plan.isChain === true && outcomes.length > 0,
          isWrite: plan.isWrite === true,
          ...(plan.isTogether === true && { ahead: () => readsFrom(plan, outcomes.length + 1) }),
        }
  const failed = (outcome: TestOutcome): Session<readonly TestOutcome[]> =>
    tries < (plan.repeats ?? 0) ? session(plan, outcomes, tries + 1) : session(plan, [...outcomes, outcome], 0)
  const step = (input: SessionInput): Session<readonly TestOutcome[]> => {
    switch (input.kind) {
      case 'reply':
        return session(plan, [...outcomes, input.frame[3] ?? -1], 0)
      case 'sent':
        return session(plan, [...outcomes, 0], 0)
      case 'silent':
      case 'garbled':
        return failed(input.kind)
      case 'bus-down':
        return session(plan, [...outcomes, input.sent ? 'bus-down, sent' : 'bus-down'], 0)
      case 'yielded':
        return session(plan, [], 0)
    }
  }
  return { effect, step }
}
