import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import { denialOf, entryOf, matchAnswer, type UpMessage, type UpUnit, type Message } from '../../src/protocols/gdw1376/index.js'
import type { Command, CommandResult } from './procedure.js'
import type { SentRequest, Wire } from './wire.js'

/** Frames of one answer. */
const framesMax = 256

/** One command to the module at a time, tried again with the same number. */
export class Desk {
  readonly #wire: Wire
  readonly #triesMs: readonly number[]
  #current: { command: Command; sent: SentRequest; tries: number; by: MonotonicMs; units: UpUnit[] } | null = null

  constructor(wire: Wire, triesMs: readonly number[]) {
    this.#wire = wire
    this.#triesMs = triesMs
  }

  get isBusy(): boolean {
    return this.#current !== null
  }

  get due(): MonotonicMs | null {
    return this.#current?.by ?? null
  }

  start(command: Command, now: MonotonicMs): void {
    command.onSent?.()
    const sent = this.#wire.send(command.unit, now, { traced: command.traced, ...exchangeOf(command) })
    this.#current = { command, sent, tries: 1, by: this.#byOf(command, sent, 0), units: [] }
  }

  /** @returns the result that the frame brings; `taken`: it belongs to the command, but more must come; null: not its answer */
  hear(message: Message, now: MonotonicMs): CommandResult | 'taken' | null {
    const current = this.#current
    if (current === null) return null
    const match = matchAnswer(current.sent, message)
    if (match === null) return null
    const { unit } = message
    if (unit.name === 'confirm')
      return entryAwaitsData(current.command) ? 'taken' : this.#end(now, { kind: 'confirmed', waitSeconds: unit.waitSeconds })
    if (unit.name === 'deny') return this.#end(now, { kind: 'denied', denial: denialOf(unit.errorCode) })
    if (!isUp(message)) return null
    current.units.push(message.unit)
    const { framesApartMs } = current.command
    if (framesApartMs === undefined || current.units.length >= framesMax) return this.#answer(now, current.units)
    current.by = monotonicMs(now + framesApartMs)
    return 'taken'
  }

  /** @returns the result when the time is over; null: tried again, or not yet over */
  elapse(now: MonotonicMs): CommandResult | null {
    const current = this.#current
    if (current === null || now < current.by) return null
    if (current.units.length > 0) return this.#answer(now, current.units)
    const { command, sent } = current
    if (current.tries >= this.#triesOf(command).length) return this.#end(now, { kind: 'silent' })
    const again = this.#wire.send(command.unit, now, { sequence: sent.sequence, traced: command.traced, ...exchangeOf(command) })
    this.#current = { ...current, sent: again, by: this.#byOf(command, again, current.tries), tries: current.tries + 1 }
    return null
  }

  clear(now: MonotonicMs): void {
    if (this.#current !== null) this.#end(now, { kind: 'silent' })
  }

  #answer(now: MonotonicMs, units: readonly UpUnit[]): CommandResult | null {
    const [unit, ...more] = units
    return unit === undefined ? null : this.#end(now, { kind: 'answer', unit, more })
  }

  #end(now: MonotonicMs, result: CommandResult): CommandResult {
    if (this.#current !== null) this.#wire.sequences.release(this.#current.sent.sequence, result.kind !== 'silent', now)
    this.#current = null
    return result
  }

  #triesOf(command: Command): readonly number[] {
    return command.triesMs ?? this.#triesMs
  }

  #byOf(command: Command, { wireEnd }: SentRequest, index: number): MonotonicMs {
    return monotonicMs(wireEnd + (this.#triesOf(command)[index] ?? 0))
  }
}

const exchangeOf = ({ exchange }: Command) => (exchange === undefined ? {} : { exchange })
const isUp = (message: Message): message is UpMessage => message.direction === 'up'

function entryAwaitsData({ unit }: Command): boolean {
  return entryOf(unit)?.answer === 'data'
}
