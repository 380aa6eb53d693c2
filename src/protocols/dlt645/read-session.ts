import { fail, ok } from '../../model/index.js'
import type { MeterAddress, Result } from '../../model/index.js'
import type { AheadRead, ReadError, ReadOutcome, ReadPlan, RegisterRequest, Session } from '../../ports/index.js'
import { joinBytes } from '../wire/bytes.js'
import type { RefusalWord } from './errors.js'
import { andThen, settled } from '../wire/sessions.js'
import { ask } from './exchange.js'
import { decodeLoadRecords } from './load-record.js'
import { failedRead, invalidRead, readError, unsupportedRead } from '../wire/read-errors.js'
import { refusedRead } from './read-errors.js'
import { decodeRegister } from './register-data.js'
import { checkRegister, findRegister } from './register-table.js'
import type { LoadSpan } from './requests.js'

/** Follow-up frames of one answer; a longer chain is given up as `invalid`. The longest known, 99 load records, has about 50. */
export const chainPartsMax = 600
/** Load records one request can ask for (two BCD digits). */
export const loadRecordsMax = 99

/**
 * Reads registers one after the other.
 *
 * A register that fails does not end the plan, but a meter that says nothing does: after one silent register when nothing was heard of
 * it yet, after two in a row else, the rest is not asked, as each would cost all its deadlines again. A link that was
 * away ends it likewise, and the rest bears that reason.
 */
export function readRegisters(plan: ReadPlan): Session<readonly ReadOutcome[]> {
  const { address, repeats } = plan
  return readEach(plan, (request) => readOne({ address, repeats, request }))
}

/** Reads the registers of a plan by `read`, one after the other, as `readRegisters` says. */
export function readEach(plan: ReadPlan, read: ReadOne): Session<readonly ReadOutcome[]> {
  return readFrom({ plan, read }, [], { heard: false, silent: 0, isDown: false })
}

/** Reads one register of a plan. */
export type ReadOne = (request: RegisterRequest) => Session<ReadOutcome>

/** Reads one register. */
export function readRegister(address: MeterAddress, register: string, repeats: number): Session<ReadOutcome> {
  return readOne({ address, repeats, request: { register } })
}

interface Line {
  /** Whether the meter has answered anything in this session. */
  readonly heard: boolean
  /** Registers in a row that met silence, or no link. */
  readonly silent: number
  /** Whether the latest of them met no link. */
  readonly isDown: boolean
}

interface Reads {
  readonly plan: ReadPlan
  readonly read: ReadOne
}

function readFrom(reads: Reads, outcomes: readonly ReadOutcome[], line: Line): Session<readonly ReadOutcome[]> {
  const request = reads.plan.registers[outcomes.length]
  if (request === undefined) return settled(outcomes)
  if (line.silent >= (line.heard ? 2 : 1)) {
    const error = line.isDown
      ? readError('bus-down', 'not asked: the link was not there before')
      : readError('no-reply', 'not asked: the meter was silent before')
    return readFrom(reads, [...outcomes, failed(request.register, error)], line)
  }
  const first = reads.read(request)
  const session = andThen(first, (outcome) => readFrom(reads, [...outcomes, outcome], lineAfter(line, outcome)))
  const { effect } = session
  if (effect.kind === 'settled' || first.effect.kind === 'settled' || request.count !== undefined) return session
  return { effect: { ...effect, ahead: () => aheadOf(reads, outcomes.length + 1) }, step: (input) => session.step(input) }
}

/** What is asked from a place in the plan on. Load records come in chains, which nothing may interrupt. */
function aheadOf({ plan, read }: Reads, from: number): readonly AheadRead[] {
  const rest = plan.registers.slice(from)
  const chain = rest.findIndex(({ count }) => count !== undefined)
  return rest.slice(0, chain < 0 ? rest.length : chain).flatMap((request) => {
    const { effect } = read(request)
    return effect.kind === 'settled' ? [] : [effect]
  })
}

function lineAfter(line: Line, outcome: ReadOutcome): Line {
  const code = outcome.ok ? 'ok' : outcome.error.code
  if (code === 'ok' || code === 'refused' || code === 'invalid') return { heard: true, silent: 0, isDown: false }
  return code === 'no-reply' || code === 'bus-down' ? { ...line, silent: line.silent + 1, isDown: code === 'bus-down' } : line
}

interface Reading {
  readonly address: MeterAddress
  readonly repeats: number
  readonly request: RegisterRequest
}

