import { dayMs, epochMs, formatLocal } from '../../src/model/index.js'
import type { WriteCredentials } from '../../src/ports/index.js'
import {
  answersFor,
  parseControl,
  type Frame,
  type FreezeMoment,
  type LoadSpan,
  type Reply,
  type Request,
} from '../../src/protocols/dlt645/index.js'
import { BroadcastClock } from './broadcast-clock.js'
import { displayMs, loadRecords } from './freeze-registers.js'
import type { MeterClock } from './meter-clock.js'
import type { MeterQuirks } from './meter-quirks.js'
import type { MeterView } from './meter-view.js'
import { parseDayTable } from './parameter-registers.js'
import type { Physics } from './physics.js'
import { parseSecondStamp, secondStamp } from './register-bytes.js'
import { readRegister } from './registers.js'
import type { RelayRefusal, SupplyRelay } from './relay.js'

/** Wrong passwords in a row after which a meter takes none until its next midnight (facts §6.9). */
export const wrongPasswordsMax = 5

/** What the services of DL/T 645-2007 work on. */
export interface ServicesOptions {
  readonly physics: Physics
  readonly relay: SupplyRelay
  readonly clock: MeterClock
  readonly parameters: Map<number, Uint8Array>
  readonly password: string
  readonly quirks: MeterQuirks
  /** The relay may have moved. */
  readonly moved: () => void
}

/** Bits of ERR (facts §7). */
const err = { other: 0x01, noSuchData: 0x02, notAuthorised: 0x04, speed: 0x08, tooManySlots: 0x20 } as const

/** What a DL/T 645-2007 meter does on a request and what it answers; address and frame are its speaker's affair. */
export class Dlt645Services {
  readonly #o: ServicesOptions
  #password: string
  #wrongPasswords = 0
  #lockedUntilLocal = 0
  readonly #broadcastClock: BroadcastClock
  #followUp: { readonly di: string; readonly answers: readonly Reply[]; at: number } | null = null

  constructor(options: ServicesOptions) {
    this.#o = options
    this.#password = options.password
    this.#broadcastClock = new BroadcastClock(options.physics)
  }

  /** @returns the answer; null: none */
  serve(request: Request, view: MeterView, isBroadcast: boolean): Reply | null {
    if (isBroadcast && request.fn !== 'time-sync' && request.fn !== 'freeze') return null
    const followUp = this.#followUp
    // The sequence is forgotten at any other command (facts §6.2).
    this.#followUp = null
    switch (request.fn) {
      case 'read':
        return this.#read(request.di, request.load, view)
      case 'read-more':
        return this.#readMore(request.di, request.seq, followUp)
      case 'read-address':
        return { kind: 'reply', fn: 'read-address', address: view.address }
      case 'time-sync':
        this.#broadcastClock.set(displayMs(request.time), view.localMs)
        return null
      case 'freeze':
        return this.#freeze(request.moment)
      case 'write':
        return this.#write(request.di, request.credentials, request.data, view.localMs)
      case 'relay':
        return this.#relay(request, view.localMs)
      case 'change-password':
        return this.#changePassword(request.old, request.replacement, view.localMs)
      case 'clear-demand':
        if (!this.#isAuthorised(request.credentials.password, view.localMs)) return refusal(request.fn, err.notAuthorised)
        this.#o.physics.resetDemand()
        return done(request.fn)
      case 'change-speed':
        return refusal(request.fn, err.speed)
      case 'output':
        return { kind: 'reply', fn: 'output', signal: request.signal }
      case 'security':
        // No security chip: ESAM verification fails.
        return { kind: 'refusal', fn: 'security', word: 0x0004, bytes: 2 }
      case 'clear-meter':
      case 'clear-events':
        // Only with the key under the cover.
        return refusal(request.fn, err.notAuthorised)
      case 'write-address':
      case 'file-transfer':
        return null
    }
  }

  /** A request whose form is right but whose digits or command are not; silence for the rest. */
  refuseMalformed(frame: Frame, code: string): Reply | null {
    const control = parseControl(frame.control)
    if (control === null || control.kind !== 'request' || control.fn === 'time-sync') return null
    if (code !== 'bad-digit' && code !== 'bad-command') return null
    this.#followUp = null
    if (control.fn === 'relay') this.#o.relay.refuse('unknown', code, this.#o.physics.at)
    return refusal(control.fn, err.other)
  }

  #read(di: string, load: LoadSpan | null, view: MeterView): Reply {
    const data = this.#registerData(di, load, view)
    if (data === null) return refusal('read', err.noSuchData)
    const isBlock = di.slice(4).includes('FF') && !di.startsWith('06')
    const shown = isBlock && this.#o.quirks.trailingAa ? Uint8Array.of(...data, 0xaa) : data
    const answers = answersFor(di, shown, this.#o.quirks.partBytes)
    if (answers.length > 1) this.#followUp = { di, answers, at: 0 }
    return answers[0] ?? refusal('read', err.other)
  }

  #registerData(di: string, load: LoadSpan | null, view: MeterView): Uint8Array | null {
    const { noFreezes, noProfile } = this.#o.quirks
    const number = Number.parseInt(di, 16)
    if (di.startsWith('06')) return noProfile ? null : loadRecords(view, number, load)
    if (di.startsWith('05') && noFreezes) return null
    return readRegister(view, number)
  }

