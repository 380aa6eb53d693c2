import type { Addresses, DownUnit, UpUnit } from '../../../src/protocols/gdw1376/index.js'
import type { ModuleDesk } from './desk.js'
import { questionMs, reportAgainMs, reportTries } from './figures.js'

/** Reports that wait to leave; beyond them the oldest is dropped. */
export const reportsWaitingMax = 512

interface Report {
  readonly unit: UpUnit
  readonly done: () => void
  tries: number
  sequence: number
}

/** What a module tells by itself: one report at a time, again when nobody confirms it, and given up after some tries. */
export class ReportOutbox {
  readonly #desk: ModuleDesk
  #waiting: Report[] = []
  #leaving: Report | null = null

  constructor(desk: ModuleDesk) {
    this.#desk = desk
  }

  /** @param done called when it was confirmed, or given up */
  send(unit: UpUnit, done: () => void = () => undefined): void {
    this.#waiting.push({ unit, done, tries: 0, sequence: 0 })
    if (this.#waiting.length > reportsWaitingMax) this.#waiting.shift()
    this.#next()
  }

  /** The concentrator confirmed something of this sequence. */
  confirmed(sequence: number): void {
    const report = this.#leaving
    if (report === null || report.sequence !== sequence) return
    this.#end(report)
  }

  clear(): void {
    this.#waiting = []
    this.#leaving = null
  }

  #next(): void {
    if (this.#leaving !== null) return
    const report = this.#waiting.shift()
    if (report === undefined) return
    this.#leaving = report
    report.sequence = this.#desk.begin(report.unit)
    report.tries = 1
    this.#watch(report)
  }

  #watch(report: Report): void {
    this.#desk.later(reportAgainMs, () => {
      if (this.#leaving !== report) return
      if (report.tries >= reportTries) {
        this.#desk.count('report given up')
        return this.#end(report)
      }
      report.tries++
      this.#desk.repeat(report.unit, report.sequence)
      this.#watch(report)
    })
  }

  #end(report: Report): void {
    this.#leaving = null
    report.done()
    this.#next()
  }
}

/** Questions of the module (AFN 14): each waits a while for its answer. */
export class Questions {
  readonly #desk: ModuleDesk
  readonly #open = new Map<number, (answer: DownUnit | null) => void>()

  constructor(desk: ModuleDesk) {
    this.#desk = desk
  }

  /** @param answered with null: nobody answered in time */
  ask(unit: UpUnit, addresses: Addresses | null, answered: (answer: DownUnit | null) => void): void {
    const sequence = this.#desk.begin(unit, addresses)
    this.#open.set(sequence, answered)
    this.#desk.later(questionMs, () => this.#settle(sequence, answered, null))
  }

  /** @returns whether the concentrator's frame was an answer to a question */
  answered(sequence: number, unit: DownUnit): boolean {
    const answered = this.#open.get(sequence)
    if (answered === undefined) return false
    this.#settle(sequence, answered, unit)
    return true
  }

  clear(): void {
    this.#open.clear()
  }

  #settle(sequence: number, answered: (answer: DownUnit | null) => void, unit: DownUnit | null): void {
    if (this.#open.get(sequence) !== answered) return
    this.#open.delete(sequence)
    answered(unit)
  }
}
