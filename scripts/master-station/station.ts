import { EventEmitter } from 'node:events'
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import type { OrderBody } from '../../src/model/index.js'
import { streams } from '../../src/model/index.js'
import { openBroker, versionAfter } from '../../src/uplink/broker.js'
import type { BrokerSettings, TlsMemory } from '../../src/uplink/broker.js'
import { backOffMs } from '../../src/uplink/back-off.js'
import { batchSchema, helloSchema, messageVersion, parseMessage, stateSchema } from '../../src/uplink/messages.js'
import type { AckMessage, HelloMessage } from '../../src/uplink/messages.js'
import { openMqttLink } from '../../src/uplink/mqtt-link.js'
import type { MqttLink } from '../../src/uplink/mqtt-link.js'
import { topicsOf } from '../../src/uplink/topics.js'
import { Archive } from './archive.js'
import type { BatchRange } from './archive.js'
import { dueOrders, orderById, queueOrder, resendAll } from './orders.js'
import type { OrderRow } from './orders.js'

export interface StationOptions {
  readonly path: string
  /** This master's id: concentrators take only its acknowledgements. */
  readonly master: string
  readonly broker: BrokerSettings
  /** Signs orders; null: a station that only takes in. */
  readonly signing: { readonly id: string; readonly key: KeyObject } | null
  /** Longest time between a commit and its acknowledgement, and the bytes after which it goes at once. */
  readonly ackMs?: number
  readonly ackBytes?: number
  /** How often the file is asked for orders that another process queued. */
  readonly lookMs?: number
  /** How long a sent order may stay unanswered before it goes again. */
  readonly resendMs?: number
  readonly backOff?: { readonly firstMs: number; readonly maxMs: number }
  readonly log?: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

const topicPattern = /^wk\/1\/[0-9a-f]{2}\/([A-Za-z0-9_-]{1,64})\/up\/([a-z]+)$/
const keepAliveS = 60
const connectMs = 30_000

/** The header of a batch whose rest cannot be read. */
const rangeSchema = z.object({
  epoch: z.int().min(1),
  stream: z.enum(streams),
  first: z.int().min(1),
  count: z.int().min(1).max(1_000_000),
})

/**
 * A master station in small: takes in what concentrators send, once, acknowledges after its own commit, and sends them orders.
 * Everything it must remember stands in its file, so it can be killed at any point.
 */
export class Station {
  readonly archive: Archive
  /** `changed` after each message that was taken in. */
  readonly changes = new EventEmitter<{ changed: [] }>()
  readonly #options: StationOptions
  readonly #memory: TlsMemory = { session: undefined }
  /** Bytes taken in and not acknowledged, and the timer that ends the waiting. */
  readonly #pending = new Map<string, { bytes: number; timer: NodeJS.Timeout }>()
  #version: 5 | 4
  #link: MqttLink | null = null
  #failures = 0
  #retry: NodeJS.Timeout | null = null
  #look: NodeJS.Timeout | null = null
  #isClosed = true
  #isOpen = false

  constructor(options: StationOptions) {
    this.#options = options
    this.#version = options.broker.version === 'auto' ? 5 : options.broker.version
    this.archive = new Archive(options.path, () => Date.now())
  }

  get isConnected(): boolean {
    return this.#isOpen
  }

  start(): void {
    this.#isClosed = false
    this.#connect()
    this.#look = setInterval(() => this.#sendOrders(), this.#options.lookMs ?? 500)
  }

  /** Queues an order; it leaves as soon as the concentrator is there and no earlier one of this key waits. */
  order(concentrator: string, body: OrderBody, validMs = 3_600_000): OrderRow {
    const { signing } = this.#options
    if (signing === null) throw new Error('this station has no key to sign orders with')
    const row = queueOrder(this.archive, { concentrator, key: signing.id, body, validMs }, { key: signing.key, now: Date.now() })
    this.#sendOrders()
    return row
  }

  /** What the order has become by now. */
  orderState(id: number): OrderRow | null {
    return orderById(this.archive, id)
  }

  /** Publishes any text as an order, for whoever wants to see it refused. */
  sendEnvelope(concentrator: string, envelope: string): void {
    this.#link?.publish({ topic: topicsOf(concentrator).order, payload: envelope, retain: false }, () => undefined)
  }

