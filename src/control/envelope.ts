import { createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { fail, ok } from '../model/index.js'
import type { AuthorisedOrder, InputError, KeyId, OrderBody, RegisteredKey, Result, Role } from '../model/index.js'
import type { OrderRefusal } from '../ports/index.js'
import { keyIdSchema, orderPayloadSchema, orderVersion } from './order-schema.js'
import type { OrderPayload } from './order-schema.js'

/** A longer envelope is refused before it is looked at; a whole archive of 2,000 meters fits several times. */
export const envelopeCharsMax = 2_097_152

/** A signed order as it travels: nobody argues about canonical forms, because the signature covers the payload's very bytes. */
export interface Envelope {
  readonly key: KeyId
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** What is known of an order that was refused: `number` only when the signature was good. */
export interface Refusal {
  readonly code: OrderRefusal
  readonly message: string
  readonly key?: KeyId
  readonly number?: number
}

/** What an envelope is judged by. */
export interface Authority {
  readonly concentrator: string
  readonly keys: readonly RegisteredKey[]
  /** The number of the last journalled order of a key; 0: none. */
  readonly lastNumberOf: (key: KeyId) => number
  /** Wall time and whether it is trusted, as the clock port gives it. */
  readonly now: { readonly at: number; readonly trusted: boolean }
  readonly by: 'master' | 'console'
}

/**
 * Judges a signed order: form, key, signature, target, number, role and window, in this order, so that nothing unsigned is
 * interpreted beyond the three fields of its envelope.
 *
 * Without a trusted clock the window cannot be judged. Then the number alone protects from replays, and only orders pass that do
 * no harm when they come late (`harmlessLate`); everything else is refused with `clock-untrusted` and may be sent again later.
 */
export function authorise(text: string, authority: Authority): Result<AuthorisedOrder, Refusal> {
  const parsed = parseEnvelope(text)
  if (!parsed.ok) return fail({ code: 'malformed', message: `${parsed.error.at}: ${parsed.error.message}` })
  const envelope = parsed.value
  const registered = authority.keys.find((key) => key.id === envelope.key)
  if (registered === undefined) return fail({ code: 'unknown-key', message: 'no such key is registered', key: envelope.key })
  if (!isSignedBy(envelope, registered.publicKey)) {
    return fail({ code: 'forged', message: 'the signature does not fit the payload and the key', key: envelope.key })
  }
  const payload = parsePayload(envelope.payload)
  if (!payload.ok) {
    return fail({ code: 'malformed', message: `${payload.error.at}: ${payload.error.message}`, key: envelope.key })
  }
  const refusal = refusalOf(payload.value, registered, authority)
  if (refusal !== null) return fail({ ...refusal, key: registered.id, number: payload.value.number })
  const { number, notBefore, expiry, body } = payload.value
  return ok({ origin: { by: authority.by, key: registered.id, number }, role: registered.role, body, notBefore, expiry })
}

/** Reads an envelope's three fields; the payload stays bytes until its signature was found good. */
export function parseEnvelope(text: string): Result<Envelope, InputError> {
  if (text.length > envelopeCharsMax) {
    return fail({ code: 'malformed', at: 'envelope', message: `expected at most ${envelopeCharsMax} characters` })
  }
  const json = parseJson(text)
  if (!json.ok) return fail({ code: 'malformed', at: 'envelope', message: json.error })
  const parsed = envelopeSchema.safeParse(json.value)
  return parsed.success ? ok(parsed.data) : fail(inputError('envelope', parsed.error))
}

/** Reads the bytes a signature covers. Call it only after `isSignedBy`. */
export function parsePayload(bytes: Uint8Array): Result<OrderPayload, InputError> {
  const json = parseJson(Buffer.from(bytes).toString('utf8'))
  if (!json.ok) return fail({ code: 'malformed', at: 'payload', message: json.error })
  const parsed = orderPayloadSchema.safeParse(json.value)
  if (!parsed.success) return fail(inputError('payload', parsed.error))
  const { concentrator, number, notBefore, expiry, body } = parsed.data
  return ok({ concentrator, number, notBefore, expiry, body })
}

/**
 * Signs an order.
 *
 * @param privateKey Ed25519
 * @returns the envelope's JSON text
 * @throws ZodError when the payload is none that `parsePayload` would read: our own mistake, caught before it is signed
 */
export function signEnvelope(key: KeyId, privateKey: KeyObject, payload: OrderPayload): string {
  const bytes = Buffer.from(JSON.stringify(z.encode(orderPayloadSchema, { v: orderVersion, ...payload })))
  return JSON.stringify({
    key,
    payload: bytes.toString('base64url'),
    sig: sign(null, bytes, privateKey).toString('base64url'),
  })
}

/** @param publicKey Ed25519, raw 32 bytes, base64url; text that is no such key signs nothing */
export function isSignedBy(envelope: Envelope, publicKey: string): boolean {
  if (!publicKeyPattern.test(publicKey)) return false
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
  return verify(null, envelope.payload, key, envelope.signature)
}

/** Who is named in an event about an order: `key` or `key#number`; an order that nobody can be blamed for is `unknown`. */
export function originText(refusal: Pick<Refusal, 'key' | 'number'>): string {
  if (refusal.key === undefined) return 'unknown'
  return refusal.number === undefined ? refusal.key : `${refusal.key}#${refusal.number}`
}

/**
 * Orders that pass without a trusted clock. Reading and replaying change nothing; `set-time` is how trust comes about; a credit
 * is counted once by its key and purchase number whenever it comes; permission to close and protection only ever give supply.
 */
export function harmlessLate(body: OrderBody): boolean {
  switch (body.kind) {
    case 'read-now':
    case 'replay':
    case 'set-time':
    case 'credit':
    case 'permit-to-close':
      return true
    case 'protect':
      return body.on
    case 'open-account':
    case 'close-account':
    case 'adjust':
    case 'agree':
    case 'disconnect':
    case 'alarm':
    case 'set-clock':
    case 'replace-meter':
    case 'set-parameters':
      return false
  }
}

/**
 * What a role may order. A master may order everything. On site nobody makes money, prices or keys: an administrator cares for
 * meters, archive and tasks, a technician reads, switches and warns, a viewer orders nothing.
 */
export function isAllowed(role: Role, body: OrderBody): boolean {
  switch (body.kind) {
    case 'open-account':
    case 'close-account':
    case 'credit':
    case 'adjust':
    case 'agree':
      return role === 'master'
    case 'set-parameters':
      return role === 'master' || (role === 'administrator' && (body.name === 'archive' || body.name === 'tasks'))
    case 'replace-meter':
    case 'set-time':
    case 'replay':
      return role === 'master' || role === 'administrator'
    case 'disconnect':
    case 'permit-to-close':
    case 'protect':
    case 'alarm':
    case 'read-now':
    case 'set-clock':
      return role !== 'viewer'
  }
}

const publicKeyPattern = /^[A-Za-z0-9_-]{43}$/

const base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/, 'expected base64url without padding')
  .transform((text): Uint8Array => Buffer.from(text, 'base64url'))

/** The three fields of an envelope; read only, because what is signed is written by `signEnvelope`. */
export const envelopeSchema = z
  .strictObject({ key: keyIdSchema, payload: base64url, sig: base64url })
  .transform(({ key, payload, sig }): Envelope => ({ key, payload, signature: sig }))

function refusalOf(payload: OrderPayload, key: RegisteredKey, authority: Authority): Refusal | null {
  if (payload.concentrator !== authority.concentrator) {
    return { code: 'foreign', message: `the order is for ${payload.concentrator}` }
  }
  const last = authority.lastNumberOf(key.id)
  if (payload.number <= last) return { code: 'replayed', message: `order ${payload.number} is not above the last one, ${last}` }
  if (!isAllowed(key.role, payload.body)) {
    return { code: 'not-allowed', message: `a ${key.role} may not order ${payload.body.kind}` }
  }
  const { at, trusted } = authority.now
  if (!trusted) {
    if (harmlessLate(payload.body)) return null
    return { code: 'clock-untrusted', message: `${payload.body.kind} waits until the clock is trusted` }
  }
  if (at < payload.notBefore) return { code: 'not-yet', message: `not before ${new Date(payload.notBefore).toISOString()}` }
  if (at >= payload.expiry) return { code: 'expired', message: `expired at ${new Date(payload.expiry).toISOString()}` }
  return null
}

function parseJson(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text))
  } catch {
    return fail('expected JSON')
  }
}

/** The first of what is wrong; there is always one. */
function inputError(root: string, error: z.ZodError): InputError {
  const first = error.issues.slice(0, 1)
  return {
    code: 'malformed',
    at: first.map((issue) => [root, ...issue.path].join('.')).join(),
    message: first.map((issue) => issue.message).join(),
  }
}
