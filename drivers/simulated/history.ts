import { dayMs, minuteMs } from '../../src/model/index.js'

/** Energy registers in hundredths of a kWh: total first, then the rates. */
export type RateUnits = readonly number[]

/** Highest mean power of a quarter hour, forward, and the display time it began; 0 at 0: none yet. */
export interface MaxDemand {
  readonly watts: number
  readonly at: number
}

/** What a meter keeps at midnight, at a settlement, or on a freeze command. */
export interface FreezeRecord {
  /** Display time of the freeze, ms. */
  readonly at: number
  readonly forward: RateUnits
  readonly reverse: RateUnits
  readonly reactive: RateUnits
  readonly demands: readonly MaxDemand[]
  /** Active and reactive power at that moment: watts and var. */
  readonly watts: number
  readonly vars: number
}

export interface HourRecord {
  readonly at: number
  readonly forward: number
  readonly reverse: number
}

/** One record of the load profile; energies in hundredths. */
export interface ProfileRecord {
  readonly at: number
  readonly forward: number
  readonly reverse: number
  readonly reactive: number
  readonly watts: number
  readonly vars: number
}

/** The last `max` records, newest first by number: 1 is the last one. */
export class RecordRing<T> {
  readonly #max: number
  readonly #records: T[] = []
  #next = 0

  constructor(max: number) {
    this.#max = max
  }

  get count(): number {
    return this.#records.length
  }

  add(record: T): void {
    if (this.#records.length < this.#max) this.#records.push(record)
    else this.#records[this.#next] = record
    this.#next = (this.#next + 1) % this.#max
  }

  /** @param number 1 for the last record, 2 for the one before */
  last(number: number): T | null {
    if (number < 1 || number > this.#records.length) return null
    return this.#records[(this.#next - number + this.#max * 2) % this.#max] ?? null
  }
}

const fields = 6

/** Load profile of some days: whole numbers in one array, 24 bytes a record. The oldest records are overwritten. */
export class ProfileRing {
  readonly #max: number
  #numbers = new Int32Array(fields * 64)
  #count = 0
  #next = 0

  constructor(days: number, intervalMinutes: number) {
    this.#max = Math.max(1, Math.floor((days * dayMs) / (intervalMinutes * minuteMs)))
  }

  get count(): number {
    return this.#count
  }

  add(record: ProfileRecord): void {
    this.#grow()
    const { at, forward, reverse, reactive, watts, vars } = record
    this.#numbers.set([Math.floor(at / minuteMs), forward, reverse, reactive, watts, vars], this.#next * fields)
    this.#next = (this.#next + 1) % this.#max
    if (this.#count < this.#max) this.#count++
  }

  /** @param index 0 for the oldest record kept */
  at(index: number): ProfileRecord | null {
    if (index < 0 || index >= this.#count) return null
    const place = ((this.#next - this.#count + index + this.#max) % this.#max) * fields
    const field = (n: number): number => this.#numbers[place + n] ?? 0
    return {
      at: field(0) * minuteMs,
      forward: field(1),
      reverse: field(2),
      reactive: field(3),
      watts: field(4),
      vars: field(5),
    }
  }

  /** Index of the first record at or after a display time; `count` when there is none. Records rise in time. */
  indexFrom(localMs: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.at(middle)?.at ?? 0) < localMs) low = middle + 1
      else high = middle
    }
    return low
  }

  #grow(): void {
    const needed = (Math.min(this.#count, this.#max - 1) + 1) * fields
    if (needed <= this.#numbers.length) return
    const larger = new Int32Array(Math.min(this.#numbers.length * 2, this.#max * fields))
    larger.set(this.#numbers)
    this.#numbers = larger
  }
}
