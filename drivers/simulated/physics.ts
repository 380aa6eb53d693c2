import { dayMs, minuteMs, type RateSwitch } from '../../src/model/index.js'
import { ProfileRing, RecordRing, type FreezeRecord, type HourRecord, type MaxDemand } from './history.js'
import type { LoadShape } from './load-shape.js'
import type { MeterClock } from './meter-clock.js'
import { hash32 } from './random.js'
import { nextSwitchAfter, rateAt } from './time-table.js'

/** Full scale of an energy register of six digits and two decimals, in hundredths: it wraps to zero there. */
export const registerWrap = 100_000_000
/** Records a meter keeps: daily and hourly freezes, settlement periods, freezes by command. */
export const dailyFreezesMax = 62
export const hourlyFreezesMax = 254
export const settlementsMax = 12
export const commandFreezesMax = 12

export interface PhysicsOptions {
  readonly clock: MeterClock
  readonly load: LoadShape
  /** Of the power factor's changes. */
  readonly seed: number
  readonly table: readonly RateSwitch[]
  readonly rates: number
  readonly utcOffsetMinutes: number
  /** True time of installation: nothing is known before. */
  readonly installedAt: number
  /** Forward total at installation, hundredths of a kWh. */
  readonly initialForward: number
  readonly profileIntervalMinutes: number
  readonly profileDays: number
}

/** Milliwatt-seconds (W·ms) in a hundredth of a kWh. */
const unitWms = 36_000_000
const quarterMs = 15 * minuteMs
const hourMs = 60 * minuteMs
/** Setting the clock forward by at most this still makes the records of the instants it jumped over. */
const jumpRecordedMaxMs = 5 * minuteMs

/**
 * What a meter measures and keeps. Nothing ticks: `advance` integrates the load in whole units from where it stood, stopping at
 * each change of load, rate and at each instant that makes a record. The registers follow from seed, time and relay history alone.
 *
 * The energy of a unit (0.01 kWh) goes to the rate in force when the unit is full, so the rates always add up to the total.
 */
export class Physics {
  readonly daily = new RecordRing<FreezeRecord>(dailyFreezesMax)
  readonly hourly = new RecordRing<HourRecord>(hourlyFreezesMax)
  readonly settlements = new RecordRing<FreezeRecord>(settlementsMax)
  readonly commanded = new RecordRing<FreezeRecord>(commandFreezesMax)
  readonly profile: ProfileRing
  readonly rates: number
  /** Forward and reverse active, reactive: total, then the rates, hundredths. */
  readonly #forward: number[]
  readonly #reverse: number[]
  readonly #reactive: number[]
  readonly #clock: MeterClock
  #load: LoadShape
  readonly #seed: number
  readonly #utcOffsetMs: number
  readonly #intervalMs: number
  #table: readonly RateSwitch[]
  #at: number
  #watts = 0
  #vars = 0
  #shapeEndsAt: number
  #boundaryLocal: number
  #boundaryTrue: number
  #recordedLocal: number
  #rate: number
  #supplied = true
  #demands: readonly MaxDemand[]
  #rests = { forward: 0, reverse: 0, reactive: 0 }

