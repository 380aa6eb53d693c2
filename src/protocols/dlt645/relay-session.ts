import type { MeterAddress } from '../../model/index.js'
import type { ReadOutcome, RelayOutcome, RelayRequest, RelayState, Session, WriteCredentials } from '../../ports/index.js'
import { unansweredOrder } from '../wire/unanswered.js'
import { broadcastAddress, hasWildcard } from './address.js'
import { hexOf } from '../wire/bytes.js'
import { bitNames, executionBits, needsSecurityChip, refusalNames } from './errors.js'
import { andThen, settled } from '../wire/sessions.js'
import { ask, type Answer, type Answered } from './exchange.js'
import { readError } from '../wire/read-errors.js'
import { readRegister } from './read-session.js'
import { encodeRequest } from './requests.js'
import { relayOfStatusWord } from './status.js'

/** Status word 3, where the relay's contact and command stand. */
export const statusWord3 = '04000503'

/**
 * Sends one plain relay order, once: it is a write, and a lost answer is `unknown`, for the caller to verify by `relayState`.
 *
 * @throws RangeError when the address may mean several meters, or an argument fits no frame; its message never holds the credentials
 */
export function orderRelay({ address, command, credentials, expiry }: RelayRequest): Session<RelayOutcome> {
  if (address === broadcastAddress || hasWildcard(address)) throw new RangeError('a relay order is for one meter')
  const order = { command, hold: 0, expiry }
  const request = { fn: 'relay', credentials, order } as const
  const traced = encodeRequest(address, { ...request, credentials: blank })
  return ask({ address, repeats: 0, request, holdsBus: false, isWrite: true, traced }, (answer) => settled(relayOutcome(answer)))
}

/** Stands for the credentials in a trace, which so shows a whole frame: whose it is, what was ordered and until when. */
const blank: WriteCredentials = { password: '00000000', operator: '00000000' }

/** Reads status word 3 back. */
export function relayState(address: MeterAddress, repeats: number): Session<RelayState> {
  return andThen(readRegister(address, statusWord3, repeats), (outcome) => settled(stateOf(outcome)))
}

function relayOutcome(answer: Answer<'relay'>): RelayOutcome {
  return answer.kind === 'answered' ? answeredOutcome(answer) : unansweredOrder(answer)
}

/** The frame kept is the meter's answer, which holds no credentials. */
function answeredOutcome({ reply, frame }: Answered<'relay'>): RelayOutcome {
  if (reply.kind === 'refusal') {
    return { kind: 'refused', errors: refusalNames(reply), needsSecurityChip: needsSecurityChip(reply), frame: hexOf(frame) }
  }
  return { kind: 'accepted', frame: hexOf(frame), detail: reply.word === null ? [] : bitNames(reply.word, executionBits) }
}

function stateOf(outcome: ReadOutcome): RelayState {
  if (!outcome.ok) return { kind: 'unreadable', error: outcome.error }
  const [value] = outcome.values
  if (value?.kind !== 'bits')
    return { kind: 'unreadable', error: readError('invalid', 'the meter says that its status word is not available') }
  return { kind: 'known', ...relayOfStatusWord(Number.parseInt(value.hex, 16)), word: value.hex }
}