/** A register being read: what is asked, and how often its chain may still be started again. */
interface Chain {
  readonly address: MeterAddress
  readonly repeats: number
  readonly di: string
  readonly load: LoadSpan | null
  readonly restarts: number
}

function readOne({ address, repeats, request }: Reading): Session<ReadOutcome> {
  const di = checkRegister(request.register)
  if (!di.ok) return settled(failed(request.register, unsupportedRead(di.error.message)))
  const load = loadSpan(di.value, request)
  if (!load.ok) return settled(failed(di.value, unsupportedRead(load.error)))
  return askFirst({ address, repeats, di: di.value, load: load.value, restarts: repeats })
}

/** 11H. An answer that says "more follows" begins a chain. */
function askFirst(chain: Chain): Session<ReadOutcome> {
  const { address, repeats, di, load } = chain
  return ask({ address, repeats, request: { fn: 'read', di, load }, holdsBus: false, isWrite: false }, (answer) => {
    if (answer.kind === 'yielded') return askFirst(chain)
    if (answer.kind !== 'answered') return settled(failed(di, failedRead(answer)))
    const { reply, frame } = answer
    if (reply.kind === 'refusal') return settled(refused(di, reply, frame))
    return reply.more ? askMore(chain, [reply.data]) : settled(finished(di, reply.data, frame))
  })
}

/**
 * 12H, SEQ 1 … 255, 1 …: the parts so far are thrown away and the chain starts again when one cannot be had (facts §6.2), at once
 * when somebody else was asked in between.
 */
function askMore(chain: Chain, parts: readonly Uint8Array[]): Session<ReadOutcome> {
  const { address, repeats, di, restarts } = chain
  const seq = ((parts.length - 1) % 255) + 1
  return ask({ address, repeats, request: { fn: 'read-more', di, seq }, holdsBus: true, isWrite: false }, (answer) => {
    if (answer.kind === 'yielded') return askFirst(chain)
    const restarted = restarts > 0 ? { ...chain, restarts: restarts - 1 } : null
    if (answer.kind === 'bus-down') return settled(failed(di, failedRead(answer)))
    if (answer.kind !== 'answered') return restarted === null ? settled(failed(di, failedRead(answer))) : askFirst(restarted)
    const { reply, frame } = answer
    if (reply.kind === 'refusal') return restarted === null ? settled(refused(di, reply, frame)) : askFirst(restarted)
    const all = [...parts, reply.data]
    if (!reply.more) return settled(finished(di, joinBytes(all), frame))
    if (all.length <= chainPartsMax) return askMore(chain, all)
    const error = { code: 'too-long', at: `part ${all.length}`, message: 'the answer has no end' }
    return settled(failed(di, invalidRead(error, frame)))
  })
}

function finished(di: string, data: Uint8Array, frame: Uint8Array): ReadOutcome {
  const layout = findRegister(di)?.layout
  if (layout?.kind === 'load') {
    const records = decodeLoadRecords(data, layout.loadClass)
    if (!records.ok) return failed(di, invalidRead(records.error, frame))
    return { register: di, ok: true, values: [], records: records.value }
  }
  const values = decodeRegister(di, data)
  if (!values.ok) return failed(di, invalidRead(values.error, frame))
  return { register: di, ok: true, values: values.value, records: [] }
}

/** A refusal; "no such data" of a load record says that there is none (facts §8.8). */
function refused(di: string, refusal: RefusalWord, frame: Uint8Array): ReadOutcome {
  const error = refusedRead(refusal, frame)
  const isLoad = findRegister(di)?.layout.kind === 'load'
  if (isLoad && error.errors.includes('no-such-data')) return { register: di, ok: true, values: [], records: [] }
  return failed(di, error)
}

const failed = (register: string, error: ReadError): ReadOutcome => ({ register, ok: false, error })

/** What a load record request must say beside its register: how many, and from when on where the register ends in 1 (facts §8.8). */
function loadSpan(di: string, { from, count = 1 }: RegisterRequest): Result<LoadSpan | null, string> {
  if (findRegister(di)?.layout.kind !== 'load') {
    return from === undefined ? ok(null) : fail('only load records are asked from a time on')
  }
  if (!Number.isInteger(count) || count < 1 || count > loadRecordsMax)
    return fail(`1 to ${loadRecordsMax} load records can be asked for`)
  if (di.endsWith('1') !== (from !== undefined))
    return fail('load records from a time on are registers 06..0001, the others take none')
  return ok({ count, from: from ?? null })
}
