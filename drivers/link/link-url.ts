import { fail, ok, type InputError, type Result } from '../../src/model/index.js'

export type Parity = 'none' | 'even' | 'odd'

/** A serial port. `path` ought to be a name that stays with the socket: `/dev/serial/by-path/…`, `/dev/serial/by-id/…`. */
export interface SerialSpec {
  readonly kind: 'serial'
  readonly path: string
  readonly baud: number
  readonly parity: Parity
  readonly dataBits: 7 | 8
  readonly stopBits: 1 | 2
  /** Refuses the port when another process holds it. */
  readonly lock: boolean
}

/** A raw TCP serial server. */
export interface TcpSpec {
  readonly kind: 'tcp'
  readonly host: string
  readonly port: number
  /** Pace of the wire behind the server, where known: deadlines then count from the end of the request on that wire. */
  readonly baud: number | null
  readonly keepAliveMs: number
  /**
   * A connection whose requests stay without a single byte for so long is made anew; 0: never. One that leads to a local module is
   * made anew when that does not answer a question that each module answers, whatever stands here but 0.
   */
  readonly staleMs: number
}

export type LinkSpec = SerialSpec | TcpSpec

export const baudMin = 50
export const baudMax = 4_000_000
export const keepAliveDefaultMs = 30_000
export const staleDefaultMs = 60_000
const secondsMax = 86_400

/**
 * Reads a link's address: `serial:/dev/ttyS1?baud=2400&parity=even&lock=false`, `tcp://host:port?baud=9600&keepalive=30&stale=60`
 * (seconds). Defaults: 2400 baud, 8 data bits, even parity, one stop bit, locked.
 *
 * @returns the options, or all that is wrong, in the order of the text: each error says which part it is and what was expected
 */
export function parseLinkUrl(text: string): Result<LinkSpec, readonly InputError[]> {
  const [address = '', ...queries] = text.split('?')
  const query = queries.join('&')
  const faults = queries.length > 1 ? [wrong('link-syntax', 'link', 'only one `?` may stand before the options')] : []
  if (address.startsWith('serial:')) return parseSerial(address.slice('serial:'.length), query, faults)
  if (address.startsWith('tcp://')) return parseTcp(address.slice('tcp://'.length), query, faults)
  return fail([wrong('link-kind', 'link', `expected serial:/dev/… or tcp://host:port, got ${JSON.stringify(text)}`)])
}

/** The shortest address that `parseLinkUrl` reads as the same options. */
export function formatLinkUrl(spec: LinkSpec): string {
  const options = Object.entries(spec.kind === 'serial' ? serialOptions(spec) : tcpOptions(spec))
  const address = spec.kind === 'serial' ? `serial:${spec.path}` : `tcp://${hostText(spec.host)}:${spec.port}`
  return options.length === 0 ? address : `${address}?${options.map(([key, value]) => `${key}=${value}`).join('&')}`
}

/** Wire time of one byte with its start, parity and stop bits, ms; 0 where the pace is not known. */
export function byteMsOf(spec: LinkSpec): number {
  if (spec.kind === 'tcp') return spec.baud === null ? 0 : (11 * 1000) / spec.baud
  return ((1 + spec.dataBits + (spec.parity === 'none' ? 0 : 1) + spec.stopBits) * 1000) / spec.baud
}

function parseSerial(path: string, query: string, before: readonly InputError[]): Result<LinkSpec, readonly InputError[]> {
  const spec: SerialSpec = { kind: 'serial', path, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, lock: true }
  const expected = 'expected an absolute path such as /dev/ttyS1'
  const faults = path.startsWith('/') ? [] : [wrong('serial-path', 'path', `${expected}, got ${JSON.stringify(path)}`)]
  return withOptions(spec, query, { take: serialOption, before: [...before, ...faults] })
}

function serialOption(key: string, value: string): Result<Partial<SerialSpec>, InputError> {
  switch (key) {
    case 'baud':
      return whole(key, value, baudMin, baudMax, (baud) => ({ baud }))
    case 'parity':
      if (value === 'none' || value === 'even' || value === 'odd') return ok({ parity: value })
      return fail(wrong('link-option', key, `expected none, even or odd, got ${JSON.stringify(value)}`))
    case 'bits':
      if (value === '7' || value === '8') return ok({ dataBits: value === '7' ? 7 : 8 })
      return fail(wrong('link-option', key, `expected 7 or 8, got ${JSON.stringify(value)}`))
    case 'stop':
      if (value === '1' || value === '2') return ok({ stopBits: value === '1' ? 1 : 2 })
      return fail(wrong('link-option', key, `expected 1 or 2, got ${JSON.stringify(value)}`))
    case 'lock':
      if (value === 'true' || value === 'false') return ok({ lock: value === 'true' })
      return fail(wrong('link-option', key, `expected true or false, got ${JSON.stringify(value)}`))
    default:
      return fail(wrong('link-option', key, `a serial link knows baud, parity, bits, stop and lock, not ${JSON.stringify(key)}`))
  }
}

