import { fail, ok } from '../../model/index.js'
import type { LocalTime, MeterAddress, Result } from '../../model/index.js'
import type { ReadError, ReadOutcome, Session } from '../../ports/index.js'
import { addressMatches, broadcastAddress, checkAddress, hasWildcard, wildcardAddress } from './address.js'
import { andThen, settled } from '../wire/sessions.js'
import { ask } from './exchange.js'
import { failedRead, invalidRead, readError } from '../wire/read-errors.js'
import { refusedRead } from './read-errors.js'
import { readRegister } from './read-session.js'
import { encodeRequest } from './requests.js'

/** Date, week day and time in one answer: newer meters only. */
export const clockRegister = '0400010C'
export const dateRegister = '04000101'
export const timeRegister = '04000102'

/**
 * Reads a meter's clock: in one answer where the meter has it, else date and then time.
 *
 * Between the two the day may change, so in the first hour of a day the date is read again, and the second one counts (facts §6.5).
 */
export function readClock(address: MeterAddress, repeats: number): Session<Result<LocalTime, ReadError>> {
  return andThen(readRegister(address, clockRegister, repeats), (outcome) => {
    const clock = textOf(outcome)
    if (clock.ok) return settled(ok(localTime(clock.value)))
    if (clock.error.code !== 'refused' && clock.error.code !== 'invalid') return settled(clock)
    return readDateAndTime((register) => readRegister(address, register, repeats), { date: dateRegister, time: timeRegister })
  })
}

/** Sets clocks by service 08H: of all meters, or of one. There is never an answer. */
export function setClock(time: LocalTime, to: MeterAddress | 'all'): Session<'sent' | 'not-sent'> {
  if (to !== 'all' && (to === broadcastAddress || hasWildcard(to))) throw new RangeError('a clock is set of one meter or of all')
  return sendTime(time, to)
}

/** Sends service 08H, which has the same form in both editions, without judging the address. */
export function sendTime(time: LocalTime, to: MeterAddress | 'all'): Session<'sent' | 'not-sent'> {
  const bytes = encodeRequest(to === 'all' ? broadcastAddress : to, { fn: 'time-sync', time })
  return {
    effect: {
      kind: 'exchange',
      to,
      bytes,
      // A write without credentials: all of it may be shown.
      traced: bytes,
      reply: 'none',
      holdsBus: false,
      isWrite: true,
    },
    step: (input) => {
      const left = input.kind !== 'yielded' && !(input.kind === 'bus-down' && !input.sent)
      return settled(left ? 'sent' : 'not-sent')
    },
  }
}

/**
 * Asks the only connected meter for its address by service 13H. Several meters answer at once: what comes is garbled, or an address
 * field and an address in the data that differ, and is refused.
 */
export function findMeter(repeats: number): Session<Result<MeterAddress, ReadError>> {
  const request = { fn: 'read-address' } as const
  return ask({ address: wildcardAddress, repeats, request, holdsBus: false, isWrite: false }, (answer) => {
    if (answer.kind === 'yielded') return findMeter(repeats)
    if (answer.kind !== 'answered') return settled(fail(failedRead(answer)))
    const { reply, from, frame } = answer
    if (reply.kind === 'refusal') return settled(fail(refusedRead(reply, frame)))
    const address = checkAddress(reply.address)
    if (address.ok && addressMatches(from, address.value)) return settled(ok(address.value))
    const error = {
      code: 'bad-address',
      at: 'data',
      message: 'the addresses in the answer do not agree: is more than one meter connected?',
    }
    return settled(fail(invalidRead(error, frame)))
  })
}

/** Reads date and time by `read`, the date again in the first hour of a day. */
export function readDateAndTime(
  read: (register: string) => Session<ReadOutcome>,
  registers: { readonly date: string; readonly time: string },
): Session<Result<LocalTime, ReadError>> {
  const readPart = (register: string) => andThen(read(register), (outcome) => settled(textOf(outcome)))
  return andThen(readPart(registers.date), (date) => {
    if (!date.ok) return settled(date)
    return andThen(readPart(registers.time), (time) => {
      if (!time.ok) return settled(time)
      if (!time.value.startsWith('00:')) return settled(ok(localTime(`${date.value} ${time.value}`)))
      return andThen(readPart(registers.date), (again) =>
        settled(again.ok ? ok(localTime(`${again.value} ${time.value}`)) : again),
      )
    })
  })
}

/** The first value of a register as text. */
function textOf(outcome: ReadOutcome): Result<string, ReadError> {
  if (!outcome.ok) return outcome
  const [value] = outcome.values
  if (value?.kind === 'text' && value.text !== null) return ok(value.text)
  return fail(readError('invalid', 'the meter says that its clock is not available'))
}

/** From `YYYY-MM-DD hh:mm:ss`. */
function localTime(text: string): LocalTime {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text.split(/[- :]/).map(Number)
  return { year, month, day, hour, minute, second }
}
