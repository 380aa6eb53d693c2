import {
  accountId,
  dayMs,
  epochMs,
  itemId,
  keyId,
  micro,
  taskId,
  type AuthorisedOrder,
  type Meter,
  type OrderBody,
  type Point,
  type Stamp,
} from '../../src/model/index.js'
import { settingsChecks } from '../../src/registry.js'
import { systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { loadSettings, problemLines } from '../../src/settings/index.js'
import { openInProcessStore } from '../../src/store/index.js'

/** Long enough ago for a first reading; whatever fell due since is made up for by each start. */
const agoMs = 20_000
const limits = {
  ...{ alarm1: micro(20_000_000n), alarm2: micro(10_000_000n), overdraft: micro(0n) },
  ...{ closePermitted: micro(5_000_000n), hoarding: micro(0n), largestCredit: micro(0n) },
}

/**
 * Gives a site's database an account on every customer's meter, opened just now, and a first reading of each.
 *
 * @throws Error when the site's settings do not hold
 */
export async function fillDatabase(config: string): Promise<void> {
  const settings = loadSettings(config, settingsChecks)
  if (!settings.ok) throw new Error(problemLines(settings.error).join('\n'))
  const { parameters, database } = settings.value
  const from = Math.floor((Date.now() - agoMs) / 2_000) * 2_000
  const store = openInProcessStore({ path: database.path, now: epochMs(from), random: systemRandom }, systemTimers)
  const stampAt = (at: number): Stamp => {
    return { receivedAt: epochMs(at), clockTrusted: true, boot: 'bench', monotonicMs: 60_000 + at - from }
  }
  await store.run('configure', { parameters, stamp: stampAt(from) })
  const meters = parameters.meters.filter(({ role }) => role === 'customer')
  for (const [index, meter] of meters.entries()) {
    const order = openingOrder(meter, index + 1, from)
    await store.run('journal-order', { order, envelope: `{"n":${index + 1}}`, stamp: stampAt(from) })
  }
  const stamp = stampAt(from + 1_000)
  const points = meters.map((meter, index) => pointOf(meter, { slotAt: from, stamp, energy: 10_000 + index }))
  await store.run('apply-points', { points, stamp })
  await store.close()
}

function openingOrder({ id }: Meter, number: number, at: number): AuthorisedOrder {
  const body: OrderBody = {
    ...{ kind: 'open-account', account: accountId(`a-${id}`), meter: id, unit: 'money', tariff: 'residential' },
    ...{ limits, opening: micro(1_000_000_000n) },
  }
  const origin = { by: 'master' as const, key: keyId('bench'), number }
  return { origin, role: 'master', body, notBefore: epochMs(at), expiry: epochMs(at + dayMs) }
}

interface Reading {
  readonly slotAt: number
  readonly stamp: Stamp
  /** Hundredths of a kWh. */
  readonly energy: number
}

function pointOf({ id }: Meter, { slotAt, stamp, energy }: Reading): Point {
  return {
    ...{ meter: id, task: taskId('curve-15'), stream: 'curve', source: 'live' },
    ...{ slotAt: epochMs(slotAt), measuredAt: stamp.receivedAt, stamp },
    values: [
      { item: itemId('energy'), ints: [energy], exponent: -2, unit: 'kWh' },
      { item: itemId('voltage'), ints: [2200 + (energy % 7)], exponent: -1, unit: 'V' },
    ],
  }
}
