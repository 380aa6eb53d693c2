import type { MeterAddress, RegisterValue } from '../../model/index.js'
import type { ReadError, ReadOutcome, ReadPlan, RegisterRequest, Session, SessionInput } from '../../ports/index.js'
import { unanswered } from '../wire/unanswered.js'
import { planBlocks, splitBlock, type Block } from './blocks.js'
import { bitsOf } from './bytes.js'
import { decodeFrame } from './codec.js'
import type { BitRead, WordRead } from './functions.js'
import { failedRead, invalidRead, readError, unsupportedRead } from '../wire/read-errors.js'
import { failed, refusedRead } from './read-errors.js'
import type { ModbusMap, ModbusRegister, ReadFunction } from './register-map.js'
import { parseReply, type Reply } from './replies.js'
import { encodeRequest, type ReadRequest } from './requests.js'
import { replyScanner } from './scanner.js'
import { decodeBits, decodeWords } from './values.js'

/**
 * Reads registers of a map, neighbours by one request.
 *
 * A block that the device refuses is asked again in halves, down to single registers, as perhaps one of them only is not there. A device
 * that says nothing is not asked the rest: after one silent request when nothing was heard of it yet, after two in a row else.
 */
export function readRegisters(map: ModbusMap, plan: ReadPlan): Session<readonly ReadOutcome[]> {
  const known = new Map(map.registers.map((register) => [register.code, register]))
  const done = new Map<string, ReadOutcome>()
  const wanted: ModbusRegister[] = []
  for (const request of plan.registers) {
    const register = known.get(request.register)
    const refusal = refusalOf(request, register)
    if (refusal !== null) done.set(request.register, failed(request.register, refusal))
    else if (register !== undefined) wanted.push(register)
  }
  return readBlocks({
    plan,
    repeats: plan.repeats,
    blocks: planBlocks(wanted, map),
    done,
    heard: false,
    silent: 0,
    isDown: false,
  })
}

interface Reads {
  readonly plan: ReadPlan
  /** How often the present block may still be repeated. */
  readonly repeats: number
  readonly blocks: readonly Block[]
  readonly done: ReadonlyMap<string, ReadOutcome>
  /** Whether the device has answered anything in this session. */
  readonly heard: boolean
  /** Requests in a row that met silence, or no link. */
  readonly silent: number
  readonly isDown: boolean
}

function readBlocks(reads: Reads): Session<readonly ReadOutcome[]> {
  const [block, ...rest] = reads.blocks
  if (block === undefined || reads.silent >= (reads.heard ? 2 : 1)) return settled(outcomesOf(reads))
  const address = Number(reads.plan.address)
  const request = requestOf(block)
  const reply = replyScanner(address, request)
  const bytes = encodeRequest(address, request)
  return {
    effect: { kind: 'exchange', to: reads.plan.address, bytes, reply, holdsBus: false, isWrite: false },
    step: (input) => readBlocks(afterInput({ ...reads, blocks: rest }, block, input)),
  }
}

/** The reads that follow; `reads` are those without the block that was asked. */
function afterInput(reads: Reads, block: Block, input: SessionInput): Reads {
  // Nothing was asked: the same once more.
  if (input.kind === 'yielded') return { ...reads, blocks: [block, ...reads.blocks] }
  const read = input.kind === 'reply' ? answerTo(block, reads.plan.address, input.frame) : null
  if (input.kind === 'reply' && read !== null) return afterReply(reads, block, read, input.frame)
  const failure = input.kind === 'reply' ? ({ kind: 'garbled', bytes: input.frame } as const) : input
  const mayRepeat = reads.repeats > 0 && failure.kind !== 'bus-down'
  if (mayRepeat) return { ...reads, repeats: reads.repeats - 1, blocks: [block, ...reads.blocks] }
  const error = failedRead(unanswered(failure))
  const silent = error.code === 'garbled' ? reads.silent : reads.silent + 1
  return { ...next(reads, block, () => error), silent, isDown: error.code === 'bus-down' }
}

