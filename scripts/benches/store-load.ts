import { epochMs, itemId, keyId, linkId, meterAddress, meterId, micro, accountId, taskId } from '../../src/model/index.js'
import type { ItemValue, OrderBody, Point, SiteParameters, Stamp } from '../../src/model/index.js'
import type { Random, Store } from '../../src/ports/index.js'

/** Values of one point: energy, voltage, current, power. */
export const valuesPerPoint = 4

export interface LoadOptions {
  readonly meters: number
  /** From one round of all meters to the next. */
  readonly slotMs: number
  readonly startAt: number
  readonly random: Random
}

/** A site read round after round: each meter draws a power that wanders, its registers follow; replies jitter by milliseconds. */
export class StoreLoad {
  readonly parameters: SiteParameters
  readonly #options: LoadOptions
  readonly #meters: { readonly id: string; energyWh: number; powerW: number; voltageDv: number }[]
  #at: number
  #monotonicMs = 60_000

  constructor(options: LoadOptions) {
    this.#options = options
    this.#at = options.startAt - 200 * options.slotMs
    this.#meters = Array.from({ length: options.meters }, (_, index) => ({
      id: `m${index + 1}`,
      energyWh: Math.floor(options.random.next() * 30_000_000),
      powerW: 100 + options.random.next() * 2000,
      voltageDv: 2200 + Math.floor(options.random.next() * 60),
    }))
    this.parameters = siteOf(this.#meters.map((meter) => meter.id))
  }

  stamp(): Stamp {
    return { receivedAt: epochMs(Math.floor(this.#at)), clockTrusted: true, boot: 'bench', monotonicMs: this.#monotonicMs }
  }

  pass(ms: number): void {
    this.#at += ms
    this.#monotonicMs += ms
  }

  /** One point for each meter, one after another over most of the slot. */
  *round(slot: number): Generator<Point> {
    const { slotMs, startAt, random } = this.#options
    const slotAt = startAt + slot * slotMs
    const paceMs = (slotMs * 0.9) / this.#meters.length
    this.pass(Math.max(0, slotAt - this.#at))
    for (const meter of this.#meters) {
      this.pass(paceMs * (0.9 + random.next() * 0.2))
      meter.powerW = Math.max(20, meter.powerW * (0.9 + random.next() * 0.2))
      meter.voltageDv += Math.floor(random.next() * 5) - 2
      meter.energyWh += (meter.powerW * slotMs) / 3_600_000
      const stamp = this.stamp()
      const measuredAt = epochMs(stamp.receivedAt - 80 - Math.floor(random.next() * 60))
      yield {
        meter: meterId(meter.id),
        task: taskId('curve'),
        stream: 'curve',
        slotAt: epochMs(slotAt),
        measuredAt,
        source: 'live',
        stamp,
        values: valuesOf(meter),
      }
    }
  }

  /** Opens an account with plenty of credit on every meter, so that each reading is priced as well. */
  async openAccounts(store: Store): Promise<void> {
    for (const [index, meter] of this.#meters.entries()) {
      const body: OrderBody = {
        ...{ kind: 'open-account', account: accountId(`a-${meter.id}`), meter: meterId(meter.id), unit: 'money', tariff: 'home' },
        ...{ limits, opening: micro(10_000_000_000n) },
      }
      const stamp = this.stamp()
      const window = { notBefore: stamp.receivedAt, expiry: epochMs(stamp.receivedAt + 3_600_000) }
      const order = {
        origin: { by: 'master' as const, key: keyId('bench'), number: index + 1 },
        role: 'master' as const,
        body,
        ...window,
      }
      await store.run('journal-order', { order, envelope: `{"n":${index + 1}}`, stamp })
    }
  }
}

const limits = {
  ...{ alarm1: micro(20_000_000n), alarm2: micro(10_000_000n), overdraft: micro(0n) },
  ...{ closePermitted: micro(5_000_000n), hoarding: micro(0n), largestCredit: micro(0n) },
}

function valuesOf(meter: { energyWh: number; powerW: number; voltageDv: number }): readonly ItemValue[] {
  const currentMa = Math.floor((meter.powerW * 10_000) / meter.voltageDv)
  return [
    { item: itemId('energy'), ints: [Math.floor(meter.energyWh / 10)], exponent: -2, unit: 'kWh' },
    { item: itemId('voltage'), ints: [meter.voltageDv], exponent: -1, unit: 'V' },
    { item: itemId('current'), ints: [currentMa], exponent: -3, unit: 'A' },
    { item: itemId('power'), ints: [Math.floor(meter.powerW * 10)], exponent: -4, unit: 'kW' },
  ]
}

function siteOf(ids: readonly string[]): SiteParameters {
  const flat = [{ minute: 0, rate: 1 }]
  return {
    concentrator: 'bench',
    utcOffsetMinutes: 480,
    meters: ids.map((id, index) => ({
      ...{ id: meterId(id), address: meterAddress(String(index + 1).padStart(12, '0')), protocol: 'dlt645-2007' },
      ...{ link: linkId('rs485-1'), profile: 'single-phase', ct: 1, pt: 1, role: 'customer', phase: 'A', box: 'box-1' },
    })),
    profiles: [
      {
        ...{ name: 'single-phase', protocol: 'dlt645-2007', items: new Map([[itemId('energy'), { register: '00010000' }]]) },
        ...{ registerWrapKwh: 1_000_000, maxPowerKw: 60, billingItem: itemId('energy'), relay: true },
      },
    ],
    tasks: [],
    tariffs: [
      {
        ...{ tariff: 'home', version: 1, effectiveFrom: epochMs(0), utcOffsetMinutes: 480, basis: 'total-register' },
        ...{ prices: [500_000n], seasons: [{ from: { month: 1, day: 1 }, workday: flat, restday: flat }], restWeekdays: [] },
        ...{ holidays: [], steps: null, taxPpm: 0n, minimumMonthlyCharge: 0n },
      },
    ],
    rules: {
      blocked: { night: null, weekdays: [], dates: [] },
      ...{ readingStaleAfterMs: 3_600_000, relayExpiryMs: 1_800_000, wrapWindowPpm: 10_000 },
    },
    retention: [{ stream: 'curve', keepDays: 90, onlyAcknowledged: false, evictionOrder: 1 }],
    keys: [],
  }
}
