import { createHash } from 'node:crypto'
import Database from 'better-sqlite3'
import { micro, parseDecimal } from '../../src/model/index.js'
import type { Stream } from '../../src/model/index.js'
import type { BatchMessage, HelloMessage, StateMessage } from '../../src/uplink/messages.js'
import { schema } from './schema.js'

type Body = Readonly<Record<string, unknown>>

/** Refusals that may be another answer later. */
const passing: ReadonlySet<string> = new Set(['not-yet', 'clock-untrusted', 'conflict'])

/** What one message changed. */
export interface Taken {
  readonly stored: number
  readonly duplicates: number
}

/** What a master has of one stream: everything up to `mark`, and how much lies above a hole. */
export interface MarkRow {
  readonly concentrator: string
  readonly epoch: number
  readonly stream: Stream
  readonly mark: number
  readonly above: number
}

/**
 * The station's own file: every record exactly once, by (concentrator, epoch, stream, seq), and what follows from them. Each
 * message is one transaction, durable before anything is acknowledged, so the station may be killed at any point.
 */
export class Archive {
  readonly db: Database.Database
  readonly #clock: () => number
  readonly #statements = new Map<string, Database.Statement>()

  /** @throws when the file cannot be opened or does not keep `synchronous=FULL` */
  constructor(path: string, clock: () => number) {
    this.#clock = clock
    this.db = new Database(path, { timeout: 10_000 })
    this.db.pragma('journal_mode = WAL')
    this.db.pragma('synchronous = FULL')
    if (this.db.pragma('synchronous', { simple: true }) !== 2) throw new Error(`${path} does not keep synchronous=FULL`)
    this.db.exec(schema)
  }

