import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { Station } from '../../scripts/master-station/station.js'
import type { StationOptions } from '../../scripts/master-station/station.js'
import { authorise, originText } from '../../src/control/envelope.js'
import { publicKeyOf } from '../../src/control/key-file.js'
import { epochMs, keyId, masterId, monotonicMs } from '../../src/model/index.js'
import type { OrderBody, RegisteredKey } from '../../src/model/index.js'
import type { Clock, Log, OrderIntake, Timers, Uplink } from '../../src/ports/index.js'
import { createUplink, defaultUplinkPace } from '../../src/uplink/index.js'
import type { BrokerSettings, UplinkPace } from '../../src/uplink/index.js'
import type { RecordStore } from './record-store.js'

/** How long a test waits for anything before it fails; a limit against hanging, not a goal. */
export const patienceMs = 20_000

export const concentrator = 'dcu-1'
export const master = masterId('ms-1')

/** A pace for loopback links: everything that waits for minutes in the field waits for a moment here. */
export const quickPace: UplinkPace = {
  ...defaultUplinkPace,
  backOff: { firstMs: 40, maxMs: 200 },
  connectMs: 1_000,
  progressMinMs: 300,
  stallMinMs: 600,
  helloFirstMs: 100,
  helloMaxMs: 400,
}

export const realClock: Clock = {
  monotonic: () => monotonicMs(performance.now()),
  wall: () => ({ at: epochMs(Date.now()), trusted: true }),
  boot: 'test',
}

export const realTimers: Timers = {
  after: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs)
    return () => clearTimeout(timer)
  },
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

export interface MasterKey {
  readonly id: string
  readonly key: KeyObject
  readonly registered: RegisteredKey
}

export function newMasterKey(id = 'master-key'): MasterKey {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  const key = createPrivateKey(pem)
  return { id, key, registered: { id: keyId(id), role: 'master', publicKey: publicKeyOf(key) } }
}

export function brokerAt(url: string, version: BrokerSettings['version'] = 'auto'): BrokerSettings {
  return { url, version, clientId: null, username: null, password: null, tls: null }
}

export interface UplinkUnderTest {
  readonly store: RecordStore
  readonly urls: readonly string[]
  readonly intake?: OrderIntake
  readonly pace?: Partial<UplinkPace>
  readonly version?: BrokerSettings['version']
  readonly log?: Log
}

/** An uplink of one concentrator to one master, on real sockets. */
export function uplinkTo(options: UplinkUnderTest): Uplink {
  return createUplink({
    settings: {
      concentrator,
      software: 'wattkeep test',
      keepAliveS: 270,
      masters: [{ master, brokers: options.urls.map((url) => brokerAt(url, options.version)) }],
      pace: { ...quickPace, ...options.pace },
    },
    store: options.store,
    intake: options.intake ?? (() => Promise.resolve({ accepted: false, code: 'not-allowed', message: 'no orders here' })),
    clock: realClock,
    timers: realTimers,
    random: { next: () => Math.random() },
    log: options.log ?? silentLog,
    parameterHash: () => 'none',
  })
}

/** Journals what is authorised into a list, as the runtime's intake does into the store. */
export function listIntake(store: RecordStore, keys: readonly RegisteredKey[], taken: OrderBody[]): OrderIntake {
  return async (text) => {
    const judged = authorise(text, {
      concentrator,
      keys,
      lastNumberOf: (key) => store.counters[key] ?? 0,
      now: realClock.wall(),
      by: 'master',
    })
    if (!judged.ok) {
      const { code, message } = judged.error
      const stamp = { receivedAt: realClock.wall().at, clockTrusted: true, boot: 'test', monotonicMs: 0 }
      await store.run('refuse-order', { code, message, origin: originText(judged.error), stamp })
      return { accepted: false, code, message }
    }
    const { origin, body } = judged.value
    taken.push(body)
    if (origin.by !== 'rule') {
      store.counters[origin.key] = origin.number
      const result = { order: taken.length, by: 'master', origin: origin.key, number: origin.number, kind: body.kind }
      store.append('result', { ...result, stage: 'journalled', attempts: 0, evidence: {} })
    }
    return { accepted: true, id: taken.length }
  }
}

/** A folder that is gone after the test. */
export function scratch(t: { teardown: (end: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function stationAt(url: string, path: string, over: Partial<StationOptions> = {}): Station {
  return new Station({
    path,
    master,
    broker: brokerAt(url),
    signing: null,
    ackMs: 20,
    lookMs: 50,
    backOff: { firstMs: 40, maxMs: 200 },
    ...over,
  })
}

/** Every record a station holds of a stream in the present epoch, in order of its number. */
export function recordsOf(station: Station, stream: string): { seq: number; body: unknown }[] {
  return station.archive
    .all<{ seq: number; body: string }>(
      `SELECT seq, body FROM record r JOIN concentrator c ON c.id = r.concentrator AND c.epoch = r.epoch
       WHERE concentrator = ? AND stream = ? ORDER BY seq`,
      [concentrator, stream],
    )
    .map(({ seq, body }) => ({ seq, body: JSON.parse(body) as unknown }))
}

/** Waits until something holds; fails with `what` when it never does. */
export async function until(what: string, holds: () => boolean, limitMs = patienceMs): Promise<void> {
  const end = performance.now() + limitMs
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
