import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  accountId,
  energyMwh,
  epochMs,
  itemId,
  keyId,
  linkId,
  meterAddress,
  meterId,
  micro,
  taskId,
} from '../../src/model/index.js'
import type { AuthorisedOrder, ItemValue, MeterId, OrderBody, Point, SiteParameters, Stamp } from '../../src/model/index.js'
import type { Random, Timers } from '../../src/ports/index.js'

/** 2026-03-02 00:00 of a site eight hours east. */
export const dayStart = epochMs(Date.UTC(2026, 2, 1, 16))
export const hourMs = 3_600_000
export const slotMs = 900_000

/** A site of customers `m1` … on one RS-485 link, read every 15 minutes, with one flat tariff of 0.5 yuan/kWh and no tax. */
export function siteOf(meterCount: number): SiteParameters {
  const meters = Array.from({ length: meterCount }, (_, index) => ({
    id: meterId(`m${index + 1}`),
    address: meterAddress(String(index + 1).padStart(12, '0')),
    protocol: 'dlt645-2007',
    link: linkId('rs485-1'),
    profile: 'single-phase',
    ct: 1,
    pt: 1,
    role: 'customer' as const,
    phase: 'A' as const,
    box: 'box-1',
  }))
  return {
    concentrator: 'dcu-1',
    utcOffsetMinutes: 480,
    meters,
    profiles: [
      {
        name: 'single-phase',
        protocol: 'dlt645-2007',
        items: new Map([[itemId('energy'), { register: '00010000' }]]),
        registerWrapKwh: 1_000_000,
        maxPowerKw: 60,
        billingItem: itemId('energy'),
        relay: true,
      },
    ],
    tasks: [],
    tariffs: [
      {
        tariff: 'home',
        version: 1,
        effectiveFrom: epochMs(Date.UTC(2025, 0, 1)),
        utcOffsetMinutes: 480,
        basis: 'total-register',
        prices: [500_000n],
        seasons: [{ from: { month: 1, day: 1 }, workday: [{ minute: 0, rate: 1 }], restday: [{ minute: 0, rate: 1 }] }],
        restWeekdays: [0, 6],
        holidays: [],
        steps: null,
        taxPpm: 0n,
        minimumMonthlyCharge: 0n,
      },
    ],
    rules: {
      blocked: { night: null, weekdays: [], dates: [] },
      readingStaleAfterMs: hourMs,
      relayExpiryMs: 1_800_000,
      wrapWindowPpm: 10_000,
    },
    retention: [
      { stream: 'event', keepDays: 400, onlyAcknowledged: true, evictionOrder: null },
      { stream: 'ledger', keepDays: 4000, onlyAcknowledged: true, evictionOrder: null },
      { stream: 'result', keepDays: 400, onlyAcknowledged: true, evictionOrder: null },
      { stream: 'freeze', keepDays: 400, onlyAcknowledged: false, evictionOrder: 3 },
      { stream: 'status', keepDays: 90, onlyAcknowledged: false, evictionOrder: 2 },
      { stream: 'curve', keepDays: 90, onlyAcknowledged: false, evictionOrder: 1 },
    ],
    keys: [],
  }
}

/** Time as a test moves it: both faces together. */
export class SiteTime {
  at: number = dayStart
  trusted = true
  boot = 'boot-1'
  monotonicMs = 1000

  pass(ms: number): void {
    this.at += ms
    this.monotonicMs += ms
  }

  stamp(): Stamp {
    return { receivedAt: epochMs(this.at), clockTrusted: this.trusted, boot: this.boot, monotonicMs: this.monotonicMs }
  }
}

/** One curve point: energy in hundredths of a kWh, voltage and current of one phase. */
export function curvePoint(meter: string, slotAt: number, stamp: Stamp, energy: number | null): Point {
  const values: readonly ItemValue[] = [
    energy === null
      ? { item: itemId('energy'), absent: 'no-reply' }
      : { item: itemId('energy'), ints: [energy], exponent: -2, unit: 'kWh' },
    { item: itemId('voltage'), ints: [2201 + ((energy ?? 0) % 7)], exponent: -1, unit: 'V' },
    { item: itemId('current'), ints: [1234 + ((energy ?? 0) % 11)], exponent: -3, unit: 'A' },
    { item: itemId('power'), ints: [2720 + ((energy ?? 0) % 13)], exponent: -4, unit: 'kW' },
  ]
  const measuredAt = epochMs(stamp.receivedAt - 120)
  return {
    meter: meterId(meter),
    task: taskId('curve'),
    stream: 'curve',
    slotAt: epochMs(slotAt),
    measuredAt,
    source: 'live',
    stamp,
    values,
  }
}

/** Orders of one master's key, numbered on. */
export class Master {
  number = 0
  readonly key = keyId('master-1')

  order(body: OrderBody, now: number): { order: AuthorisedOrder; envelope: string } {
    this.number += 1
    return {
      order: {
        origin: { by: 'master', key: this.key, number: this.number },
        role: 'master',
        body,
        notBefore: epochMs(now - hourMs),
        expiry: epochMs(now + hourMs),
      },
      envelope: `{"n":${this.number}}`,
    }
  }

  open(account: string, meter: string, opening: bigint): OrderBody {
    const limits = {
      ...{ alarm1: micro(20_000_000n), alarm2: micro(10_000_000n), overdraft: micro(0n) },
      ...{ closePermitted: micro(5_000_000n), hoarding: micro(0n), largestCredit: micro(0n) },
    }
    return {
      ...{ kind: 'open-account', account: accountId(account), meter: meterId(meter), unit: 'money', tariff: 'home' },
      ...{ limits, opening: micro(opening) },
    }
  }

  credit(account: string, amount: bigint, purchase: number): OrderBody {
    return {
      kind: 'credit',
      account: accountId(account),
      amount: micro(amount),
      purchase,
      idempotencyKey: `pay-${account}-${purchase}`,
    }
  }
}

/** A folder that goes away with the test. */
export function temporaryFolder(t: { teardown: (fn: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-store-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Timers that never fire by themselves: groups commit by count, or when the test flushes. */
export class StillTimers implements Timers {
  readonly #waiting = new Set<() => void>()

  after(_delayMs: number, fire: () => void): () => void {
    this.#waiting.add(fire)
    return () => this.#waiting.delete(fire)
  }

  fireAll(): void {
    const all = [...this.#waiting]
    this.#waiting.clear()
    for (const fire of all) fire()
  }
}

/** A small seeded generator for drills. */
export class Seeded implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = createHash('sha256').update(String(seed)).digest().readUInt32LE(0)
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  int(below: number): number {
    return Math.floor(this.next() * below)
  }
}

export const kwh = (value: number) => energyMwh(BigInt(Math.round(value * 1_000_000)))
export const everyMeter = (count: number): readonly MeterId[] =>
  Array.from({ length: count }, (_, index) => meterId(`m${index + 1}`))