function afterReply(reads: Reads, block: Block, reply: ReadReply, frame: Uint8Array): Reads {
  const heard: Reads = { ...reads, heard: true, silent: 0, isDown: false }
  if (!('exception' in reply)) return next(heard, block, (register) => valuesOf(register, block, reply, frame))
  if (block.registers.length > 1 && mayBePart(reply.exception))
    return { ...heard, repeats: reads.plan.repeats, blocks: [...splitBlock(block), ...reads.blocks] }
  const error = refusedRead(reply.exception, frame)
  return next(heard, block, () => error)
}

/** Notes what became of a block's registers, and goes on to the next block. */
function next(reads: Reads, block: Block, read: (register: ModbusRegister) => readonly RegisterValue[] | ReadError): Reads {
  const outcomes = block.registers.map((register): [string, ReadOutcome] => {
    const result = read(register)
    const { code } = register
    return [code, 'retry' in result ? failed(code, result) : { register: code, ok: true, values: result, records: [] }]
  })
  return { ...reads, repeats: reads.plan.repeats, done: new Map([...reads.done, ...outcomes]) }
}

/** In the order of the plan; what was not asked any more says why. */
function outcomesOf({ plan, done, isDown }: Reads): readonly ReadOutcome[] {
  const notAsked = isDown
    ? readError('bus-down', 'not asked: the link was not there before')
    : readError('no-reply', 'not asked: the device was silent before')
  return plan.registers.map(({ register }) => done.get(register) ?? failed(register, notAsked))
}

/** Address, value or state of a part may be what the device does not have; busy or broken it is as a whole. */
const mayBePart = (exception: number): boolean => exception >= 0x02 && exception <= 0x04

const requestNames: Readonly<Record<ReadFunction, BitRead | WordRead>> = {
  1: 'read-coils',
  2: 'read-inputs',
  3: 'read-holding-registers',
  4: 'read-input-registers',
}

const requestOf = ({ function: code, start, count }: Block): ReadRequest => ({ fn: requestNames[code], start, count })

/** Looks at a frame once more, whoever handed it over: null when it does not answer the request. */
function answerTo(block: Block, address: MeterAddress, frame: Uint8Array): ReadReply | null {
  const scanned = replyScanner(Number(address), requestOf(block))(frame)
  const decoded = scanned.kind === 'frame' ? decodeFrame(frame) : null
  const reply = decoded?.ok === true ? parseReply(decoded.value) : null
  return reply?.ok === true && isReadReply(reply.value) ? reply.value : null
}

/** What a read is answered by. */
type ReadReply = Extract<Reply, { readonly bytes: unknown } | { readonly words: unknown } | { readonly exception: unknown }>

const isReadReply = (reply: Reply): reply is ReadReply => 'exception' in reply || 'bytes' in reply || 'words' in reply

/** A normal answer: bits of functions 1 and 2, words of 3 and 4. */
type DataReply = Exclude<ReadReply, { readonly exception: unknown }>

function valuesOf(
  register: ModbusRegister,
  { start, count }: Block,
  reply: DataReply,
  frame: Uint8Array,
): readonly RegisterValue[] | ReadError {
  const from = register.address - start
  const to = from + register.count
  if ('bytes' in reply) return [decodeBits(register, bitsOf(reply.bytes, count).slice(from, to))]
  const values = decodeWords(register, reply.words.slice(from, to))
  return values.ok ? values.value : invalidRead(values.error, frame)
}

function refusalOf(request: RegisterRequest, register: ModbusRegister | undefined): ReadError | null {
  if (register === undefined) return unsupportedRead(`the map has no register ${request.register}`)
  return request.from === undefined && request.count === undefined ? null : unsupportedRead('there are no load records')
}

function settled<T>(outcome: T): Session<T> {
  return {
    effect: { kind: 'settled', outcome },
    step: () => {
      throw new Error('a settled session was stepped')
    },
  }
}
