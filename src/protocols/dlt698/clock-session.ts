import { fail, meterAddress, ok } from '../../model/index.js'
import type { LocalTime, MeterAddress, Result } from '../../model/index.js'
import type { ReadError, ReadOutcome, Session } from '../../ports/index.js'
import { broadcastServer, checkAddress, hasWildcard, serverOf, wildcardAddress, type ServerAddress } from './address.js'
import { encodeApdu, type Apdu } from './apdu.js'
import { encodeFrame, userData } from './codec.js'
import { andThen, settled } from '../wire/sessions.js'
import { ask } from './exchange.js'
import { answerScanner, clientAddress, piidOf, type Question } from './question.js'
import { failedRead, invalidRead, readError } from '../wire/read-errors.js'
import { refusedRead } from './read-errors.js'
import { readRegister } from './read-session.js'
import { momentHex } from './times.js'

/** The meter's clock, and its address. */
export const clockRegister = '40000200'
export const addressRegister = '40010200'
/** Method 127 of the clock: set by broadcast (facts §3). */
export const broadcastClockMethod = '40007F00'

/** Reads a meter's clock. */
export function readClock(address: MeterAddress, repeats: number): Session<Result<LocalTime, ReadError>> {
  return andThen(readRegister(address, clockRegister, repeats), (outcome) => settled(clockOf(outcome)))
}

/**
 * Sets clocks: of all meters by broadcast, which nobody answers, or of one by SET. The answer to that is waited for, so that it does
 * not meet the next request, but not handed on: meters with a security chip refuse a plain SET (facts §3), and only reading the
 * clock again tells.
 *
 * @throws RangeError when the address may mean several meters
 */
export function setClock(time: LocalTime, to: MeterAddress | 'all'): Session<'sent' | 'not-sent'> {
  const moment = { type: 'date_time_s', hex: momentHex(time) } as const
  if (to === 'all') {
    const request = { kind: 'act-one', piid: piidOf('clock'), omd: broadcastClockMethod, data: moment, timeTag: null } as const
    return sendOnce(to, frameTo(broadcastServer, request), 'none')
  }
  if (hasWildcard(to)) throw new RangeError('a clock is set of one meter or of all')
  const request = { kind: 'set-one', piid: piidOf('clock'), oad: clockRegister, data: moment, timeTag: null } as const
  return sendOnce(to, frameTo(serverOf(to), request), answerScanner({ ...once, address: to, request }))
}

/**
 * Asks the only connected meter for its address. Several meters answer at once: what comes is garbled, or a frame's address and the
 * address in its data differ, and is refused.
 */
export function findMeter(repeats: number): Session<Result<MeterAddress, ReadError>> {
  const request = { kind: 'get-one', piid: piidOf(addressRegister), oad: addressRegister, timeTag: null } as const
  return ask({ ...once, address: wildcardAddress, request, repeats, isWrite: false }, (answer) => {
    if (answer.kind === 'yielded') return findMeter(repeats)
    if (answer.kind !== 'answered') return settled(fail(failedRead(answer)))
    if (!answer.opened.ok) return settled(fail(invalidRead(answer.opened.error, answer.frame)))
    return settled(addressOf(answer.opened.value.apdu, answer.from, answer.frame))
  })
}

const once = { repeats: 0, holdsBus: false, isWrite: true } as const satisfies Partial<Question>

const frameTo = (server: ServerAddress, request: Apdu): Uint8Array =>
  encodeFrame({
    control: { from: 'client', asked: 'client', fn: userData, scrambled: false },
    server,
    client: clientAddress,
    segment: null,
    body: encodeApdu(request),
  })

function sendOnce(
  to: MeterAddress | 'all',
  bytes: Uint8Array,
  reply: ReturnType<typeof answerScanner> | 'none',
): Session<'sent' | 'not-sent'> {
  return {
    effect: { kind: 'exchange', to, bytes, traced: bytes, reply, holdsBus: false, isWrite: true },
    step: (input) => {
      const left = input.kind !== 'yielded' && !(input.kind === 'bus-down' && !input.sent)
      return settled(left ? 'sent' : 'not-sent')
    },
  }
}

function clockOf(outcome: ReadOutcome): Result<LocalTime, ReadError> {
  if (!outcome.ok) return outcome
  const [value] = outcome.values
  const match = value?.kind === 'text' ? /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)/.exec(value.text ?? '') : null
  if (match === null) return fail(readError('invalid', 'the meter says that its clock is not available'))
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  return ok({ year, month, day, hour, minute, second })
}

/** The address in the data, high byte first there (facts §5.6), which must be that of the frame. */
function addressOf(apdu: Apdu | null, from: string, frame: Uint8Array): Result<MeterAddress, ReadError> {
  if (apdu?.kind !== 'got-one') return fail(readError('invalid', 'the answer cannot be read without keys', frame))
  if (apdu.result.kind === 'dar') return fail(refusedRead(apdu.result.dar, frame))
  const { data } = apdu.result
  const address = data.type === 'octet-string' ? checkAddress(data.hex) : null
  if (address?.ok === true && address.value === meterAddress(from)) return address
  const message = 'the addresses in the answer do not agree: is more than one meter connected?'
  return fail(invalidRead({ code: 'bad-address', at: 'data', message }, frame))
}
