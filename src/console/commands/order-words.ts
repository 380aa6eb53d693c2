import { fail, ok, parameterNames } from '../../model/index.js'
import type { InputError, ParameterName, Result } from '../../model/index.js'
import { parseInstant } from '../local-instants.js'
import type { OrderWords } from './order.js'

/** Words of the orders that a console gives, as they are typed. */
export const orderWords = {
  disconnect: (meter: string): OrderWords => just({ kind: 'disconnect', meter }),
  permitToClose: (meter: string): OrderWords => just({ kind: 'permit-to-close', meter }),
  protect:
    (meter: string, on: string, until: string | undefined): OrderWords =>
    (signer) =>
      withSwitch(on, (isOn) =>
        withInstant(until, signer.utcOffsetMinutes, (at) => ok({ kind: 'protect', meter, on: isOn, until: at ?? null })),
      ),
  alarm:
    (meter: string, on: string): OrderWords =>
    () =>
      withSwitch(on, (isOn) => ok({ kind: 'alarm', meter, on: isOn })),
  readNow: (meter: string, registers: readonly string[]): OrderWords => just({ kind: 'read-now', meter, registers }),
  setClock: (meter: string): OrderWords => just({ kind: 'set-clock', meter }),
  setTime:
    (at: string): OrderWords =>
    (signer) =>
      withInstant(at, signer.utcOffsetMinutes, (instant) => ok({ kind: 'set-time', at: instant })),
  replaceMeter:
    (meter: string, flags: ReplaceFlags): OrderWords =>
    (signer) =>
      withInstant(flags.at, signer.utcOffsetMinutes, (at) =>
        ok({
          kind: 'replace-meter',
          meter,
          newAddress: flags.address,
          finalEnergy: flags.final ?? null,
          initialEnergy: flags.initial,
          at: at ?? new Date(signer.at).toISOString(),
          witness: flags.witness,
        }),
      ),
  /** @param version undefined: one above the set in force */
  setParameters:
    (name: string, body: unknown, version: string | undefined): OrderWords =>
    (signer) => {
      if (!isParameterName(name)) return refuse('NAME', `expected one of ${parameterNames.join(', ')}, got ${name}`)
      return withWhole('--version', version ?? String((signer.parameterVersions[name] ?? 0) + 1), (number) =>
        ok({ kind: 'set-parameters', name, version: number, body }),
      )
    },
  replay:
    (stream: string, first: string, count: string): OrderWords =>
    () =>
      withWhole('FIRST', first, (from) =>
        withWhole('COUNT', count, (many) => ok({ kind: 'replay', stream, first: from, count: many })),
      ),
}

export interface ReplaceFlags {
  readonly address: string
  readonly initial: string
  readonly final?: string
  readonly at?: string
  readonly witness: string
}

/** A time as `parseInstant` reads it; as text in UTC. */
export function instantOf(text: string, utcOffsetMinutes: number): Result<string, InputError> {
  const at = parseInstant(text, utcOffsetMinutes)
  if (at !== null) return ok(new Date(at).toISOString())
  return refuse(
    'TIME',
    `expected a time such as "2026-03-01 08:00" (the site's) or 2026-03-01T00:00:00Z, got ${JSON.stringify(text)}`,
  )
}

const just =
  (body: unknown): OrderWords =>
  () =>
    ok(body)

function withInstant(
  text: string | undefined,
  utcOffsetMinutes: number,
  then: (at: string | undefined) => Result<unknown, InputError>,
): Result<unknown, InputError> {
  if (text === undefined) return then(undefined)
  const at = instantOf(text, utcOffsetMinutes)
  return at.ok ? then(at.value) : at
}

function withSwitch(text: string, then: (on: boolean) => Result<unknown, InputError>): Result<unknown, InputError> {
  return text === 'on' || text === 'off'
    ? then(text === 'on')
    : refuse('on|off', `expected on or off, got ${JSON.stringify(text)}`)
}

function withWhole(at: string, text: string, then: (value: number) => Result<unknown, InputError>): Result<unknown, InputError> {
  return /^\d{1,15}$/.test(text) ? then(Number(text)) : refuse(at, `expected a whole number, got ${JSON.stringify(text)}`)
}

const isParameterName = (name: string): name is ParameterName => (parameterNames as readonly string[]).includes(name)

const refuse = (at: string, message: string): Result<never, InputError> => fail({ code: 'order', at, message })