  /** A batch: what is new of it, and the mark as far as there is no hole. The same batch may come as often as it likes. */
  take(concentrator: string, batch: BatchMessage): Taken {
    return this.#transaction(() => {
      this.#meet(concentrator)
      const { epoch, stream, first, count } = batch
      let stored = 0
      if (batch.evicted !== undefined) stored = this.#addGap(concentrator, batch, batch.evicted)
      batch.records.forEach((body, index) => {
        const seq = first + index
        const text = JSON.stringify(body)
        const { changes } = this.#run(
          'INSERT OR IGNORE INTO record (concentrator, epoch, stream, seq, body, received_at) VALUES (?, ?, ?, ?, ?, ?)',
          [concentrator, epoch, stream, seq, text, this.#clock()],
        )
        if (changes === 0) return
        stored += 1
        this.#derive(concentrator, stream, body)
      })
      this.#moveMark(concentrator, epoch, stream, first, first + count - 1)
      const duplicates = batch.evicted === undefined ? batch.records.length - stored : 0
      this.#run('UPDATE concentrator SET received = received + ?, duplicates = duplicates + ?, seen_at = ? WHERE id = ?', [
        stored,
        duplicates,
        this.#clock(),
        concentrator,
      ])
      return { stored, duplicates }
    })
  }

  /** A message that is no batch, as it came, once; with a range its numbers count as had, so that it does not come for ever. */
  poison(concentrator: string, message: { topic: string; payload: Uint8Array; reason: string }, range: BatchRange | null): void {
    this.#transaction(() => {
      this.#meet(concentrator)
      const hash = createHash('sha256').update(message.topic).update('\n').update(message.payload).digest('hex')
      const { changes } = this.#run(
        'INSERT OR IGNORE INTO poison (hash, concentrator, topic, payload, reason, at) VALUES (?, ?, ?, ?, ?, ?)',
        [hash, concentrator, message.topic, Buffer.from(message.payload), message.reason, this.#clock()],
      )
      if (changes > 0) this.alarm(concentrator, 'poison', `${message.topic}: ${message.reason}`)
      if (range === null) return
      this.#addGap(concentrator, range, 'poison')
      this.#moveMark(concentrator, range.epoch, range.stream, range.first, range.first + range.count - 1)
    })
  }

  /** A greeting: the present epoch, and what the concentrator says of itself. */
  greet(concentrator: string, hello: HelloMessage): void {
    this.#transaction(() => {
      this.#meet(concentrator)
      this.#run('UPDATE concentrator SET epoch = ?, hello = ?, seen_at = ? WHERE id = ?', [
        hello.epoch,
        JSON.stringify(hello),
        this.#clock(),
        concentrator,
      ])
    })
  }

  /** The retained state; it tells the epoch of a concentrator that greeted before we were there. */
  report(concentrator: string, state: StateMessage): void {
    this.#transaction(() => {
      this.#meet(concentrator)
      this.#run('UPDATE concentrator SET online = ?, state = ?, epoch = coalesce(epoch, ?), seen_at = ? WHERE id = ?', [
        state.online ? 1 : 0,
        JSON.stringify(state),
        state.epoch ?? null,
        this.#clock(),
        concentrator,
      ])
    })
  }

  alarm(concentrator: string, code: string, detail: string): void {
    this.#run('INSERT INTO alarm (at, concentrator, code, detail) VALUES (?, ?, ?, ?)', [
      this.#clock(),
      concentrator,
      code,
      detail,
    ])
  }

  /** The epoch of the last greeting; null: none yet. */
  epochOf(concentrator: string): number | null {
    const row = this.get<{ epoch: number | null }>('SELECT epoch FROM concentrator WHERE id = ?', [concentrator])
    return row?.epoch ?? null
  }

  /** The marks to acknowledge: every stream, 0 where there is nothing. */
  marksOf(concentrator: string, epoch: number): Record<Stream, number> {
    const marks: Record<Stream, number> = { event: 0, ledger: 0, result: 0, freeze: 0, status: 0, curve: 0 }
    for (const row of this.all<{ stream: Stream; up_to: number }>(
      'SELECT stream, up_to FROM mark WHERE concentrator = ? AND epoch = ?',
      [concentrator, epoch],
    )) {
      marks[row.stream] = row.up_to
    }
    return marks
  }

  marks(): readonly MarkRow[] {
    return this.all<MarkRow>(
      `SELECT concentrator, epoch, stream, up_to AS mark,
        (SELECT count(*) FROM record r WHERE r.concentrator = m.concentrator AND r.epoch = m.epoch AND r.stream = m.stream
          AND r.seq > m.up_to) AS above
       FROM mark m ORDER BY concentrator, epoch, stream`,
    )
  }

  /** Concentrators that were ever heard of. */
  concentrators(): readonly string[] {
    return this.all<{ id: string }>('SELECT id FROM concentrator ORDER BY id').map((row) => row.id)
  }

  get<T>(text: string, values: readonly unknown[] = []): T | undefined {
    return this.#statement(text).get(...values) as T | undefined
  }

  all<T>(text: string, values: readonly unknown[] = []): T[] {
    return this.#statement(text).all(...values) as T[]
  }

  run(text: string, values: readonly unknown[] = []): number {
    return this.#run(text, values).changes
  }

  transaction<T>(work: () => T): T {
    return this.#transaction(work)
  }

  close(): void {
    this.db.close()
  }

  #meet(concentrator: string): void {
    this.#run('INSERT OR IGNORE INTO concentrator (id, seen_at) VALUES (?, ?)', [concentrator, this.#clock()])
  }

  #addGap(concentrator: string, range: BatchRange, reason: string): number {
    const { epoch, stream, first, count } = range
    return this.#run(
      'INSERT OR IGNORE INTO gap (concentrator, epoch, stream, first, count, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      [concentrator, epoch, stream, first, count, reason, this.#clock()],
    ).changes
  }

  /** The mark passes a range that begins at or below it, and then whatever was waiting above the hole that this closed. */
  #moveMark(concentrator: string, epoch: number, stream: Stream, first: number, last: number): void {
    const key = [concentrator, epoch, stream]
    const row = this.get<{ up_to: number }>('SELECT up_to FROM mark WHERE concentrator = ? AND epoch = ? AND stream = ?', key)
    const before = row?.up_to ?? 0
    let mark = before
    if (first <= mark + 1) mark = Math.max(mark, last)
    for (let next = this.#after(key, mark); next > mark; next = this.#after(key, mark)) mark = next
    if (mark === before && row !== undefined) return
    this.#run(
      `INSERT INTO mark (concentrator, epoch, stream, up_to) VALUES (?, ?, ?, ?)
       ON CONFLICT (concentrator, epoch, stream) DO UPDATE SET up_to = excluded.up_to`,
      [...key, mark],
    )
  }

  #after(key: readonly unknown[], mark: number): number {
    const record = this.get('SELECT 1 FROM record WHERE concentrator = ? AND epoch = ? AND stream = ? AND seq = ?', [
      ...key,
      mark + 1,
    ])
    if (record !== undefined) return mark + 1
    const gap = this.get<{ last: number }>(
      `SELECT max(first + count - 1) AS last FROM gap WHERE concentrator = ? AND epoch = ? AND stream = ? AND first <= ?
       AND first + count - 1 > ?`,
      [...key, mark + 1, mark],
    )
    return gap?.last ?? mark
  }

  /** What follows from a record beyond being kept: the account's ledger, and what became of an order. */
  #derive(concentrator: string, stream: Stream, body: Body): void {
    if (body['lost'] === true) this.alarm(concentrator, 'record-lost', `the concentrator lost a record of ${stream}`)
    if (stream === 'ledger' && body['record'] === 'entry') this.#addEntry(concentrator, body)
    if (stream === 'result') this.#resultOf(concentrator, body)
    if (stream === 'event' && body['code'] === 'order.refused') this.#refusalOf(concentrator, body)
  }

  /** Entries have a natural key, so an account's ledger survives a new epoch; two that differ are an alarm. */
  #addEntry(concentrator: string, body: Body): void {
    const { account, number, hash, amount, balanceAfter } = body
    const change = typeof amount === 'string' ? parseDecimal(amount, -6) : null
    const balance = typeof balanceAfter === 'string' ? parseDecimal(balanceAfter, -6) : null
    if (
      typeof account !== 'string' ||
      typeof number !== 'number' ||
      typeof hash !== 'string' ||
      change === null ||
      balance === null
    ) {
      this.alarm(concentrator, 'entry-unreadable', JSON.stringify(body).slice(0, 500))
      return
    }
    const key = [concentrator, account, number]
    const known = this.get<{ hash: string }>('SELECT hash FROM entry WHERE concentrator = ? AND account = ? AND number = ?', key)
    if (known === undefined) {
      this.#run(
        'INSERT INTO entry (concentrator, account, number, hash, amount, balance_after, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
        [...key, hash, micro(change), micro(balance), JSON.stringify(body)],
      )
    } else if (known.hash !== hash) {
      this.alarm(concentrator, 'ledger-differs', `${account} entry ${number}: ${known.hash} and ${hash}`)
    }
  }

  #resultOf(concentrator: string, body: Body): void {
    if (body['by'] !== 'master') return
    this.#run(
      `UPDATE "order" SET state = ?, stage = ?, evidence = ?, changed_at = ? WHERE concentrator = ? AND key = ? AND number = ?`,
      [
        body['stage'] === 'refused' && body['attempts'] === 0 ? 'refused' : 'journalled',
        body['stage'],
        JSON.stringify(body['evidence'] ?? {}),
        this.#clock(),
        concentrator,
        body['origin'],
        body['number'],
      ],
    )
  }

  /**
   * Refused before it was journalled. `replayed` says that the concentrator has the order: it need not go again, and its result
   * tells what became of it. Reasons that pass with time leave it waiting; it goes again until it expires.
   */
  #refusalOf(concentrator: string, body: Body): void {
    const detail = body['detail']
    if (typeof detail !== 'object' || detail === null || !('origin' in detail) || !('reason' in detail)) return
    const [key, number] = String(detail.origin).split('#')
    const reason = String(detail.reason)
    if (number === undefined || passing.has(reason)) return
    const isThere = reason === 'replayed'
    this.#run(
      `UPDATE "order" SET state = ?, stage = ?, evidence = ?, changed_at = ?
       WHERE concentrator = ? AND key = ? AND number = ? AND state IN ('queued', 'sent')`,
      [
        ...(isThere ? ['journalled', null, null] : ['refused', reason, JSON.stringify(detail)]),
        ...[this.#clock(), concentrator, key, Number(number)],
      ],
    )
  }

  #transaction<T>(work: () => T): T {
    return this.db.transaction(work).immediate()
  }

  #run(text: string, values: readonly unknown[]): Database.RunResult {
    return this.#statement(text).run(...values.map(bindable))
  }

  #statement(text: string): Database.Statement {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.db.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }
}

export interface BatchRange {
  readonly epoch: number
  readonly stream: Stream
  readonly first: number
  readonly count: number
}

/** Whole numbers are bound as integers: a plain number would arrive as a floating one, which STRICT tables refuse. */
function bindable(value: unknown): unknown {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}
