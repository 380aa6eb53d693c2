import { asked, ordered, type Entry } from './entry.js'
import { empty, meterFrame, moduleId, moduleStatus, runMode, vendorVersion } from './forms.js'
import { address, counted, flag, join, record, u16, u8, undivided, unsure, type Layout } from './layouts.js'
import { complain, take } from './cursor.js'
import { clock } from './text-layouts.js'

/** Function numbers as a map of 32 bytes, F1 in the lowest bit of the first. */
const fnMap: Layout<readonly number[]> = {
  read: (cursor) =>
    Array.from(take(cursor, 32)).flatMap((byte, index) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) & 1).map((bit) => 8 * index + bit + 1),
    ),
  write: (fns) => {
    const wrong = fns.find((fn) => !Number.isInteger(fn) || fn < 1 || fn > 256)
    if (wrong !== undefined) throw new RangeError(`F${wrong} does not stand in the map`)
    return Uint8Array.from({ length: 32 }, (_, index) =>
      fns.filter((fn) => (fn - 1) >> 3 === index).reduce((byte, fn) => byte | (1 << ((fn - 1) % 8)), 0),
    )
  },
}

/** `channelGroup` 0–63, 254 automatic, 255 keep; `power` 0 highest … 3 lowest, 255 keep. */
const radioParameters = record({ channelGroup: u8, power: u8 })

/** AFN 01, initialise; all are confirmed first. */
export const initialisations = {
  /** The module confirms, then restarts. */
  'reset-hardware': ordered(0x01, 1, empty),
  /** Erases the node archive. Benches wait 30 s afterwards. */
  'reset-parameters': ordered(0x01, 2, empty),
  /** Erases routes and what was learnt. */
  'reset-data': ordered(0x01, 3, empty),
} satisfies Readonly<Record<string, Entry>>

/** AFN 03, query. Neighbours (F3) and radio options (F17) are not described well enough to be divided for certain. */
export const queries = {
  'vendor-version': asked(0x03, 1, empty, vendorVersion),
  noise: asked(0x03, 2, empty, record({ noise: u8 })),
  neighbours: asked(0x03, 3, record({ start: u8, count: u8 }), undivided),
  'main-node': asked(0x03, 4, empty, record({ mainNode: address })),
  'module-status': asked(0x03, 5, empty, moduleStatus),
  interference: asked(0x03, 6, record({ durationMin: u8 }), record({ interference: flag })),
  'monitor-timeout': asked(0x03, 7, empty, record({ timeoutS: u8 })),
  'radio-parameters': asked(0x03, 8, empty, radioParameters),
  /** How long a broadcast of this frame takes. */
  'broadcast-delay': asked(0x03, 9, meterFrame, join(record({ delaySeconds: u16 }), meterFrame)),
  /** A good module reports it by itself after a start. */
  'run-mode': asked(0x03, 10, empty, runMode),
  'supported-functions': asked(0x03, 11, record({ ofAfn: u8 }), record({ ofAfn: u8, fns: fnMap })),
  'module-id': asked(0x03, 12, empty, moduleId),
  /** Band 0: 1.953–11.96 MHz, 1: 2.441–5.615, 2: 0.781–2.930, 3: 1.758–2.930. */
  band: asked(0x03, 16, empty, record({ band: u8 })),
  'radio-options': asked(0x03, 17, empty, unsure(record({ options: u8, channel: u8 }))),
} satisfies Readonly<Record<string, Entry>>

/** AFN 04, link test: factory use. What comes back beside a confirmation is not described. */
export const tests = {
  'transmit-test': ordered(0x04, 1, record({ durationS: u8 })),
  'roll-call': ordered(0x04, 2, empty),
  'meter-test': asked(0x04, 3, join(record({ rate: u8, address }), meterFrame), undivided),
} satisfies Readonly<Record<string, Entry>>

/** Speeds in baud by the number 05F10 gives them; the answer comes at the old speed. */
export const uartSpeeds = [9600, 19200, 38400, 57600, 115200] as const

const uartSpeed: Layout<number> = {
  read: (cursor) => {
    const offset = cursor.at
    const index = u8.read(cursor)
    const speed = uartSpeeds[index]
    if (speed === undefined) complain(cursor, { code: 'bad-value', offset, message: `there is no speed number ${index}` })
    return speed ?? 0
  },
  write: (speed) => {
    const index = uartSpeeds.findIndex((known) => known === speed)
    if (index < 0) throw new RangeError(`${speed} baud has no number`)
    return Uint8Array.of(index)
  },
}

/** AFN 05, control; all are confirmed. */
export const controls = {
  'set-main-node': ordered(0x05, 1, record({ mainNode: address })),
  /** Node status and events. */
  'allow-reports': ordered(0x05, 2, record({ allowed: flag })),
  /** `control` 0 transparent, 1 DL/T 645-1997, 2 DL/T 645-2007, 3 phase identification. The confirmation says how long to keep off. */
  broadcast: ordered(0x05, 3, record({ control: u8, payload: counted(1) })),
  'set-monitor-timeout': ordered(0x05, 4, record({ timeoutS: u8 })),
  'set-radio-parameters': ordered(0x05, 5, radioParameters),
  'identify-area': ordered(0x05, 6, record({ started: flag })),
  'set-uart-speed': ordered(0x05, 10, record({ speedBaud: uartSpeed })),
  /** Changing it breaks the network for minutes. */
  'set-band': ordered(0x05, 16, record({ band: u8 })),
  /** As `broadcast`, with a length of two bytes. */
  'broadcast-long': ordered(0x05, 20, record({ control: u8, payload: counted(2) })),
  /** 50 to 120, 96 by default. */
  'set-rssi-threshold': ordered(0x05, 100, record({ threshold: u8 })),
  'set-centre-clock': ordered(0x05, 101, record({ time: clock })),
  'report-rejected': ordered(0x05, 200, record({ allowed: flag })),
} satisfies Readonly<Record<string, Entry>>
