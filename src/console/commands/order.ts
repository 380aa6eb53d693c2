import { signEnvelope } from '../../control/envelope.js'
import { orderBodySchema } from '../../control/order-schema.js'
import { epochMs, fail, keyId, ok } from '../../model/index.js'
import type { InputError, OrderBody, OrderStage, Result } from '../../model/index.js'
import type { ConsoleClient } from '../client.js'
import type { OrderView, SignerView } from '../views.js'
import type { UnlockedKey } from './key.js'

/** An order as it was typed: what it says may depend on the site's time and on what is in force. */
export type OrderWords = (
  signer: Pick<SignerView, 'utcOffsetMinutes' | 'at' | 'parameterVersions'>,
) => Result<unknown, InputError>

/** The window opens so long before the daemon's present. */
const windowBeforeMs = 60_000
/** Another console with the same key may take a number first. */
const attemptsMax = 3

export interface SentOrder {
  readonly order: number
  readonly key: string
  readonly number: number
}

/** What became of sending: journalled, or refused by the daemon with its reason. */
export type Sending =
  | { readonly accepted: true; readonly sent: SentOrder; readonly utcOffsetMinutes: number }
  | { readonly accepted: false; readonly refusal: InputError }

/** Reads what was typed without asking anybody: slips are told before a PIN is asked for. */
export function checkWords(words: OrderWords): Result<OrderBody, InputError> {
  return bodyOf(words, { utcOffsetMinutes: 0, at: someInstant, parameterVersions: {} })
}

/**
 * Signs an order with a technician's key and hands it in: its number follows the last one of that key that the daemon knows, its
 * window the daemon's clock.
 */
export async function sendOrder(
  client: ConsoleClient,
  words: OrderWords,
  { key, validMs }: { readonly key: UnlockedKey; readonly validMs: number },
): Promise<Result<Sending, InputError>> {
  for (let attempt = 1; ; attempt++) {
    const signer = await client.ask({ ask: 'signer', publicKey: key.publicKey })
    if (!signer.ok) return signer
    const body = bodyOf(words, signer.value)
    if (!body.ok) return body
    const { concentrator, key: id, lastNumber, at, utcOffsetMinutes } = signer.value
    const number = lastNumber + 1
    const window = { notBefore: epochMs(at - windowBeforeMs), expiry: epochMs(at + validMs) }
    const envelope = signEnvelope(keyId(id), key.privateKey, { concentrator, number, ...window, body: body.value })
    const answer = await client.ask({ ask: 'submit', envelope })
    if (!answer.ok) return answer
    if (answer.value.accepted) {
      return ok({ accepted: true, sent: { order: answer.value.order, key: id, number }, utcOffsetMinutes })
    }
    const { code, message } = answer.value
    if (code === 'replayed' && attempt < attemptsMax) continue
    return ok({ accepted: false, refusal: { code, at: 'order', message } })
  }
}

/** Stands for the daemon's present while nobody has been asked. */
const someInstant = epochMs(Date.UTC(2026, 0, 1))

const endStages: readonly OrderStage[] = ['done', 'refused', 'expired', 'failed']

/** Waits until an order has ended. @returns the order as it stands then, ended or not */
export async function awaitEnd(
  client: ConsoleClient,
  order: number,
  { waitMs, pause }: { readonly waitMs: number; readonly pause: (ms: number) => Promise<void> },
): Promise<Result<OrderView, InputError>> {
  const lookMs = 500
  for (let waited = 0; ; waited += lookMs) {
    const view = await client.ask({ ask: 'order', id: order })
    if (!view.ok || isEnded(view.value) || waited >= waitMs) return view
    await pause(lookMs)
  }
}

export const isEnded = ({ stage }: OrderView): boolean => endStages.includes(stage)

function bodyOf(words: OrderWords, signer: Parameters<OrderWords>[0]): Result<OrderBody, InputError> {
  const json = words(signer)
  if (!json.ok) return json
  const parsed = orderBodySchema.safeParse(json.value)
  if (parsed.success) return ok(parsed.data)
  const [issue] = parsed.error.issues
  return fail({ code: 'order', at: issue?.path.map(String).join('.') ?? 'order', message: issue?.message ?? 'not as expected' })
}
