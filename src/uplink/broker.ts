import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fail, ok } from '../model/index.js'
import type { InputError, Result } from '../model/index.js'

/** `auto` tries 5 first and stays with 3.1.1 where a broker does not know 5. Nothing is lost with either. */
export type MqttVersion = 'auto' | 5 | 4

/** One broker, as the settings give it. Files are read anew for each connection, so a renewed certificate needs no restart. */
export interface BrokerSettings {
  /** `mqtt://host[:1883]` or `mqtts://host[:8883]`. */
  readonly url: string
  readonly version: MqttVersion
  /** Null: the concentrator's id. The certificate's common name, client id and user name ought to be the same. */
  readonly clientId: string | null
  readonly username: string | null
  /** Asked for each connection, so that it stands nowhere else than in the file of secrets; null: none. */
  readonly password: (() => string) | null
  readonly tls: TlsSettings | null
}

export interface TlsSettings {
  /** Who signs the broker's certificate; null: the machine's own authorities. */
  readonly caPath: string | null
  readonly certPath: string | null
  readonly keyPath: string | null
  /** The name the certificate must carry, where it is not the host's. */
  readonly servername: string | null
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

/** What TLS remembers of a broker: a resumed connection costs 1.9 kB instead of 4.7 kB. */
export interface TlsMemory {
  session: Buffer | undefined
}

/** Reads a broker's URL; user names do not belong into it. */
export function parseBrokerUrl(url: string): Result<BrokerAddress, InputError> {
  const match = /^(mqtts?):\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?$/.exec(url)
  if (match === null) return fail({ code: 'broker-url', at: url, message: 'expected mqtt://host:port or mqtts://host:port' })
  const [, scheme, host = '', port] = match
  const secure = scheme === 'mqtts'
  const number = port === undefined ? (secure ? 8883 : 1883) : Number(port)
  if (number < 1 || number > 65_535) return fail({ code: 'broker-url', at: url, message: 'expected a port from 1 to 65535' })
  return ok({ host: host.replace(/^\[|\]$/g, ''), port: number, secure })
}

/**
 * Opens the socket of a connection and reads its password.
 *
 * @throws Error when the URL is none or a file cannot be read
 */
export function openBroker(settings: BrokerSettings, memory: TlsMemory): { socket: Socket; password: string | null } {
  const address = parseBrokerUrl(settings.url)
  if (!address.ok) throw new Error(address.error.message)
  const password = settings.password === null ? null : settings.password()
  return { socket: openSocket(address.value, settings.tls, memory), password }
}

/**
 * Opens the socket of a connection, without Nagle's delay and with the TLS session of the last one.
 *
 * @throws when a file of the TLS settings cannot be read
 */
export function openSocket(address: BrokerAddress, tls: TlsSettings | null, memory: TlsMemory): Socket {
  if (!address.secure) return connectTcp({ host: address.host, port: address.port }).setNoDelay(true)
  const file = (path: string | null | undefined): Buffer | undefined =>
    path === null || path === undefined ? undefined : readFileSync(path)
  const ca = file(tls?.caPath)
  const cert = file(tls?.certPath)
  const key = file(tls?.keyPath)
  const socket = connectTls({
    host: address.host,
    port: address.port,
    servername: tls?.servername ?? address.host,
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(memory.session === undefined ? {} : { session: memory.session }),
  })
  socket.on('session', (session: Buffer) => (memory.session = session))
  return socket.setNoDelay(true)
}

/** Which version a broker is spoken to in next, by how the last try ended; a broker that once answered is believed. */
export function versionAfter(tried: 5 | 4, setting: MqttVersion, outcome: string): 5 | 4 {
  if (setting !== 'auto') return setting
  if (outcome === 'open') return tried
  const isRefused = outcome === 'refused-132' || outcome === 'refused-1' || outcome === 'closed-unanswered'
  if (!isRefused) return tried
  return tried === 5 ? 4 : 5
}