  /** The next part, or the last one again: its answer may have been lost. */
  #readMore(
    di: string,
    seq: number,
    followUp: { readonly di: string; readonly answers: readonly Reply[]; at: number } | null,
  ): Reply {
    if (followUp === null || followUp.di !== di) return refusal('read-more', err.noSuchData)
    const { answers, at } = followUp
    const place = [at, at + 1].find((index) => {
      const answer = answers[index]
      return answer?.kind === 'reply' && answer.fn === 'read-more' && answer.seq === seq
    })
    const answer = place === undefined ? undefined : answers[place]
    if (place === undefined || answer === undefined) return refusal('read-more', err.noSuchData)
    this.#followUp = { di, answers, at: place }
    return answer
  }

  /** Only "now" is known; scheduled freezes are refused. */
  #freeze(moment: FreezeMoment): Reply {
    const isNow = moment.month === null && moment.day === null && moment.hour === null && moment.minute === null
    if (!isNow || this.#o.quirks.noFreezes) return refusal('freeze', err.other)
    this.#o.physics.freezeNow()
    return done('freeze')
  }

  #write(di: string, credentials: WriteCredentials, data: Uint8Array, localMs: number): Reply {
    if (!this.#isAuthorised(credentials.password, localMs)) return refusal('write', err.notAuthorised)
    const fault = this.#store(Number.parseInt(di, 16), data, localMs)
    return fault === 0 ? done('write') : refusal('write', fault)
  }

  /** @returns the error bits; 0: written */
  #store(di: number, data: Uint8Array, localMs: number): number {
    switch (di) {
      case 0x0400010c:
        return this.#setClock(Uint8Array.of(...data.subarray(0, 3), ...data.subarray(4)), data.length === 7, localMs)
      case 0x04000101:
        return this.#setClock(
          Uint8Array.of(...secondStamp(localMs).subarray(0, 3), ...data.subarray(1)),
          data.length === 4,
          localMs,
        )
      case 0x04000102:
        return this.#setClock(Uint8Array.of(...data, ...secondStamp(localMs).subarray(3)), data.length === 3, localMs)
      case 0x04001401: {
        const [low, high] = Array.from(data, (byte) => (byte >> 4) * 10 + (byte & 0x0f))
        if (data.length !== 2 || low === undefined || high === undefined) return err.other
        this.#o.relay.tripDelayMinutes = high * 100 + low
        return 0
      }
      case 0x04010001: {
        const table = parseDayTable(data, this.#o.physics.rates)
        if (table === null) return err.tooManySlots
        this.#o.physics.setTable(table)
        return 0
      }
      default:
        return this.#storePlain(di, data)
    }
  }

  #storePlain(di: number, data: Uint8Array): number {
    const old = this.#o.parameters.get(di)
    if (old === undefined) return err.noSuchData
    if (old.length !== data.length) return err.other
    this.#o.parameters.set(di, data.slice())
    return 0
  }

  #setClock(stamp: Uint8Array, isWhole: boolean, localMs: number): number {
    const wanted = isWhole ? parseSecondStamp(stamp) : null
    if (wanted === null) return err.other
    if (wanted !== localMs) this.#o.physics.setClock(wanted)
    return 0
  }

  #changePassword(old: string, replacement: string, localMs: number): Reply {
    if (!this.#isAuthorised(old, localMs)) return refusal('change-password', err.notAuthorised)
    this.#password = replacement
    return { kind: 'reply', fn: 'change-password', replacement }
  }

  #relay(request: Extract<Request, { fn: 'relay' }>, localMs: number): Reply {
    const { physics, relay, quirks } = this.#o
    if ('enciphered' in request.order) return this.#refuseRelay('enciphered', 'mac-check-failed')
    const { command, hold, expiry } = request.order
    const said = typeof expiry === 'string' ? null : formatLocal(epochMs(displayMs(expiry)), 0)
    if (quirks.needsSecurityChip) return this.#refuseRelay(command, 'not-authorised', said)
    if (!this.#isAuthorised(request.credentials.password, localMs)) return this.#refuseRelay(command, 'not-authorised', said)
    const isExpired = expiry === 'absent' || (expiry !== 'unchecked' && displayMs(expiry) < localMs)
    if (isExpired) return this.#refuseRelay(command, 'expired', said)
    const verdict = relay.order(command, hold, physics.at, said)
    this.#o.moved()
    if (!verdict.accepted) return this.#relayRefusal(verdict.refusal)
    return { kind: 'reply', fn: 'relay', word: quirks.executionWord ? verdict.word : null }
  }

  #refuseRelay(command: string, refused: OrderRefusal, expiry: string | null = null): Reply {
    this.#o.relay.refuse(command, refused, this.#o.physics.at, expiry)
    return this.#relayRefusal(refused)
  }

  #relayRefusal(refused: OrderRefusal): Reply {
    const codes = relayRefusals[refused]
    if (this.#o.quirks.relayRefusal === 'word') return { kind: 'refusal', fn: 'relay', word: codes.word, bytes: 2 }
    return refusal('relay', codes.err)
  }

  #isAuthorised(password: string, localMs: number): boolean {
    if (localMs < this.#lockedUntilLocal) return false
    if (password === this.#password) {
      this.#wrongPasswords = 0
      return true
    }
    this.#wrongPasswords++
    if (this.#wrongPasswords >= wrongPasswordsMax) {
      this.#wrongPasswords = 0
      this.#lockedUntilLocal = Math.floor(localMs / dayMs) * dayMs + dayMs
    }
    return false
  }
}

type OrderRefusal = RelayRefusal | 'not-authorised' | 'mac-check-failed' | 'expired'

/** ERR of a meter of 2007, error word of one of 2013 (facts §6.8). */
const relayRefusals: Readonly<Record<OrderRefusal, { readonly err: number; readonly word: number }>> = {
  'mac-check-failed': { err: err.notAuthorised, word: 0x0002 },
  'not-authorised': { err: err.notAuthorised, word: 0x0004 },
  expired: { err: err.other, word: 0x0010 },
  protected: { err: err.other, word: 0x0020 },
  'restore-time': { err: err.other, word: 0x0080 },
  'already-tripped': { err: err.other, word: 0x0100 },
}

const refusal = (fn: Extract<Reply, { kind: 'refusal' }>['fn'], word: number): Reply => ({ kind: 'refusal', fn, word, bytes: 1 })
const done = (fn: 'write' | 'freeze' | 'clear-demand'): Reply => ({ kind: 'reply', fn, data: new Uint8Array() })
