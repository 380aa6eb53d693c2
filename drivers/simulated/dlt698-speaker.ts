import {
  addressed,
  addressLength,
  answerFrames,
  anyFrameScanner,
  answerBlocks,
  answerRequest,
  decodeFrame,
  encodeApdu,
  openEnvelope,
  parseApdu,
  plainTail,
  readServer,
  receivePiece,
  userData,
  withMac,
  type Apdu,
  type ApduOf,
  type BlockContent,
  type DecodedFrame,
} from '../../src/protocols/dlt698/index.js'
import { Dlt698Objects, isPlainlyRead } from './dlt698-objects.js'
import { hash32 } from './random.js'
import { ignored, obeyed, several, type Heard, type MeterBody, type MeterLanguage, type MeterSpeaker } from './speaker.js'

/** DL/T 698.45 from the meters' side: plain requests, those with a random number, pieces and blocks. */
export const dlt698Language: MeterLanguage = {
  protocol: 'dlt698-45',
  addressee,
  scanner: anyFrameScanner,
  speaker: (body) => new Dlt698Speaker(body),
}

const startByte = 0x68
const wakeUpByte = 0xfe
const flagsOffset = 4
/** Access result of what a meter does only for whoever has its keys. */
const securityMismatch = 20

function addressee(request: Uint8Array): string | null {
  let start = 0
  while (request[start] === wakeUpByte) start++
  const flags = request[start + flagsOffset]
  if (request[start] !== startByte || flags === undefined) return null
  const addressAt = start + flagsOffset + 1
  const server = readServer(flags, request.subarray(addressAt, addressAt + addressLength(flags)))
  return server.kind === 'single' ? server.digits : several
}

class Dlt698Speaker implements MeterSpeaker {
  readonly #body: MeterBody
  readonly #objects: Dlt698Objects
  /** Pieces of a request that is not whole yet. */
  #received: readonly Uint8Array[] = []
  /** Frames of an answer in pieces that are still to leave, the one sent last in front. */
  #leaving: readonly Uint8Array[] = []
  #blocks: readonly ApduOf<'got-next'>[] = []
  #macs = 0

  constructor(body: MeterBody) {
    this.#body = body
    this.#objects = new Dlt698Objects(body)
  }

  hear(bytes: Uint8Array, trueMs: number): Heard {
    const decoded = decodeFrame(bytes)
    if (!decoded.ok) return ignored
    const frame = decoded.value
    if (frame.control.from !== 'client' || frame.control.fn !== userData) return ignored
    const standing = addressed(this.#body.address, frame.server)
    if (standing === 'ignore') return ignored
    this.#body.advance(trueMs)
    if (frame.segment !== null) return this.#piece(frame)
    this.#received = []
    const heard = this.#whole(frame, frame.body)
    return standing === 'act-silently' && heard.kind === 'answered' ? obeyed : heard
  }

  /** No report of this meter is simulated. */
  unasked(): null {
    return null
  }

  /** A piece of a request, or the confirmation of a piece of our answer (facts §1). */
  #piece(frame: DecodedFrame): Heard {
    if (frame.segment?.kind === 'confirmation') return this.#confirmed(frame.segment.number)
    const taken = receivePiece(this.#body.address, frame, this.#received)
    this.#received = taken?.parts ?? []
    if (taken === null) return ignored
    return taken.apdu === null ? this.#answerFrame(taken.confirmation) : this.#whole(frame, taken.apdu)
  }

  #confirmed(number: number): Heard {
    const [sent, ...rest] = this.#leaving
    if (sent === undefined) return ignored
    // Of the piece before: the one after it was lost, and comes again.
    if (numberOf(sent) !== number) return this.#answerFrame(sent)
    this.#leaving = rest
    const [next] = rest
    return next === undefined ? obeyed : this.#answerFrame(next)
  }

  #whole(frame: DecodedFrame, bytes: Uint8Array): Heard {
    this.#leaving = []
    const parsed = parseApdu(bytes)
    const opened = parsed.ok ? openEnvelope(parsed.value) : parsed
    if (!opened.ok) return ignored
    const { apdu, envelope } = opened.value
    // Enciphered: this meter has no keys.
    if (apdu === null)
      return this.#send(frame, { kind: 'secured-response', content: { kind: 'refused', dar: securityMismatch, check: null } })
    const answer = this.#answer(apdu, envelope !== null)
    if (answer === null) return ignored
    return this.#send(frame, envelope === null ? answer : withMac(answer, this.#mac()))
  }

  #answer(request: Apdu, isSecured: boolean): Apdu | null {
    const { quirks } = this.#body.options
    if (request.kind === 'get-next') return this.#blocks[request.block] ?? blockUnavailable(request.piid)
    this.#blocks = []
    if (request.kind === 'get-list' && quirks.lists !== 'answered') {
      return quirks.lists === 'refused' ? { kind: 'error-response', piid: request.piid, error: 2, ...plainTail } : null
    }
    const mayRead = isSecured || !quirks.needsRandomNumber || isPlainlyRead(request)
    const answer = answerRequest(request, mayRead ? this.#objects : this.#objects.locked())
    return answer !== null && quirks.answersInBlocks ? this.#inBlocks(answer) : answer
  }

  /** Objects and rows that do not fit one answer, so many in each block. */
  #inBlocks(answer: Apdu): Apdu {
    if (encodeApdu(answer).length <= this.#body.options.quirks.pieceBytes) return answer
    const contents = blockContents(answer)
    if (contents === null || !('piid' in answer)) return answer
    this.#blocks = answerBlocks(answer.piid, contents)
    return this.#blocks[0] ?? answer
  }

  #send(frame: DecodedFrame, answer: Apdu): Heard {
    this.#leaving = answerFrames(this.#body.address, frame, answer, this.#body.options.quirks.pieceBytes)
    const [first] = this.#leaving
    return first === undefined ? ignored : this.#answerFrame(first)
  }

  #answerFrame(frame: Uint8Array): Heard {
    const preamble = new Uint8Array(this.#body.options.quirks.preamble).fill(wakeUpByte)
    return { kind: 'answered', bytes: Uint8Array.of(...preamble, ...frame) }
  }

  /** Four bytes that nobody can check without keys. */
  #mac(): string {
    return hash32(this.#body.options.seed, this.#macs++, 0x698).toString(16).toUpperCase().padStart(8, '0')
  }
}

function numberOf(frame: Uint8Array): number | null {
  const decoded = decodeFrame(frame)
  return decoded.ok ? (decoded.value.segment?.number ?? null) : null
}

const blockUnavailable = (piid: number): ApduOf<'got-next'> => ({
  kind: 'got-next',
  piid,
  isLast: true,
  block: 0,
  content: { kind: 'dar', dar: 9 },
  ...plainTail,
})

/** Objects of a list one by one in fives, rows of a record in eights; null: this answer cannot be parted. */
function blockContents(answer: Apdu): readonly BlockContent[] | null {
  if (answer.kind === 'got-list') return inGroups(answer.list, 5).map((results) => ({ kind: 'objects', results }))
  if (answer.kind !== 'got-record' || answer.record.result.kind !== 'rows') return null
  const { oad, columns, result } = answer.record
  return inGroups(result.rows, 8).map((rows) => ({
    kind: 'records',
    records: [{ oad, columns, result: { kind: 'rows', rows } }],
  }))
}

function inGroups<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
}
