import type { MeterAddress, RelayCommand } from '../../model/index.js'
import type { ReadOutcome, RelayOutcome, RelayRequest, RelayState, Session } from '../../ports/index.js'
import { unansweredOrder } from '../wire/unanswered.js'
import { hasWildcard } from './address.js'
import type { ApduOf } from './apdu.js'
import { bytesOf, hexOf } from '../wire/bytes.js'
import { darName, darOk, errorName, mayWantSecurity } from './dar.js'
import type { Data } from './data.js'
import { andThen, settled } from '../wire/sessions.js'
import { ask, type Answer, type Answered } from './exchange.js'
import { piidOf } from './question.js'
import { readError } from '../wire/read-errors.js'
import { readRegisters } from './read-session.js'

/** Where the relay's state stands: output, alarm and command of object 8000, and running status word 3 (facts §4.6). */
export const relayRegisters = ['80000300', '80000400', '80000500', '20140203'] as const
/** The relay of a meter, as orders name it. */
export const meterRelay = 'F2050201'

/**
 * Sends one plain relay order, once: it is a write, and a lost answer is `unknown`, for the caller to verify by `relayState`.
 *
 * Plain ACTION has neither password nor expiry in the frame: `credentials` and `expiry` are not sent, whoever gives the order keeps to
 * them. Meters with a security chip refuse it (facts §3), which is told by `needsSecurityChip`.
 *
 * @throws RangeError when the address may mean several meters
 */
export function orderRelay({ address, command }: RelayRequest): Session<RelayOutcome> {
  return sendOrder(address, relayAction(command))
}

/**
 * Sends a relay order, or any other ACTION, that a key system has wrapped; its blocks are opaque here, and so is an enciphered
 * answer: that counts as `unknown`, for `relayState` to tell.
 *
 * @throws RangeError when the address may mean several meters
 */
export function orderSecured(address: MeterAddress, request: ApduOf<'secured-request'>): Session<RelayOutcome> {
  return sendOrder(address, request)
}

/** The ACTION of a command: trip without delay, limit or coming back by itself; permission to close, never closing directly. */
export function relayAction(command: RelayCommand): ApduOf<'act-one'> {
  const { omd, data } = actions[command]
  return { kind: 'act-one', piid: piidOf(command), omd, data, timeTag: null }
}

/**
 * Reads the relay's state back. Bits are 1 for open, for the command to trip and for the alarm, the meter's own relay being the first
 * one (own knowledge). Where object 8000 and status word 3 contradict one another nothing is claimed.
 */
export function relayState(address: MeterAddress, repeats: number): Session<RelayState> {
  const registers = relayRegisters.map((register) => ({ register }))
  return andThen(readRegisters({ address, repeats, registers }), (outcomes) => settled(stateOf(outcomes)))
}

const array = (...items: readonly Data[]): Data => ({ type: 'array', items: [{ type: 'structure', items }] })
const relay: Data = { type: 'OAD', hex: meterRelay }
const none: Data = { type: 'null' }

/** Methods of 8000 (129 trip, 130 close, 127 and 128 alarm) and of 8001 (127 and 128 guarantee of supply), facts §4.6. */
const actions: Readonly<Record<RelayCommand, { readonly omd: string; readonly data: Data }>> = {
  trip: {
    omd: '80008100',
    data: array(relay, { type: 'uint8', value: 0 }, { type: 'uint16', value: 0 }, { type: 'bool', value: false }),
  },
  'permit-to-close': { omd: '80008200', data: array(relay, { type: 'enum', value: 0 }) },
  'alarm-on': { omd: '80007F00', data: none },
  'alarm-off': { omd: '80008000', data: none },
  'protect-on': { omd: '80017F00', data: none },
  'protect-off': { omd: '80018000', data: none },
}

function sendOrder(address: MeterAddress, request: ApduOf<'act-one' | 'secured-request'>): Session<RelayOutcome> {
  if (hasWildcard(address)) throw new RangeError('a relay order is for one meter')
  return ask({ address, request, repeats: 0, holdsBus: false, isWrite: true }, (answer) => settled(relayOutcome(answer)))
}

function relayOutcome(answer: Answer): RelayOutcome {
  return answer.kind === 'answered' ? answeredOutcome(answer) : unansweredOrder(answer)
}

function answeredOutcome(answer: Answered): RelayOutcome {
  const frame = hexOf(answer.frame)
  const refused = (name: string, needsSecurityChip: boolean): RelayOutcome => ({
    kind: 'refused',
    errors: [name],
    needsSecurityChip,
    frame,
  })
  if (!answer.opened.ok) return { kind: 'unknown', reason: 'garbled' }
  const { apdu, envelope } = answer.opened.value
  // The security layer itself refuses: it wants more than plain text, whatever name it gives that.
  if (envelope?.content.kind === 'refused') return refused(darName(envelope.content.dar), true)
  if (apdu?.kind === 'error-response') return refused(errorName(apdu.error), false)
  // Enciphered: whether it was done stands in there.
  if (apdu?.kind !== 'act-one-done') return { kind: 'unknown', reason: 'garbled' }
  if (apdu.dar !== darOk) return refused(darName(apdu.dar), mayWantSecurity(apdu.dar))
  return { kind: 'accepted', frame, detail: [] }
}

function stateOf(outcomes: readonly ReadOutcome[]): RelayState {
  const [output, alarm, command, word] = outcomes.map(bitsOf)
  const outputOpen = bitOf(output, 0)
  const wordOpen = bitOf(word, relayOpenBit)
  const open = outputOpen ?? wordOpen
  const seen = word ?? output
  if (open === null || typeof seen !== 'string') return { kind: 'unreadable', error: whyUnreadable(outcomes) }
  if (wordOpen !== null && wordOpen !== open) {
    const message = 'object 8000 and status word 3 contradict one another about the relay'
    return { kind: 'unreadable', error: readError('invalid', message) }
  }
  const trips = bitOf(command, 0) ?? bitOf(word, relayCommandBit) ?? open
  return {
    kind: 'known',
    contact: open ? 'open' : 'closed',
    command: trips ? 'trip' : 'close',
    alarm: (bitOf(alarm, 0) ?? bitOf(word, alarmBit)) === true,
    protected: bitOf(word, protectedBit) === true,
    word: seen,
  }
}

/** Places in status word 3, see registers-variables. */
const relayOpenBit = 4
const relayCommandBit = 6
const alarmBit = 7
const protectedBit = 12

/** A word of bits in hexadecimal; null: it could not be read, or is not given. */
function bitsOf(outcome: ReadOutcome): string | null {
  const value = outcome.ok ? outcome.values[0] : undefined
  return value?.kind === 'bits' ? value.hex : null
}

/** Bit 0 is the highest of the first byte. null: there is no such bit. */
function bitOf(hex: string | null | undefined, bit: number): boolean | null {
  const byte = typeof hex === 'string' ? bytesOf(hex)[bit >> 3] : undefined
  return byte === undefined ? null : ((byte >> (7 - (bit & 7))) & 1) === 1
}

function whyUnreadable(outcomes: readonly ReadOutcome[]) {
  const failed = outcomes.find((outcome) => !outcome.ok)
  return failed?.ok === false ? failed.error : readError('invalid', 'the meter says that its relay state is not available')
}