  constructor(options: PhysicsOptions) {
    this.rates = options.rates
    this.profile = new ProfileRing(options.profileDays, options.profileIntervalMinutes)
    this.#clock = options.clock
    this.#load = options.load
    this.#seed = options.seed
    this.#table = options.table
    this.#utcOffsetMs = options.utcOffsetMinutes * minuteMs
    this.#intervalMs = options.profileIntervalMinutes * minuteMs
    this.#forward = spread(options.initialForward, options.rates)
    this.#reverse = spread(0, options.rates)
    this.#reactive = spread(0, options.rates)
    this.#at = options.installedAt
    const local = options.clock.localAt(this.#at)
    this.#rate = rateAt(this.#table, local)
    this.#recordedLocal = local
    this.#demands = noDemands(options.rates)
    this.#shapeEndsAt = this.#at
    this.#boundaryLocal = this.#nextBoundary(local)
    this.#boundaryTrue = options.clock.trueAt(this.#boundaryLocal)
    this.#enterQuarter()
  }

  get at(): number {
    return this.#at
  }
  /** Active power now, watts; negative while generating. */
  get watts(): number {
    return this.#supplied ? this.#watts : 0
  }
  get vars(): number {
    return this.#supplied ? this.#vars : 0
  }
  get rate(): number {
    return this.#rate
  }
  get table(): readonly RateSwitch[] {
    return this.#table
  }
  get forward(): readonly number[] {
    return this.#forward
  }
  get reverse(): readonly number[] {
    return this.#reverse
  }
  get reactive(): readonly number[] {
    return this.#reactive
  }
  /** Largest mean forward power of a quarter since the last settlement: of all, then of each rate. */
  get demands(): readonly MaxDemand[] {
    return this.#demands
  }

  /** Brings everything to a true time; a time that has passed already changes nothing. */
  advance(trueMs: number): void {
    while (this.#at < trueMs) {
      const end = Math.min(trueMs, this.#shapeEndsAt, this.#boundaryTrue)
      if (end > this.#at) this.#integrate(end - this.#at)
      this.#at = Math.max(this.#at, end)
      if (this.#at >= this.#boundaryTrue) this.#passBoundary()
      if (this.#at >= this.#shapeEndsAt) this.#enterQuarter()
    }
  }

  /** Opens or closes the way of the energy, from now on. */
  setSupplied(supplied: boolean): void {
    this.#supplied = supplied
  }

  /** Another load from now on. */
  setLoad(load: LoadShape): void {
    this.#load = load
    this.#enterQuarter()
  }

  setTable(table: readonly RateSwitch[]): void {
    this.#table = table
    this.#rearm()
  }

  /** Sets the display. Small steps forward still make the records in between; nothing is ever recorded twice. */
  setClock(localMs: number): void {
    const before = this.#clock.localAt(this.#at)
    this.#clock.set(localMs, this.#at)
    const isSmallStep = localMs > before && localMs - before <= jumpRecordedMaxMs
    while (isSmallStep && this.#boundaryLocal <= localMs) {
      this.#record(this.#boundaryLocal)
      this.#boundaryLocal = this.#nextBoundary(this.#boundaryLocal)
    }
    this.#rearm()
  }

  /** Takes the registers to given values, as in a laboratory: for tests near the wrap, swapped words, replaced meters. */
  setForward(total: number): void {
    this.#forward.splice(0, this.#forward.length, ...spread(total, this.rates))
    this.#rests.forward = 0
  }

  freezeNow(): FreezeRecord {
    const record = this.#snapshot(this.#clock.localAt(this.#at))
    this.commanded.add(record)
    return record
  }

  resetDemand(): void {
    this.#demands = noDemands(this.rates)
  }

  #integrate(durationMs: number): void {
    if (!this.#supplied) return
    const rests = this.#rests
    if (this.#watts >= 0) rests.forward = fill(this.#forward, this.#rate, rests.forward + this.#watts * durationMs)
    else rests.reverse = fill(this.#reverse, this.#rate, rests.reverse - this.#watts * durationMs)
    rests.reactive = fill(this.#reactive, this.#rate, rests.reactive + this.#vars * durationMs)
  }

  #enterQuarter(): void {
    const quarter = Math.floor((this.#at + this.#utcOffsetMs) / quarterMs)
    this.#watts = this.#load.wattsAt(quarter)
    // An inductive load of cos φ 0.86 … 0.99, steady within the quarter.
    this.#vars = Math.floor((Math.abs(this.#watts) * (140 + (hash32(this.#seed, quarter, 7) % 450))) / 1000)
    this.#shapeEndsAt = (quarter + 1) * quarterMs - this.#utcOffsetMs
    this.#noteDemand(this.watts)
  }

  #noteDemand(watts: number): void {
    const own = this.#demands[this.#rate] ?? noDemand
    const all = this.#demands[0] ?? noDemand
    if (watts <= own.watts && watts <= all.watts) return
    const at = this.#clock.localAt(this.#at)
    this.#demands = this.#demands.map((demand, rate) =>
      (rate === 0 || rate === this.#rate) && watts > demand.watts ? { watts, at } : demand,
    )
  }

  #nextBoundary(localMs: number): number {
    const interval = Math.floor(localMs / this.#intervalMs) * this.#intervalMs + this.#intervalMs
    const hour = Math.floor(localMs / hourMs) * hourMs + hourMs
    return Math.min(interval, hour, nextSwitchAfter(this.#table, localMs))
  }

  #passBoundary(): void {
    const local = this.#boundaryLocal
    this.#record(local)
    this.#rate = rateAt(this.#table, local)
    this.#boundaryLocal = this.#nextBoundary(local)
    this.#boundaryTrue = this.#clock.trueAt(this.#boundaryLocal)
  }

  #rearm(): void {
    const local = this.#clock.localAt(this.#at)
    this.#rate = rateAt(this.#table, local)
    this.#boundaryLocal = this.#nextBoundary(local)
    this.#boundaryTrue = this.#clock.trueAt(this.#boundaryLocal)
  }

  #record(local: number): void {
    if (local <= this.#recordedLocal) return
    this.#recordedLocal = local
    const forward = this.#forward[0] ?? 0
    const reverse = this.#reverse[0] ?? 0
    if (local % this.#intervalMs === 0) {
      const reactive = this.#reactive[0] ?? 0
      this.profile.add({ at: local, forward, reverse, reactive, watts: this.watts, vars: this.vars })
    }
    if (local % hourMs === 0) this.hourly.add({ at: local, forward, reverse })
    if (local % dayMs === 0) {
      this.daily.add(this.#snapshot(local))
      if (new Date(local).getUTCDate() === 1) this.#settle(local)
    }
  }

  #settle(local: number): void {
    this.settlements.add(this.#snapshot(local))
    this.resetDemand()
  }

  #snapshot(local: number): FreezeRecord {
    return {
      at: local,
      forward: [...this.#forward],
      reverse: [...this.#reverse],
      reactive: [...this.#reactive],
      demands: this.#demands,
      watts: this.watts,
      vars: this.vars,
    }
  }
}

const noDemand: MaxDemand = { watts: 0, at: 0 }

function noDemands(rates: number): readonly MaxDemand[] {
  return new Array<MaxDemand>(rates === 1 ? 1 : rates + 1).fill(noDemand)
}

/** Adds the whole units of `wms` to total and rate. @returns what does not fill a unit */
function fill(registers: number[], rate: number, wms: number): number {
  const units = Math.floor(wms / unitWms)
  if (units === 0) return wms
  const place = rate < registers.length ? rate : registers.length - 1
  registers[0] = ((registers[0] ?? 0) + units) % registerWrap
  if (place > 0) registers[place] = ((registers[place] ?? 0) + units) % registerWrap
  return wms - units * unitWms
}

/** A total with its shares for the rates; they add up exactly. A meter of one rate shows the total alone. */
function spread(total: number, rates: number): number[] {
  if (rates === 1) return [total]
  const share = Math.floor(total / rates)
  const shares = new Array<number>(rates).fill(share)
  shares[0] = total - share * (rates - 1)
  return [total, ...shares]
}
