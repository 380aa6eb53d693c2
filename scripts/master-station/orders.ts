import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { signEnvelope } from '../../src/control/envelope.js'
import { orderBodySchema } from '../../src/control/order-schema.js'
import { epochMs, fail, keyId, ok } from '../../src/model/index.js'
import type { InputError, OrderBody, Result } from '../../src/model/index.js'
import { helloSchema } from '../../src/uplink/messages.js'
import type { Archive } from './archive.js'

/** An order as it stands in the station's file. */
export interface OrderRow {
  readonly id: number
  readonly concentrator: string
  readonly key: string
  readonly number: number
  readonly kind: string
  readonly envelope: string
  readonly expiry: number
  readonly state: 'queued' | 'sent' | 'journalled' | 'refused' | 'expired'
  readonly stage: string | null
  readonly evidence: string | null
  readonly created_at: number
  readonly changed_at: number
}

export interface OrderWish {
  readonly concentrator: string
  readonly key: string
  readonly body: OrderBody
  /** From its signing; after it the concentrator refuses. */
  readonly validMs: number
}

/** The window opens this long before the present, for clocks that differ. */
const clockDifferenceMs = 300_000

/** Numbers, signs and queues an order in one transaction. Numbers go up for each key and concentrator, whoever is told what. */
export function queueOrder(
  archive: Archive,
  wish: OrderWish,
  sealed: { readonly key: KeyObject; readonly now: number },
): OrderRow {
  return archive.transaction(() => {
    const { concentrator, key, body } = wish
    const own = archive.get<{ last: number | null }>(
      'SELECT max(number) AS last FROM "order" WHERE concentrator = ? AND key = ?',
      [concentrator, key],
    )
    const number = Math.max(own?.last ?? 0, countersOf(archive, concentrator)[key] ?? 0) + 1
    const expiry = sealed.now + wish.validMs
    const envelope = signEnvelope(keyId(key), sealed.key, {
      concentrator,
      number,
      notBefore: epochMs(sealed.now - clockDifferenceMs),
      expiry: epochMs(expiry),
      body,
    })
    archive.run(
      `INSERT INTO "order" (concentrator, key, number, kind, envelope, expiry, state, created_at, changed_at)
       VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?)`,
      [concentrator, key, number, body.kind, envelope, expiry, sealed.now, sealed.now],
    )
    return existing(archive, { concentrator, key, number })
  })
}

/**
 * The orders to send now: for each key the first that the concentrator has not journalled or refused, and no other. What a greeting
 * or a result shows as journalled is not sent; what expired unsent or unheard is given up.
 *
 * @param resendMs how long an order that was sent may stay unanswered
 */
export function dueOrders(
  archive: Archive,
  concentrator: string,
  at: { readonly now: number; readonly resendMs: number },
): OrderRow[] {
  return archive.transaction(() => {
    settleByCounters(archive, concentrator, at.now)
    archive.run(
      `UPDATE "order" SET state = 'expired', changed_at = ? WHERE concentrator = ? AND state IN ('queued', 'sent') AND expiry <= ?`,
      [at.now, concentrator, at.now],
    )
    const heads = archive.all<OrderRow>(
      `SELECT o.* FROM "order" o WHERE concentrator = ? AND state IN ('queued', 'sent') AND number = (
         SELECT min(number) FROM "order" p WHERE p.concentrator = o.concentrator AND p.key = o.key AND p.state IN ('queued', 'sent'))`,
      [concentrator],
    )
    const due = heads.filter((order) => order.state === 'queued' || at.now - order.changed_at >= at.resendMs)
    for (const order of due) {
      archive.run(`UPDATE "order" SET state = 'sent', changed_at = ? WHERE id = ?`, [at.now, order.id])
    }
    return due
  })
}

/** After a greeting everything sent and not journalled is due again: what was on its way may be lost. */
export function resendAll(archive: Archive, concentrator: string, now: number): void {
  archive.transaction(() => {
    settleByCounters(archive, concentrator, now)
    archive.run(`UPDATE "order" SET state = 'queued', changed_at = ? WHERE concentrator = ? AND state = 'sent'`, [
      now,
      concentrator,
    ])
  })
}

export function orders(archive: Archive): readonly OrderRow[] {
  return archive.all<OrderRow>('SELECT * FROM "order" ORDER BY id')
}

export function orderById(archive: Archive, id: number): OrderRow | null {
  return archive.get<OrderRow>('SELECT * FROM "order" WHERE id = ?', [id]) ?? null
}

/** Reads a body as it stands on the wire. */
export function readOrderBody(json: unknown): Result<OrderBody, InputError> {
  const parsed = orderBodySchema.safeParse(json)
  if (parsed.success) return ok(parsed.data)
  const [issue] = parsed.error.issues
  return fail({ code: 'order', at: ['order', ...(issue?.path ?? [])].join('.'), message: issue?.message ?? 'not as expected' })
}

/** Kinds and fields of all orders, as JSON schema, for `--help` and for other programs. */
export function orderJsonSchema(): unknown {
  return z.toJSONSchema(orderBodySchema, { io: 'input' })
}

/** The concentrator's own word on how far each key's orders got. */
function settleByCounters(archive: Archive, concentrator: string, now: number): void {
  for (const [key, number] of Object.entries(countersOf(archive, concentrator))) {
    archive.run(
      `UPDATE "order" SET state = 'journalled', changed_at = ?
       WHERE concentrator = ? AND key = ? AND number = ? AND state = 'sent'`,
      [now, concentrator, key, number],
    )
  }
}

function countersOf(archive: Archive, concentrator: string): Readonly<Record<string, number>> {
  const row = archive.get<{ hello: string | null }>('SELECT hello FROM concentrator WHERE id = ?', [concentrator])
  const text = row?.hello ?? null
  return text === null ? {} : helloSchema.parse(JSON.parse(text)).counters
}

function existing(archive: Archive, order: { concentrator: string; key: string; number: number }): OrderRow {
  const row = archive.get<OrderRow>('SELECT * FROM "order" WHERE concentrator = ? AND key = ? AND number = ?', [
    order.concentrator,
    order.key,
    order.number,
  ])
  if (row === undefined) throw new Error(`order ${order.number} of ${order.key} was not stored`)
  return row
}
