import {
  addressed,
  addressText,
  broadcastAddress,
  decodeFrame,
  encodeReply,
  hasWildcard,
  parseRequest,
  anyFrameScanner,
  type Frame,
  type Reply,
} from '../../src/protocols/dlt645/index.js'
import { Dlt645Services } from './dlt645-services.js'
import type { MeterView } from './meter-view.js'
import { initialParameters } from './parameter-registers.js'
import { ignored, obeyed, several, type Heard, type MeterBody, type MeterLanguage, type MeterSpeaker } from './speaker.js'

/** DL/T 645-2007 from the meters' side. */
export const dlt645Language: MeterLanguage = {
  protocol: 'dlt645-2007',
  addressee: addressee645,
  scanner: anyFrameScanner,
  speaker: (body) => new Dlt645Speaker(body),
}

/** For whom a frame of either edition of DL/T 645 is. */
export function addressee645(request: Uint8Array): string | null {
  let start = 0
  while (request[start] === wakeUpByte) start++
  if (request[start] !== startByte || request[start + 7] !== startByte) return null
  const address = addressText(request.subarray(start + 1, start + 7))
  return address === broadcastAddress || hasWildcard(address) ? several : address
}

const wakeUpByte = 0xfe
const startByte = 0x68

class Dlt645Speaker implements MeterSpeaker {
  readonly #body: MeterBody
  readonly #parameters: Map<number, Uint8Array>
  readonly #services: Dlt645Services

  constructor(body: MeterBody) {
    const { options } = body
    this.#body = body
    this.#parameters = initialParameters({ intervalMinutes: options.profileIntervalMinutes, rates: options.rates })
    this.#services = new Dlt645Services({
      physics: body.physics,
      relay: body.relay,
      clock: body.clock,
      parameters: this.#parameters,
      password: options.password,
      quirks: options.quirks,
      moved: () => body.moved(),
    })
  }

  /** Silent (facts §11) when not meant, on broadcasts, and for what is unknown or malformed. */
  hear(bytes: Uint8Array, trueMs: number): Heard {
    const decoded = decodeFrame(bytes)
    if (!decoded.ok) return ignored
    const frame = decoded.value
    const standing = addressed(this.#body.address, frame.address)
    if (standing === 'ignore') return ignored
    this.#body.advance(trueMs)
    const parsed = parseRequest(frame)
    if (!parsed.ok) return this.#malformed(frame, standing === 'answer', parsed.error.code)
    const request = parsed.value
    if (standing === 'answer' && hasWildcard(frame.address) && request.fn !== 'read' && request.fn !== 'read-address')
      return ignored
    const reply = this.#services.serve(request, this.#view(), standing === 'act-silently')
    return reply === null || standing === 'act-silently' ? obeyed : this.#answer(reply)
  }

  /** 91H with a vendor's register, as meters with a radio module send it (facts §10.3). */
  unasked(): Uint8Array {
    return encodeReply(this.#body.address, {
      kind: 'reply',
      fn: 'read',
      di: '80808080',
      data: new Uint8Array(),
      more: false,
    })
  }

  #malformed(frame: Frame, mayAnswer: boolean, code: string): Heard {
    const refusal = mayAnswer ? this.#services.refuseMalformed(frame, code) : null
    return refusal === null ? ignored : this.#answer(refusal)
  }

  #answer(reply: Reply): Heard {
    return { kind: 'answered', bytes: encodeReply(this.#body.address, reply, this.#body.options.quirks.preamble) }
  }

  #view(): MeterView {
    const { address, physics, relay, clock, options } = this.#body
    return {
      address,
      physics,
      relay,
      point: options.point,
      localMs: clock.localAt(physics.at),
      parameters: this.#parameters,
      emptyRecords: options.quirks.emptyRecords,
    }
  }
}
