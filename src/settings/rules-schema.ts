import { keyId, streams, type PrepaidRules, type RegisteredKey, type RetentionRule, type Stream } from '../model/index.js'
import { checked, dateText, flag, idText, list, oneOf, section, text, timeOfDay, weekdayList, whole } from './scalars.js'

/** Most dates of a blocked calendar, and most registered keys. */
export const blockedDatesMax = 1000
export const keysMax = 64
const minuteMs = 60_000

const blockedSchema = section({
  night: checked(section({ from: timeOfDay, to: timeOfDay }), ({ from, to }) =>
    from === to ? [{ message: 'expected two different times' }] : [],
  )
    .nullable()
    .prefault({ from: '20:00', to: '08:00' }),
  weekdays: weekdayList.prefault(['sun', 'sat']),
  dates: list(dateText, blockedDatesMax, 'dates').default([]),
}).transform(({ night, weekdays, dates }) => ({
  night: night === null ? null : { fromMinute: night.from, toMinute: night.to },
  weekdays,
  dates,
}))

/** When accounts are never cut, and what a reading and a relay order are worth. Defaults cut late. */
export const rulesSchema = section({
  blocked: blockedSchema.prefault({}),
  readingStaleAfterMinutes: whole(1, 24 * 60, 'minutes').default(30),
  relayExpiryMinutes: whole(1, 60, 'minutes').default(5),
  wrapWindowPpm: whole(0, 100_000, 'millionths of the register').default(1000),
}).transform((rules): PrepaidRules => ({
  blocked: rules.blocked,
  readingStaleAfterMs: rules.readingStaleAfterMinutes * minuteMs,
  relayExpiryMs: rules.relayExpiryMinutes * minuteMs,
  wrapWindowPpm: rules.wrapWindowPpm,
}))

const publicKeyText = text(/^[A-Za-z0-9_-]{43}$/, 'an Ed25519 public key: 43 characters of base64url')

const keyShape = { id: idText, publicKey: publicKeyText }
/** A master's key, from the settings alone. */
export const masterKeySchema = section(keyShape).transform(({ id, publicKey }): RegisteredKey => ({
  id: keyId(id),
  role: 'master',
  publicKey,
}))
/** A technician's key, registered by a master's order or the settings. */
export const technicianKeySchema = section({ ...keyShape, role: oneOf(['viewer', 'technician', 'administrator']) }).transform(
  ({ id, publicKey, role }): RegisteredKey => ({ id: keyId(id), role, publicKey }),
)

/** What `DESIGN.md` §2 promises of each stream. */
const retentionDefaults: Readonly<Record<Stream, Omit<RetentionRule, 'stream'>>> = {
  event: { keepDays: 400, onlyAcknowledged: true, evictionOrder: 4 },
  ledger: { keepDays: 3650, onlyAcknowledged: true, evictionOrder: null },
  result: { keepDays: 400, onlyAcknowledged: true, evictionOrder: 3 },
  freeze: { keepDays: 400, onlyAcknowledged: false, evictionOrder: 5 },
  status: { keepDays: 90, onlyAcknowledged: false, evictionOrder: 2 },
  curve: { keepDays: 90, onlyAcknowledged: false, evictionOrder: 1 },
}

function retentionOf(stream: Stream) {
  const defaults = retentionDefaults[stream]
  return section({
    keepDays: whole(1, 3650, 'a number of days').default(defaults.keepDays),
    onlyAcknowledged: flag.default(defaults.onlyAcknowledged),
    evictionOrder: whole(1, 6, 'a place in the order of eviction').nullable().default(defaults.evictionOrder),
  }).prefault({})
}

/** How long each stream is kept, and which goes first when the disk fills. */
export const retentionSchema = section({
  event: retentionOf('event'),
  ledger: section({ keepDays: whole(1, 3650, 'a number of days').default(retentionDefaults.ledger.keepDays) })
    .prefault({})
    .transform(({ keepDays }) => ({ ...retentionDefaults.ledger, keepDays })),
  result: retentionOf('result'),
  freeze: retentionOf('freeze'),
  status: retentionOf('status'),
  curve: retentionOf('curve'),
}).transform((rules): readonly RetentionRule[] => streams.map((stream) => ({ stream, ...rules[stream] })))
