import t from 'tap'
import fc from 'fast-check'
import { byteMsOf, formatLinkUrl, parseLinkUrl, type LinkSpec } from '../../../drivers/link/index.js'

const serial: LinkSpec = { kind: 'serial', path: '/dev/ttyS1', baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, lock: true }
const tcp: LinkSpec = { kind: 'tcp', host: '10.0.0.7', port: 4001, baud: null, keepAliveMs: 30_000, staleMs: 60_000 }

await t.test('addresses are read with their defaults', async (t) => {
  const good: readonly (readonly [string, LinkSpec])[] = [
    ['serial:/dev/ttyS1', serial],
    ['serial:/dev/ttyS1?baud=9600&parity=none&lock=false', { ...serial, baud: 9600, parity: 'none', lock: false }],
    ['serial:/dev/ttyS1?bits=7&stop=2&parity=odd', { ...serial, dataBits: 7, stopBits: 2, parity: 'odd' }],
    ['serial:/dev/ttyS1?bits=8&stop=1&lock=true&parity=even', serial],
    ['tcp://10.0.0.7:4001', tcp],
    ['tcp://10.0.0.7:4001/', tcp],
    [
      'tcp://server.local:4001?baud=2400&keepalive=10&stale=0',
      { ...tcp, host: 'server.local', baud: 2400, keepAliveMs: 10_000, staleMs: 0 },
    ],
    ['tcp://[::1]:4001', { ...tcp, host: '::1' }],
  ]
  for (const [text, spec] of good) t.strictSame(parseLinkUrl(text), { ok: true, value: spec }, text)
})

await t.test('a wrong address is refused with its place and what was expected', async (t) => {
  const bad: readonly (readonly [string, string, string])[] = [
    ['/dev/ttyS1', 'link-kind', 'link'],
    ['', 'link-kind', 'link'],
    ['serial:ttyS1', 'serial-path', 'path'],
    ['serial:/dev/ttyS1?baud=fast', 'link-option', 'baud'],
    ['serial:/dev/ttyS1?baud=0', 'link-option', 'baud'],
    ['serial:/dev/ttyS1?baud', 'link-option', 'baud'],
    ['serial:/dev/ttyS1?parity=mark', 'link-option', 'parity'],
    ['serial:/dev/ttyS1?bits=9', 'link-option', 'bits'],
    ['serial:/dev/ttyS1?stop=3', 'link-option', 'stop'],
    ['serial:/dev/ttyS1?lock=maybe', 'link-option', 'lock'],
    ['serial:/dev/ttyS1?speed=2400', 'link-option', 'speed'],
    ['serial:/dev/ttyS1?baud=2400?lock=true', 'link-syntax', 'link'],
    ['tcp://host', 'tcp-address', 'address'],
    ['tcp://host:0', 'tcp-address', 'address'],
    ['tcp://host:70000', 'tcp-address', 'address'],
    ['tcp://:4001', 'tcp-address', 'address'],
    ['tcp://host:4001/path', 'tcp-address', 'address'],
    ['tcp://host:4001?parity=even', 'link-option', 'parity'],
    ['tcp://host:4001?stale=-1', 'link-option', 'stale'],
    ['tcp://host:4001?keepalive=0', 'link-option', 'keepalive'],
    ['tcp://host:4001?baud=49', 'link-option', 'baud'],
  ]
  for (const [text, code, at] of bad) {
    const result = parseLinkUrl(text)
    t.match(result, { ok: false, error: [{ code, at }] }, text)
    if (!result.ok) t.match(result.error[0]?.message, /expected|knows|only one/, text)
    if (!result.ok) t.equal(result.error.length, 1, text)
  }
})

await t.test('all that is wrong is told at once, in the order of the text', async (t) => {
  const bad: readonly (readonly [string, readonly string[]])[] = [
    ['serial:/dev/ttyS1?baud=abc&parity=x', ['baud', 'parity']],
    ['serial:ttyS1?baud=9600&speed=1&bits=9&stop=3&lock=maybe', ['path', 'speed', 'bits', 'stop', 'lock']],
    ['tcp://host?keepalive=0&baud=1', ['address', 'keepalive', 'baud']],
    ['serial:ttyS1?baud=fast?parity=mark', ['link', 'path', 'baud', 'parity']],
    ['serial:/dev/ttyS1?baud=2400&baud=9600', ['baud']],
    ['carrier:pigeon?baud=x', ['link']],
  ]
  for (const [text, places] of bad) {
    const result = parseLinkUrl(text)
    t.strictSame(result.ok || result.error.map(({ at }) => at), places, text)
  }
})

await t.test('what is formatted is read back, and no text crashes the reader', async (t) => {
  const baud = fc.integer({ min: 50, max: 4_000_000 })
  const specs: fc.Arbitrary<LinkSpec> = fc.oneof(
    fc.record({
      kind: fc.constant('serial' as const),
      path: fc.constantFrom('/dev/ttyS1', '/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0'),
      baud,
      parity: fc.constantFrom('none' as const, 'even' as const, 'odd' as const),
      dataBits: fc.constantFrom(7 as const, 8 as const),
      stopBits: fc.constantFrom(1 as const, 2 as const),
      lock: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('tcp' as const),
      host: fc.constantFrom('10.0.0.7', '::1', 'server.local'),
      port: fc.integer({ min: 1, max: 65_535 }),
      baud: fc.oneof(fc.constant(null), baud),
      keepAliveMs: fc.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * 1000),
      staleMs: fc.integer({ min: 0, max: 86_400 }).map((seconds) => seconds * 1000),
    }),
  )
  fc.assert(
    fc.property(specs, (spec) => {
      const read = parseLinkUrl(formatLinkUrl(spec))
      return read.ok && JSON.stringify(read.value) === JSON.stringify({ ...read.value, ...spec })
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => !parseLinkUrl(text).ok || /^(serial|tcp):/.test(text)))
  t.pass()
})

await t.test('a byte’s wire time counts start, parity and stop bits', async (t) => {
  t.equal(byteMsOf(serial), 11_000 / 2400)
  t.equal(byteMsOf({ ...serial, parity: 'none', baud: 9600 }), 10_000 / 9600)
  t.equal(byteMsOf(tcp), 0, 'a TCP server’s pace is not known')
  t.equal(byteMsOf({ ...tcp, baud: 9600 }), 11_000 / 9600)
})
