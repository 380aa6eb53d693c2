import type { MeterAddress } from '../../model/index.js'
import type { ReadError, ReadOutcome, ReadPlan, RegisterRequest, Session } from '../../ports/index.js'
import { joinBytes } from '../wire/bytes.js'
import { settled } from '../wire/sessions.js'
import { failedRead, invalidRead, unsupportedRead } from '../wire/read-errors.js'
import { chainPartsMax, readEach } from '../dlt645/read-session.js'
import { refusedRead } from './errors.js'
import { ask } from './exchange.js'
import { checkRegister, decodeRegister } from './register-table.js'

/** Reads registers one after the other; a silent meter is not asked the rest. */
export function readRegisters(plan: ReadPlan): Session<readonly ReadOutcome[]> {
  const { address, repeats } = plan
  return readEach(plan, (request) => readRegister(address, request, repeats))
}

/** Reads one register. */
export function readRegister(address: MeterAddress, request: RegisterRequest, repeats: number): Session<ReadOutcome> {
  const di = checkRegister(request.register)
  if (!di.ok) return settled(failed(request.register, unsupportedRead(di.error.message)))
  if (request.from !== undefined || request.count !== undefined)
    return settled(failed(di.value, unsupportedRead('this edition has no load records that are asked by time or number')))
  return askFirst({ address, repeats, di: di.value, restarts: repeats })
}

/** A register being read: what is asked, and how often its chain may still be started again. */
interface Chain {
  readonly address: MeterAddress
  readonly repeats: number
  readonly di: string
  readonly restarts: number
}

/** 01H. An answer that says "more follows" begins a chain. */
function askFirst(chain: Chain): Session<ReadOutcome> {
  const { address, repeats, di } = chain
  return ask({ address, repeats, request: { fn: 'read', di }, holdsBus: false }, (answer) => {
    if (answer.kind === 'yielded') return askFirst(chain)
    if (answer.kind !== 'answered') return settled(failed(di, failedRead(answer)))
    const { reply, frame } = answer
    if (reply.kind === 'refusal') return settled(failed(di, refusedRead(reply, frame)))
    return reply.more ? askMore(chain, [reply.data]) : settled(finished(di, reply.data, frame))
  })
}

/**
 * 02H, without a number. A part that stays away is therefore never asked for twice, as the meter may have gone on to the next one:
 * what came so far is thrown away and the chain starts again, at once when somebody else was asked in between.
 */
function askMore(chain: Chain, parts: readonly Uint8Array[]): Session<ReadOutcome> {
  const { address, di, restarts } = chain
  return ask({ address, repeats: 0, request: { fn: 'read-more', di }, holdsBus: true }, (answer) => {
    if (answer.kind === 'yielded') return askFirst(chain)
    const again = (error: ReadError) =>
      restarts > 0 ? askFirst({ ...chain, restarts: restarts - 1 }) : settled(failed(di, error))
    if (answer.kind === 'bus-down') return settled(failed(di, failedRead(answer)))
    if (answer.kind !== 'answered') return again(failedRead(answer))
    const { reply, frame } = answer
    if (reply.kind === 'refusal') return again(refusedRead(reply, frame))
    const all = [...parts, reply.data]
    if (!reply.more) return settled(finished(di, joinBytes(all), frame))
    if (all.length <= chainPartsMax) return askMore(chain, all)
    const error = { code: 'too-long', at: `part ${all.length}`, message: 'the answer has no end' }
    return settled(failed(di, invalidRead(error, frame)))
  })
}

function finished(di: string, data: Uint8Array, frame: Uint8Array): ReadOutcome {
  const values = decodeRegister(di, data)
  if (!values.ok) return failed(di, invalidRead(values.error, frame))
  return { register: di, ok: true, values: values.value, records: [] }
}

const failed = (register: string, error: ReadError): ReadOutcome => ({ register, ok: false, error })
