import { accountId } from '../model/index.js'
import type { AccountId, AuthorisedOrder, JournalledOrder, OrderStage } from '../model/index.js'
import { journalCrc } from './facts.js'
import type { JournalRow } from './facts.js'
import type { Sql } from './sql.js'
import { fromTaggedJson } from './tagged-json.js'

const columns = 'id, account, stage, attempts, crc, body, evidence, envelope'

interface Row {
  readonly id: bigint
  readonly account: string | null
  readonly stage: OrderStage
  readonly attempts: bigint
  readonly crc: bigint
  readonly body: string
  readonly evidence: string
  readonly envelope: string
}

/** Orders that are not finished, in memory; all others in the file. */
export class Journal {
  readonly #sql: Sql
  readonly #open = new Map<number, JournalRow>()
  readonly #counters = new Map<string, number>()
  #lastId: number
  /** Rows that failed their checksum at start: what they asked for is unknown, so they are not carried out. */
  readonly damaged: readonly number[]

  constructor(sql: Sql) {
    this.#sql = sql
    const damaged: number[] = []
    for (const row of sql.all<Row>(
      `SELECT ${columns} FROM journal WHERE stage IN ('journalled', 'sending', 'unknown') ORDER BY id`,
    )) {
      const read = rowOf(row)
      if (read === null) damaged.push(Number(row.id))
      else this.#open.set(read.order.id, read)
    }
    this.damaged = damaged
    this.#lastId = Number(sql.get<{ id: bigint | null }>('SELECT max(id) AS id FROM journal')?.id ?? 0n)
    for (const row of sql.all<{ key: string; number: bigint }>('SELECT key, number FROM counter')) {
      this.#counters.set(row.key, Number(row.number))
    }
  }

  get nextId(): number {
    return this.#lastId + 1
  }

  open(): readonly JournalRow[] {
    return [...this.#open.values()]
  }

  openOf(account: AccountId): readonly JournalRow[] {
    return this.open().filter((row) => row.account === account)
  }

  /** The highest number of a rule's or a key's orders; `origin` as `originKey` gives it. */
  lastNumber(origin: string): number {
    return this.#counters.get(origin) ?? 0
  }

  /** Highest order number of each key; rules' own counters are left out. */
  keyCounters(): Readonly<Record<string, number>> {
    const keys = [...this.#counters].flatMap(([origin, number]) =>
      origin.startsWith('key:') ? [[origin.slice('key:'.length), number] as const] : [],
    )
    return Object.fromEntries(keys)
  }

  find(id: number): JournalRow | null {
    const open = this.#open.get(id)
    if (open !== undefined) return open
    const row = this.#sql.get<Row>(`SELECT ${columns} FROM journal WHERE id = ?`, id)
    return row === undefined ? null : rowOf(row)
  }

  /** The row of an order that came before, by who numbered it and its number. */
  findNumber(origin: string, number: number): JournalRow | null {
    const row = this.#sql.get<Row>(`SELECT ${columns} FROM journal WHERE origin = ? AND number = ?`, origin, number)
    return row === undefined ? null : rowOf(row)
  }

  /** An account's orders, newest first. */
  ofAccount(account: AccountId, count: number): readonly JournalledOrder[] {
    const rows = this.#sql.all<Row>(`SELECT ${columns} FROM journal WHERE account = ? ORDER BY id DESC LIMIT ?`, account, count)
    return rows.flatMap((row) => {
      const read = rowOf(row)
      return read === null ? [] : [read.order]
    })
  }

  /**
   * Deletes finished orders that ended before an instant; the newest row stays, so that ids go on.
   *
   * @returns how many
   */
  forget(before: number): number {
    return this.#sql.run(
      `DELETE FROM journal WHERE at < ? AND trusted = 1 AND id < ? AND stage NOT IN ('journalled', 'sending', 'unknown')`,
      ...[before, this.#lastId],
    )
  }

  /** Rows and counters of a commit that is on the disk. */
  committed(rows: Iterable<JournalRow>, counters: Iterable<readonly [string, number]>): void {
    for (const row of rows) {
      this.#lastId = Math.max(this.#lastId, row.order.id)
      if (isOpenStage(row.order.stage)) this.#open.set(row.order.id, row)
      else this.#open.delete(row.order.id)
    }
    for (const [origin, number] of counters) this.#counters.set(origin, number)
  }
}

/** Stages in which the executor still owes something. */
export function isOpenStage(stage: OrderStage): boolean {
  return stage === 'journalled' || stage === 'sending' || stage === 'unknown'
}

/** @returns null when the row fails its checksum */
export function rowOf(row: Row): JournalRow | null {
  if (journalCrc(row.stage, Number(row.attempts), row.body, row.evidence) !== Number(row.crc)) return null
  const order = fromTaggedJson(row.body) as AuthorisedOrder
  const evidence = JSON.parse(row.evidence) as JournalledOrder['evidence']
  return {
    order: { id: Number(row.id), order, stage: row.stage, attempts: Number(row.attempts), evidence },
    account: row.account === null ? null : accountId(row.account),
    envelope: row.envelope,
  }
}
