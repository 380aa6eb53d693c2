import t from 'tap'
import fc from 'fast-check'
import {
  airRates,
  decodeParameters,
  differencesFrom,
  encodeParameters,
  powerSteps,
  uartSpeeds,
  wakeUpTimesMs,
} from '../../../drivers/wireless/radio-parameters.js'
import { checkRadioModem, defaultRadioSettings } from '../../../drivers/wireless/index.js'
import { modemParameters } from '../../helpers/radio-modem.js'

const decode = (...bytes: number[]): ReturnType<typeof decodeParameters> => decodeParameters(Uint8Array.from(bytes))

await t.test('the answers of makers’ manuals', (t) => {
  t.match(decode(0xc0, 0, 0, 0x1a, 0x17, 0x44), {
    ok: true,
    value: {
      isSaved: true,
      address: 0,
      uartParity: 'none',
      uartBaud: 9600,
      airRate: 2400,
      channel: 23,
      transmission: 'transparent',
      drive: 'push-pull',
      wakeUpMs: 250,
      fec: true,
      powerStep: 0,
    },
  })
  t.match(decode(0xc2, 0x12, 0x34, 0x85, 0xe4, 0xbb), {
    ok: true,
    value: {
      isSaved: false,
      address: 0x1234,
      uartParity: 'even',
      uartBaud: 1200,
      airRate: 19_200,
      channel: 4,
      transmission: 'fixed',
      drive: 'open-collector',
      wakeUpMs: 2000,
      fec: false,
      powerStep: 3,
    },
  })
  t.match(
    decode(0xc0, 0, 0, 0xdf, 0, 0),
    { ok: true, value: { uartParity: 'none', airRate: 19_200 } },
    'codes that mean the same',
  )
  t.end()
})

await t.test('what is no answer is refused, and says what was expected', (t) => {
  t.match(decode(0xc1, 0, 0, 0x1a, 0x17, 0x44), { ok: false, error: { code: 'radio-answer-head', message: /C0 or C2.*C1/ } })
  for (const length of [0, 5, 7])
    t.match(decodeParameters(new Uint8Array(length)), { ok: false, error: { code: 'radio-answer-length' } })
  t.end()
})

await t.test('what was encoded is decoded', (t) => {
  const parameters = fc.record({
    isSaved: fc.boolean(),
    address: fc.nat(0xffff),
    uartParity: fc.constantFrom('none' as const, 'odd' as const, 'even' as const),
    uartBaud: fc.constantFrom(...uartSpeeds),
    airRate: fc.constantFrom(...airRates),
    channel: fc.nat(31),
    transmission: fc.constantFrom('transparent' as const, 'fixed' as const),
    drive: fc.constantFrom('push-pull' as const, 'open-collector' as const),
    wakeUpMs: fc.constantFrom(...wakeUpTimesMs),
    fec: fc.boolean(),
    powerStep: fc.constantFrom(...powerSteps),
  })
  fc.assert(
    fc.property(parameters, (given) => {
      const decoded = decodeParameters(encodeParameters(given))
      return decoded.ok && JSON.stringify(decoded.value) === JSON.stringify(given)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => typeof decodeParameters(bytes).ok === 'boolean'))
  t.pass()
  t.end()
})

await t.test('every difference is told, and what settings leave out is not compared', (t) => {
  t.strictSame(differencesFrom({}, modemParameters), [])
  t.strictSame(differencesFrom({ channel: 23, fec: undefined }, modemParameters), [])
  t.match(differencesFrom({ channel: 4, airRate: 9600, transmission: 'fixed', fec: true }, modemParameters), [
    { code: 'radio-parameter', at: 'airRate', message: 'air data rate, bit/s: expected 9600, the modem has 2400' },
    { at: 'channel', message: 'channel: expected 4, the modem has 23' },
    { at: 'transmission' },
  ])
  t.end()
})

const problemsOf = (url: string, options: Record<string, unknown>): readonly string[] => {
  const checked = checkRadioModem(url, options)
  return checked.ok ? [] : checked.error.map(({ code, at }) => `${at}: ${code}`)
}

await t.test('options are read, with defaults', (t) => {
  const url = 'serial:/dev/ttyS1?baud=9600&parity=none'
  const options = {
    configuration: 'dtr-rts',
    linesPullLow: false,
    airRate: 9600,
    channel: 4,
    address: 7,
    powerStep: 1,
    fec: true,
    wakeUpMs: 500,
    meterBaud: 1100,
    packetOverheadBytes: 20,
    airTimeShare: 0.01,
    urgentShare: 0.5,
    airWaitSeconds: 3,
  }
  t.match(checkRadioModem(url, options), {
    ok: true,
    value: {
      link: { kind: 'serial', baud: 9600 },
      settings: {
        configuration: 'dtr-rts',
        linesPullLow: false,
        expected: {
          airRate: 9600,
          channel: 4,
          address: 7,
          powerStep: 1,
          fec: true,
          wakeUpMs: 500,
          transmission: 'transparent',
          uartParity: 'none',
          uartBaud: 9600,
        },
        pace: { airBitsPerSecond: 9600, packetOverheadBytes: 20, wakeUpMs: 500 },
        farByteMs: 10,
        air: { hourMs: 36_000, urgentMs: 18_000 },
        airWaitMsMax: 3_000,
      },
    },
  })
  t.match(checkRadioModem('tcp://10.0.0.1:4001', {}), { ok: true, value: { settings: defaultRadioSettings() } })
  t.strictSame(problemsOf('serial:/dev/ttyS1?baud=2400', {}), [], 'a modem that is never asked may talk at any speed')
  t.strictSame(problemsOf('tcp://10.0.0.1:4001', { configuration: 'always' }), [])
  t.end()
})

await t.test('all that is wrong with a link and its options is told at once', (t) => {
  t.strictSame(problemsOf('udp://x', { channel: 32, airRate: 2401, colour: 'red', airTimeShare: 0 }), [
    'link: link-kind',
    'options.airRate: bad-value',
    'options.channel: bad-value',
    'options.airTimeShare: bad-value',
    'options.colour: unknown-key',
  ])
  t.strictSame(problemsOf('tcp://10.0.0.1:4001', { configuration: 'dtr-rts' }), ['options.configuration: no-lines'])
  for (const query of ['baud=2400&parity=none', 'baud=9600', 'baud=9600&parity=none&bits=7', 'baud=9600&parity=none&stop=2'])
    t.strictSame(problemsOf(`serial:/dev/ttyS1?${query}`, { configuration: 'dtr-rts' }), ['options.configuration: wrong-speed'])
  t.strictSame(problemsOf('serial:/dev/ttyS1', { configuration: 'perhaps' }), ['options.configuration: bad-value'])
  t.end()
})
