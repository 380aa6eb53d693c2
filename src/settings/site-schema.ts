import { z } from 'zod'
import { dayMs, linkId, masterId } from '../model/index.js'
import { keysMax, masterKeySchema, retentionSchema, rulesSchema, technicianKeySchema } from './rules-schema.js'
import {
  checked,
  flag,
  idText,
  list,
  oneOf,
  pathText,
  section,
  text,
  timeOfDay,
  topicIdText,
  utcOffset,
  whole,
} from './scalars.js'
import type { CollectionChoices } from './settings.js'

export const linksMax = 64
export const mastersMax = 8
export const brokersMax = 8
export const filesMax = 64
const mebibyte = 1024 * 1024
const hourMs = 3_600_000

const fileList = (what: string) => list(pathText, filesMax, `paths of ${what} files`).default([])

const databaseSchema = section({
  path: pathText.default('/var/lib/wattkeep/wattkeep.db'),
  maxMebibytes: whole(16, 1_048_576, 'MiB').default(2048),
  reserveMebibytes: whole(1, 65_536, 'MiB').default(64),
}).transform(({ path, maxMebibytes, reserveMebibytes }) => ({
  path,
  bytesMax: maxMebibytes * mebibyte,
  reserveBytes: reserveMebibytes * mebibyte,
}))

/** One physical channel. */
export const linkSchema = section({
  id: idText,
  driver: text(/^[^\p{Cc}]{1,200}$/u, 'the name of a driver, such as rs485'),
  url: text(/^[^\p{Cc}\s]{1,500}$/u, 'an address such as serial:/dev/ttyS1?baud=2400&parity=even or tcp://host:port'),
  quietGapMs: whole(0, 10_000, 'milliseconds').default(20),
  firstByteMs: whole(20, 120_000, 'milliseconds').default(550),
  options: z.record(z.string(), z.unknown(), { error: 'expected a mapping of the driver’s own options' }).default({}),
}).transform((link) => ({ ...link, id: linkId(link.id) }))

const brokerUrl = text(
  /^mqtts?:\/\/[^\s/@]+(:\d{1,5})?\/?$/,
  'a broker such as mqtts://host:8883 (a login stands in the secrets)',
)

const tlsSchema = checked(
  section({ ca: pathText, cert: pathText.nullable().default(null), key: pathText.nullable().default(null) }),
  ({ cert, key }) => ((cert === null) === (key === null) ? [] : [{ message: 'expected cert and key together' }]),
)

const masterShape = section({
  id: topicIdText,
  keys: list(masterKeySchema, keysMax, 'keys').min(1, { error: 'expected at least one key' }),
  brokers: list(brokerUrl, brokersMax, 'brokers').min(1, { error: 'expected at least one broker' }),
  keepAliveSeconds: whole(10, 3600, 'seconds').default(240),
  tls: tlsSchema.nullable().default(null),
  reconnectSeconds: section({
    first: whole(1, 3600, 'seconds').default(5),
    max: whole(1, 86_400, 'seconds').default(900),
  }).prefault({}),
  batchBytesMax: whole(1024, 262_144, 'bytes').default(4096),
  windowBytesMax: whole(4096, 4_194_304, 'bytes').default(16_384),
}).transform(({ keepAliveSeconds, reconnectSeconds: { first, max }, ...master }) => ({
  ...master,
  id: masterId(master.id),
  keepAliveS: keepAliveSeconds,
  reconnect: { firstMs: first * 1000, maxMs: Math.max(first, max) * 1000 },
}))

/** A master station. Its keys sign orders; a broker is tried after the one before it failed. */
export const masterSchema = checked(masterShape, ({ brokers, tls }) =>
  brokers.flatMap((broker, index) => {
    if (broker.startsWith('mqtts:') === (tls !== null)) return []
    const message = tls === null ? 'needs a tls section with the ca of the broker' : 'expected mqtts:// where tls is given'
    return [{ path: ['brokers', index], message }]
  }),
)

const consoleSchema = section({
  socket: pathText.default('/run/wattkeep/console.sock'),
  group: text(/^[a-z_][a-z0-9_-]{0,31}$/, 'the name of a group')
    .nullable()
    .default('wattkeep'),
  mode: text(/^0?[0-7]{3}$/, 'a file mode in quotes such as "0660"')
    .transform((digits) => Number.parseInt(digits, 8))
    .refine((mode) => (mode & 0o007) === 0, { error: 'expected a mode that leaves others out, such as "0660"' })
    .prefault('0660'),
})

/** Field's rules: never near midnight or a full hour. */
const broadcastTime = checked(timeOfDay, (minute) =>
  minute % 60 >= 10 && minute % 60 <= 50
    ? []
    : [{ message: 'expected a time from ten minutes past to ten minutes before a full hour' }],
)

const collectionSchema = section({
  backfillPercent: whole(1, 100, 'percent').default(50),
  refusedRetryDays: whole(1, 400, 'days').default(30),
  vanishedAfterHours: whole(1, 24 * 62, 'hours').default(72),
  discovery: section({
    everyHours: whole(1, 24 * 62, 'hours')
      .nullable()
      .default(24),
    busPercent: whole(1, 50, 'percent').default(1),
  }).prefault({}),
}).transform(({ backfillPercent, refusedRetryDays, vanishedAfterHours, discovery }): CollectionChoices => ({
  backfillShare: backfillPercent / 100,
  refusedRetryMs: refusedRetryDays * dayMs,
  vanishedAfterMs: vanishedAfterHours * hourMs,
  discovery: {
    everyMs: discovery.everyHours === null ? null : discovery.everyHours * hourMs,
    share: discovery.busPercent / 100,
  },
}))

/** Fields of the site's main file. Other files are named by paths relative to it. */
const siteShape = {
  concentrator: topicIdText,
  utcOffset,
  database: databaseSchema.prefault({}),
  secrets: pathText.nullable().default(null),
  modbusMaps: fileList('register map'),
  archive: fileList('archive'),
  profiles: fileList('profile'),
  tasks: fileList('task'),
  tariffs: fileList('tariff'),
  rules: rulesSchema.prefault({}),
  retention: retentionSchema.prefault({}),
  console: consoleSchema.prefault({}),
  log: section({ level: oneOf(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  watchdog: section({ stallSeconds: whole(5, 3600, 'seconds').default(60) }).prefault({}),
  clock: section({
    assumeSynchronised: flag.default(false),
    setMeterClocks: flag.default(false),
    broadcastAt: broadcastTime.nullable().default(null),
  }).prefault({}),
  collection: collectionSchema.prefault({}),
}

/** The main file with its lists unread: their elements are read one by one. */
export const siteFields = {
  ...siteShape,
  links: list(z.unknown(), linksMax, 'links'),
  masters: list(z.unknown(), mastersMax, 'masters').default([]),
  technicianKeys: list(z.unknown(), keysMax, 'keys').default([]),
}

/** The whole main file, for the published JSON schema. */
export const siteSchema = section({
  ...siteShape,
  links: list(linkSchema, linksMax, 'links'),
  masters: list(masterSchema, mastersMax, 'masters').default([]),
  technicianKeys: list(technicianKeySchema, keysMax, 'keys').default([]),
})
