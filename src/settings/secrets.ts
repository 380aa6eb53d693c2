import { inspect } from 'node:util'
import { z } from 'zod'
import { masterId, meterId, type MasterId, type Meter, type MeterId } from '../model/index.js'
import type { WriteCredentials } from '../ports/index.js'
import type { Problems } from './problems.js'
import { idText, section, text } from './scalars.js'
import { readYaml } from './yaml-source.js'

const redacted = '[redacted]'

/** A value that shows itself to nobody who does not ask for it by name: not to logs, errors, JSON or the debugger's print. */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself; call it only where it goes onto a wire. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [inspect.custom](): string {
    return redacted
  }
}

export interface BrokerLogin {
  readonly username: string
  readonly password: string
}

/** Relay passwords and operator codes of meters, and logins of brokers. */
export interface Secrets {
  /** The meter's own credentials, else those of its profile; null: this meter's relay cannot be ordered. */
  credentialsFor(meter: Meter): Secret<WriteCredentials> | null
  loginFor(master: MasterId): Secret<BrokerLogin> | null
  /** What the file names, so that a name nobody bears is found. */
  readonly names: {
    readonly meters: readonly MeterId[]
    readonly profiles: readonly string[]
    readonly masters: readonly MasterId[]
  }
}

const credentials = section({
  password: text(/^[0-9]{8}$/, 'level and password: 8 digits in quotes, such as level "02" followed by six digits'),
  operator: text(/^[0-9A-Fa-f]{8}$/, 'an operator code: 8 hexadecimal digits in quotes'),
})
const login = section({
  username: text(/^[^\p{Cc}]{1,128}$/u, 'a user name'),
  password: text(/^[^\p{Cc}]{0,1024}$/u, 'a password'),
})
const named = <Schema extends z.ZodType>(schema: Schema, of: string) =>
  z.record(idText, schema, { error: `expected a mapping of ${of}` }).default({})

export const secretsSchema = section({
  meters: named(credentials, 'meter ids to credentials'),
  profiles: named(credentials, 'profile names to credentials'),
  masters: named(login, 'master ids to logins'),
})

/** Reads the file of secrets; only its owner may be able to. Errors name the place and what was expected, never the text. */
export function readSecrets(path: string, problems: Problems): Secrets | null {
  const source = readYaml(path, problems, { secret: true })
  if (source === null) return null
  const parsed = problems.take(secretsSchema, source)
  return parsed === undefined ? null : secretsOf(parsed)
}

/** A site without relays and logins. */
export const noSecrets: Secrets = secretsOf({ meters: {}, profiles: {}, masters: {} })

function secretsOf(parsed: z.output<typeof secretsSchema>): Secrets {
  const meters = wrap(parsed.meters)
  const profiles = wrap(parsed.profiles)
  const masters = wrap(parsed.masters)
  return {
    credentialsFor: (meter) => meters.get(meter.id) ?? profiles.get(meter.profile) ?? null,
    loginFor: (master) => masters.get(master) ?? null,
    names: {
      meters: [...meters.keys()].map(meterId),
      profiles: [...profiles.keys()],
      masters: [...masters.keys()].map(masterId),
    },
  }
}

function wrap<T>(values: Readonly<Record<string, T>>): ReadonlyMap<string, Secret<T>> {
  return new Map(Object.entries(values).map(([name, value]) => [name, new Secret(value)]))
}
