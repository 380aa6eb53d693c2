import { formatDecimal } from '../../src/model/index.js'
import { verifyChain } from '../../src/prepaid/index.js'
import { entryOf } from '../../src/store/records.js'
import type { EntryBody } from '../../src/store/records.js'
import type { Archive } from './archive.js'

/** One table of `show`. */
export interface Report {
  readonly title: string
  readonly rows: readonly Readonly<Record<string, string | number | null>>[]
}

export const reportNames = ['concentrators', 'marks', 'gaps', 'accounts', 'orders', 'events', 'alarms'] as const
export type ReportName = (typeof reportNames)[number]

/** @param limit most rows of what may be long, newest first */
export function report(archive: Archive, name: ReportName, limit: number): Report {
  switch (name) {
    case 'concentrators':
      return { title: name, rows: archive.all(concentratorText) }
    case 'marks':
      return { title: name, rows: archive.marks().map((row) => ({ ...row })) }
    case 'gaps':
      return { title: name, rows: gaps(archive) }
    case 'accounts':
      return { title: name, rows: accounts(archive) }
    case 'orders':
      return { title: name, rows: archive.all(ordersText, [limit]) }
    case 'events':
      return { title: name, rows: archive.all(eventsText, [limit]) }
    case 'alarms':
      return { title: name, rows: archive.all(alarmsText, [limit]) }
  }
}

/** Numbers that have no record: announced as gone, or still missing below a number that is there. */
export function gaps(archive: Archive): Report['rows'] {
  const announced = archive.all<{
    concentrator: string
    epoch: number
    stream: string
    first: number
    count: number
    reason: string
  }>('SELECT concentrator, epoch, stream, first, count, reason FROM gap ORDER BY concentrator, epoch, stream, first')
  const missing = archive.all<{ concentrator: string; epoch: number; stream: string; first: number; count: number }>(missingText)
  return [...announced, ...missing.map((row) => ({ ...row, reason: 'missing' }))]
}

/** Each account as its entries say: the balance is added up here, and the chain of hashes walked from its beginning. */
export function accounts(archive: Archive): Report['rows'] {
  const heads = archive.all<{ concentrator: string; account: string; entries: number; balance: string; last: number }>(
    `SELECT concentrator, account, count(*) AS entries, CAST(sum(amount) AS TEXT) AS balance, max(number) AS last
     FROM entry GROUP BY concentrator, account ORDER BY concentrator, account`,
  )
  return heads.map(({ concentrator, account, entries, balance, last }) => {
    const key = [concentrator, account]
    const bodies = archive.all<{ body: string }>(
      'SELECT body FROM entry WHERE concentrator = ? AND account = ? ORDER BY number',
      key,
    )
    const chain = verifyChain(bodies.map(({ body }) => entryOf(JSON.parse(body) as EntryBody)))
    return {
      concentrator,
      account,
      entries,
      last,
      balance: formatDecimal(BigInt(balance), -6),
      chain: chain.ok ? 'ok' : `${chain.error.code} at ${chain.error.at}`,
      hash: chain.ok ? chain.value.hash : null,
    }
  })
}

/** Text for a terminal: columns as wide as what stands in them. */
export function reportText({ title, rows }: Report): string {
  const [first] = rows
  if (first === undefined) return `${title}: none`
  const columns = Object.keys(first)
  const cell = (value: string | number | null | undefined): string =>
    value === null || value === undefined ? '-' : String(value)
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => cell(row[column]).length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()
  return [`${title}:`, line(columns), ...rows.map((row) => line(columns.map((column) => cell(row[column]))))].join('\n')
}

const instant = (column: string): string => `strftime('%Y-%m-%dT%H:%M:%SZ', ${column} / 1000, 'unixepoch')`

const concentratorText = `SELECT id, epoch, CASE online WHEN 1 THEN 'online' ELSE 'offline' END AS state, received, duplicates,
  ${instant('seen_at')} AS seen FROM concentrator ORDER BY id`

const ordersText = `SELECT id, concentrator, key, number, kind, state, stage, evidence, ${instant('changed_at')} AS changed
  FROM "order" ORDER BY id DESC LIMIT ?`

const eventsText = `SELECT concentrator, seq, ${instant("json_extract(body, '$.stamp.receivedAt')")} AS at,
  json_extract(body, '$.severity') AS severity, json_extract(body, '$.code') AS code, json_extract(body, '$.meter') AS meter,
  json_extract(body, '$.account') AS account, json_extract(body, '$.detail') AS detail
  FROM record WHERE stream = 'event' ORDER BY concentrator, epoch DESC, seq DESC LIMIT ?`

const alarmsText = `SELECT id, ${instant('at')} AS at, concentrator, code, detail FROM alarm ORDER BY id DESC LIMIT ?`

/** Holes below records that arrived: from the number after one record to the number before the next. */
const missingText = `
WITH step AS (
  SELECT r.concentrator, r.epoch, r.stream, r.seq,
    lag(r.seq, 1, m.up_to) OVER (PARTITION BY r.concentrator, r.epoch, r.stream ORDER BY r.seq) AS before
  FROM record r JOIN mark m ON m.concentrator = r.concentrator AND m.epoch = r.epoch AND m.stream = r.stream
  WHERE r.seq > m.up_to)
SELECT concentrator, epoch, stream, before + 1 AS first, seq - before - 1 AS count FROM step WHERE seq > before + 1
ORDER BY concentrator, epoch, stream, first`
