import {
  addressed,
  answerFrame,
  answersFor,
  checkRegister,
  decodeFrame,
  parseRequest,
  type Reply,
  type Request,
} from '../../src/protocols/dlt645-1997/index.js'
import { anyFrameScanner } from '../../src/protocols/dlt645/index.js'
import { BroadcastClock } from './broadcast-clock.js'
import { readRegister1997 } from './dlt1997-registers.js'
import { addressee645 } from './dlt645-speaker.js'
import { displayMs } from './freeze-registers.js'
import { ignored, obeyed, type Heard, type MeterBody, type MeterLanguage, type MeterSpeaker } from './speaker.js'

/** DL/T 645-1997 from the meters' side: no relay, no freezes, no load record. */
export const dlt1997Language: MeterLanguage = {
  protocol: 'dlt645-1997',
  addressee: addressee645,
  scanner: anyFrameScanner,
  speaker: (body) => new Dlt1997Speaker(body),
}

/** Bits of ERR (facts, control codes). */
const noSuchData = 0x02
const notAuthorised = 0x04

class Dlt1997Speaker implements MeterSpeaker {
  readonly #body: MeterBody
  readonly #clock: BroadcastClock
  /** Further parts of a long answer; they bear no number, and any other request ends them. */
  #parts: readonly Reply[] = []
  #last: Reply | null = null

  constructor(body: MeterBody) {
    this.#body = body
    this.#clock = new BroadcastClock(body.physics)
  }

  hear(bytes: Uint8Array, trueMs: number): Heard {
    const frame = decodeFrame(bytes)
    const request = frame.ok ? parseRequest(frame.value) : frame
    if (!frame.ok || !request.ok) return ignored
    const { address: own, options } = this.#body
    const standing = addressed(own, frame.value.address)
    if (standing === 'ignore') return ignored
    this.#body.advance(trueMs)
    const reply = this.#serve(request.value)
    if (reply === null || standing === 'act-silently') return obeyed
    this.#last = reply
    const asked = { address: frame.value.address, request: request.value }
    const answer = answerFrame(own, asked, reply, options.quirks.echoesWildcard ? 'echo' : 'own-address')
    return answer === null ? ignored : { kind: 'answered', bytes: withPreamble(answer, options.quirks.preamble) }
  }

  unasked(): null {
    return null
  }

  #serve(request: Request): Reply | null {
    const parts = this.#parts
    this.#parts = []
    const { physics, clock, options } = this.#body
    switch (request.fn) {
      case 'read':
        return this.#read(request.di)
      case 'read-more': {
        const [next, ...rest] = parts
        this.#parts = rest
        return next !== undefined && 'di' in next && next.di === request.di ? next : refusal('read-more', noSuchData)
      }
      case 'read-again':
        this.#parts = parts
        return this.#last
      case 'time-sync':
        this.#clock.set(displayMs(request.time), clock.localAt(physics.at))
        return null
      case 'clear-demand':
        if (request.password !== null && request.password !== options.password) return refusal(request.fn, notAuthorised)
        physics.resetDemand()
        return { kind: 'reply', fn: request.fn }
      case 'write':
      case 'change-password':
        return refusal(request.fn, notAuthorised)
      case 'write-address':
      case 'change-speed':
        // Behind the sealed cover.
        return null
    }
  }

  #read(di: string): Reply {
    const register = checkRegister(di)
    const data = register.ok ? readRegister1997(this.#body, register.value) : null
    if (data === null) return refusal('read', noSuchData)
    const [first = refusal('read', noSuchData), ...rest] = answersFor(di, data, this.#body.options.quirks.partBytes)
    this.#parts = rest
    return first
  }
}

const refusal = (fn: Extract<Reply, { kind: 'refusal' }>['fn'], errors: number): Reply => ({ kind: 'refusal', fn, errors })

const wakeUpByte = 0xfe
const withPreamble = (frame: Uint8Array, preamble: number): Uint8Array =>
  Uint8Array.of(...new Uint8Array(preamble).fill(wakeUpByte), ...frame)
