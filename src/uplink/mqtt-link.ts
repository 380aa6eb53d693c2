import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import type { Socket } from 'node:net'
import { MqttClient } from 'mqtt'
import type { IClientOptions, IConnackPacket, IPublishPacket, IStore } from 'mqtt'

/** One connection to one broker, from its socket to its end. The library carries packets; what is to be sent again is not its business. */
export interface MqttLink {
  /** Publishes at once or not at all; `done` is told the broker's word, `null` for a PUBACK, or nothing if the connection ends first. */
  publish(message: OutgoingMessage, done: (error: string | null) => void): void
  /** `done` is told why it failed, or `null`. */
  subscribe(topics: Readonly<Record<string, 0 | 1>>, done: (error: string | null) => void): void
  /** In good order, with a DISCONNECT, so that the broker keeps the last will to itself. */
  end(): void
  /** At once, for a connection that is of no use any more. */
  destroy(): void
}

export interface OutgoingMessage {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
  /** 1 unless said otherwise. */
  readonly qos?: 0 | 1
}

export interface MqttLinkOptions {
  readonly version: 5 | 4
  readonly clientId: string
  readonly username: string | null
  readonly keepAliveS: number
  readonly connectMs: number
  readonly will: OutgoingMessage | null
  /** Longest packet we take; a broker that speaks MQTT 5 is told. */
  readonly packetBytesMax: number
  /** Opens the socket and reads the password; what it throws is the reason the connection closed for. */
  readonly open: () => { readonly socket: Socket; readonly password: string | null }
}

export interface MqttLinkHandlers {
  readonly onOpen: (limits: { readonly receiveMax: number; readonly packetMax: number }) => void
  /** `done` lets the broker have its PUBACK and the next message come in. */
  readonly onMessage: (topic: string, payload: Uint8Array, done: () => void) => void
  /**
   * The connection ended: the broker's reason code (`142`), `refused-` and the code of its CONNACK, an error of the system
   * (`ECONNREFUSED`), `closed-unanswered` before a CONNACK, or `closed`. Told once.
   */
  readonly onClosed: (code: string) => void
}

/** Without MQTT 5 a broker says nothing of its limits. */
const receiveMaxUnknown = 65_535
const packetMaxUnknown = 268_435_455
/** How many orders and marks a broker may have under way towards us. */
const receiveMaxOwn = 16

/** Connects. All calls before `onOpen` and after `onClosed` do nothing. */
export function openMqttLink(options: MqttLinkOptions, handlers: MqttLinkHandlers): MqttLink {
  let opened: ReturnType<MqttLinkOptions['open']>
  try {
    opened = options.open()
  } catch (error) {
    setImmediate(() => handlers.onClosed(codeOf(error)))
    return { publish: () => undefined, subscribe: () => undefined, end: () => undefined, destroy: () => undefined }
  }
  const { socket } = opened
  keepPacketWriterSmall()
  const client = new MqttClient(() => socket, clientOptions(options, opened.password))
  let reason: string | null = null
  let isOpen = false
  let isClosed = false
  client.handleMessage = (packet: IPublishPacket, callback) => {
    const { payload } = packet
    handlers.onMessage(packet.topic, typeof payload === 'string' ? Buffer.from(payload) : payload, () => callback())
  }
  client.on('connect', (packet: IConnackPacket) => {
    isOpen = true
    handlers.onOpen({
      receiveMax: packet.properties?.receiveMaximum ?? receiveMaxUnknown,
      packetMax: packet.properties?.maximumPacketSize ?? packetMaxUnknown,
    })
  })
  client.on('disconnect', (packet) => (reason ??= String(packet.reasonCode ?? 'closed')))
  client.on('error', (error) => (reason ??= isOpen ? codeOf(error) : refusalOf(error)))
  client.on('close', () => {
    if (isClosed) return
    isClosed = true
    handlers.onClosed(reason ?? (isOpen ? 'closed' : 'closed-unanswered'))
  })
  return {
    publish: ({ topic, payload, retain, qos = 1 }, done) => {
      if (!client.connected) return
      client.publish(topic, payload, { qos, retain }, (error) => {
        if (!isClosed) done(error === undefined || error === null ? null : codeOf(error))
      })
    },
    subscribe: (topics, done) => {
      if (!client.connected) return
      const wanted = Object.fromEntries(Object.entries(topics).map(([topic, qos]) => [topic, { qos }]))
      client.subscribe(wanted, (error) => {
        if (!isClosed) done(error === null ? null : codeOf(error))
      })
    },
    end: () => {
      client.end(false)
      // A peer that never closes its half must not keep us: everything that mattered was confirmed before.
      socket.destroySoon()
    },
    destroy: () => {
      socket.destroy()
    },
  }
}

/** The library's packet writer would make a buffer of each of the 65,536 packet numbers beforehand: 7 MiB to save nothing. */
function keepPacketWriterSmall(): void {
  // Its own copy of the package: another one would change nothing.
  const requireForMqtt = createRequire(createRequire(import.meta.url).resolve('mqtt'))
  const { writeToStream } = requireForMqtt('mqtt-packet') as { readonly writeToStream: { cacheNumbers: boolean } }
  writeToStream.cacheNumbers = false
}

function clientOptions(options: MqttLinkOptions, password: string | null): IClientOptions {
  const { will } = options
  return {
    protocolVersion: options.version,
    clientId: options.clientId,
    clean: true,
    keepalive: options.keepAliveS,
    connectTimeout: options.connectMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    outgoingStore: new NullStore(),
    incomingStore: new NullStore(),
    ...(options.username === null ? {} : { username: options.username }),
    ...(password === null ? {} : { password }),
    ...(will === null
      ? {}
      : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: will.retain } }),
    ...(options.version === 5
      ? { properties: { sessionExpiryInterval: 0, receiveMaximum: receiveMaxOwn, maximumPacketSize: options.packetBytesMax } }
      : {}),
  }
}

/** Keeps nothing: records wait in the database, and the library must not send them a second time on its own. */
class NullStore implements IStore {
  put(packet: Parameters<IStore['put']>[0], done: Parameters<IStore['put']>[1]): this {
    void packet
    done()
    return this
  }

  createStream(): ReturnType<IStore['createStream']> {
    const empty = new Readable({ objectMode: true, read: () => empty.push(null) })
    return empty as unknown as ReturnType<IStore['createStream']>
  }

  del(packet: Parameters<IStore['del']>[0], done: Parameters<IStore['del']>[1]): this {
    void packet
    done()
    return this
  }

  get(packet: Parameters<IStore['get']>[0], done: Parameters<IStore['get']>[1]): this {
    void packet
    done(new Error('nothing is kept'))
    return this
  }

  close(done: Parameters<IStore['close']>[0]): void {
    done()
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' || typeof code === 'number' ? String(code) : error.message
}

function refusalOf(error: unknown): string {
  const code = codeOf(error)
  return /^\d+$/.test(code) ? `refused-${code}` : code
}