function parseTcp(address: string, query: string, before: readonly InputError[]): Result<LinkSpec, readonly InputError[]> {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(address)
  const [, host = '', portText = ''] = match ?? []
  const port = Number(portText)
  const isGood = match !== null && port >= 1 && port <= 65_535
  const expected = 'expected host:port with a port of 1 to 65535'
  const faults = isGood ? [] : [wrong('tcp-address', 'address', `${expected}, got ${JSON.stringify(address)}`)]
  const spec: TcpSpec = {
    kind: 'tcp',
    host: host.replace(/^\[|\]$/g, ''),
    port,
    baud: null,
    keepAliveMs: keepAliveDefaultMs,
    staleMs: staleDefaultMs,
  }
  return withOptions(spec, query, { take: tcpOption, before: [...before, ...faults] })
}

function tcpOption(key: string, value: string): Result<Partial<TcpSpec>, InputError> {
  switch (key) {
    case 'baud':
      return whole(key, value, baudMin, baudMax, (baud) => ({ baud }))
    case 'keepalive':
      return whole(key, value, 1, secondsMax, (seconds) => ({ keepAliveMs: seconds * 1000 }))
    case 'stale':
      return whole(key, value, 0, secondsMax, (seconds) => ({ staleMs: seconds * 1000 }))
    default:
      return fail(wrong('link-option', key, `a TCP link knows baud, keepalive and stale, not ${JSON.stringify(key)}`))
  }
}

interface Taking<Spec> {
  readonly take: (key: string, value: string) => Result<Partial<Spec>, InputError>
  /** What was wrong before the options. */
  readonly before: readonly InputError[]
}

/** Takes every option, so that a wrong one hides nothing of the others. Of an option given twice nobody knows which was meant. */
function withOptions<Spec extends LinkSpec>(
  spec: Spec,
  query: string,
  { take, before }: Taking<Spec>,
): Result<LinkSpec, readonly InputError[]> {
  const faults = [...before]
  const seen = new Set<string>()
  let given = spec
  for (const [key, value] of pairs(query)) {
    const taken = take(key, value)
    if (!taken.ok) faults.push(taken.error)
    else if (seen.has(key)) faults.push(wrong('link-option', key, 'expected once, stands there twice'))
    else given = { ...given, ...taken.value }
    seen.add(key)
  }
  return faults.length === 0 ? ok(given) : fail(faults)
}

function pairs(query: string): (readonly [string, string])[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [key = '', ...value] = part.split('=')
      return [key, value.join('=')]
    })
}

function whole<T>(key: string, value: string, min: number, max: number, make: (n: number) => T): Result<T, InputError> {
  const n = /^\d{1,9}$/.test(value) ? Number(value) : NaN
  if (n >= min && n <= max) return ok(make(n))
  return fail(wrong('link-option', key, `expected a whole number from ${min} to ${max}, got ${JSON.stringify(value)}`))
}

function serialOptions(spec: SerialSpec): Record<string, string> {
  return {
    ...(spec.baud === 2400 ? {} : { baud: String(spec.baud) }),
    ...(spec.parity === 'even' ? {} : { parity: spec.parity }),
    ...(spec.dataBits === 8 ? {} : { bits: String(spec.dataBits) }),
    ...(spec.stopBits === 1 ? {} : { stop: String(spec.stopBits) }),
    ...(spec.lock ? {} : { lock: 'false' }),
  }
}

function tcpOptions(spec: TcpSpec): Record<string, string> {
  return {
    ...(spec.baud === null ? {} : { baud: String(spec.baud) }),
    ...(spec.keepAliveMs === keepAliveDefaultMs ? {} : { keepalive: String(spec.keepAliveMs / 1000) }),
    ...(spec.staleMs === staleDefaultMs ? {} : { stale: String(spec.staleMs / 1000) }),
  }
}

const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host)

const wrong = (code: string, at: string, message: string): InputError => ({ code, at, message })