  /** Ends the connection and closes the file; nothing is lost by not calling it. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    if (this.#look !== null) clearInterval(this.#look)
    for (const { timer } of this.#pending.values()) clearTimeout(timer)
    this.#pending.clear()
    this.#link?.end()
    this.#link = null
    await new Promise((resolve) => setImmediate(resolve))
    this.archive.close()
  }

  #connect(): void {
    const { broker, master } = this.#options
    this.#retry = null
    const link = openMqttLink(
      {
        version: this.#version,
        clientId: broker.clientId ?? `master-${master}`,
        username: broker.username,
        keepAliveS,
        connectMs,
        will: null,
        packetBytesMax: 1_048_576,
        open: () => openBroker(broker, this.#memory),
      },
      {
        onOpen: () => link.subscribe({ 'wk/1/+/+/up/#': 1 }, (error) => this.#opened(error, link)),
        onMessage: (topic, payload, done) => {
          if (!this.#isClosed) this.#take(topic, payload)
          done()
        },
        onClosed: (code) => this.#closed(code),
      },
    )
    this.#link = link
  }

  #opened(error: string | null, link: MqttLink): void {
    if (error !== null) return link.destroy()
    this.#version = versionAfter(this.#version, this.#options.broker.version, 'open')
    this.#failures = 0
    this.#isOpen = true
    this.#log('connected', { url: this.#options.broker.url })
    for (const concentrator of this.archive.concentrators()) this.#acknowledge(concentrator)
    this.#sendOrders()
  }

  #closed(code: string): void {
    this.#isOpen = false
    if (this.#isClosed) return
    this.#version = versionAfter(this.#version, this.#options.broker.version, code)
    const pauseMs = backOffMs(this.#options.backOff ?? { firstMs: 1_000, maxMs: 30_000 }, this.#failures, Math.random())
    this.#failures += 1
    this.#log('disconnected', { code, pauseMs: Math.round(pauseMs) })
    this.#retry = setTimeout(() => this.#connect(), pauseMs)
  }

  /** One message: committed before it returns, and with that before the broker has its PUBACK. */
  #take(topic: string, payload: Uint8Array): void {
    const [, concentrator, what] = topicPattern.exec(topic) ?? []
    if (concentrator === undefined || what === undefined) return
    switch (what) {
      case 'state':
        this.#takeState(concentrator, payload)
        break
      case 'hello':
        this.#takeHello(concentrator, payload)
        break
      default:
        this.#takeBatch(concentrator, topic, payload)
    }
    this.changes.emit('changed')
  }

  /** A concentrator that is online and has nothing to say does not know whether we are here: our marks tell it. */
  #takeState(concentrator: string, payload: Uint8Array): void {
    const state = parseMessage(stateSchema, payload)
    if (!state.ok) return
    this.archive.report(concentrator, state.value)
    if (state.value.online) this.#acknowledge(concentrator)
  }

  #takeHello(concentrator: string, payload: Uint8Array): void {
    const hello = parseMessage(helloSchema, payload)
    if (!hello.ok) return this.archive.alarm(concentrator, 'bad-hello', `${hello.error.at}: ${hello.error.message}`)
    this.archive.greet(concentrator, hello.value)
    this.#acknowledge(concentrator, hello.value)
    resendAll(this.archive, concentrator, Date.now())
    this.#sendOrders()
  }

  #takeBatch(concentrator: string, topic: string, payload: Uint8Array): void {
    const batch = parseMessage(batchSchema, payload)
    if (batch.ok) {
      this.archive.take(concentrator, batch.value)
    } else {
      const range = rangeOf(payload)
      this.archive.poison(concentrator, { topic, payload, reason: `${batch.error.at}: ${batch.error.message}` }, range)
      this.#log('poison', { concentrator, topic, at: batch.error.at, message: batch.error.message })
    }
    this.#owe(concentrator, payload.length)
    if (topic.endsWith('/r') || topic.endsWith('/e')) this.#sendOrders()
  }

  /** At most one acknowledgement a second, or one for so many bytes. */
  #owe(concentrator: string, bytes: number): void {
    const pending = this.#pending.get(concentrator)
    const timer = pending?.timer ?? setTimeout(() => this.#acknowledge(concentrator), this.#options.ackMs ?? 1_000)
    const owed = (pending?.bytes ?? 0) + bytes
    this.#pending.set(concentrator, { bytes: owed, timer })
    if (owed >= (this.#options.ackBytes ?? 8_192)) this.#acknowledge(concentrator)
  }

  #acknowledge(concentrator: string, hello: HelloMessage | null = null): void {
    clearTimeout(this.#pending.get(concentrator)?.timer)
    this.#pending.delete(concentrator)
    const epoch = this.archive.epochOf(concentrator)
    if (epoch === null || this.#isClosed) return
    const marks = this.archive.marksOf(concentrator, epoch)
    const isStale = hello !== null && streams.some((stream) => marks[stream] > (hello.streams[stream]?.hi ?? 0))
    const ack: AckMessage = {
      v: messageVersion,
      master: this.#options.master,
      epoch,
      marks,
      ...(isStale ? { stale: true as const } : {}),
    }
    if (isStale) this.archive.alarm(concentrator, 'stale-epoch', `epoch ${epoch} is older than what was received of it`)
    const message = { topic: topicsOf(concentrator).ack, payload: JSON.stringify(ack), retain: false, qos: 0 as const }
    this.#link?.publish(message, () => undefined)
  }

  #sendOrders(): void {
    if (!this.#isOpen) return
    const online = this.archive.all<{ id: string }>('SELECT id FROM concentrator WHERE online = 1')
    for (const { id } of online) {
      const due = dueOrders(this.archive, id, { now: Date.now(), resendMs: this.#options.resendMs ?? 60_000 })
      for (const order of due) {
        this.#log('order-sent', { concentrator: id, key: order.key, number: order.number, kind: order.kind })
        this.sendEnvelope(id, order.envelope)
      }
    }
  }

  #log(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.log?.(event, fields)
  }
}

function rangeOf(payload: Uint8Array): BatchRange | null {
  const range = parseMessage(rangeSchema, payload)
  return range.ok ? range.value : null
}
