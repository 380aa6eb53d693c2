import { meterAddress, meterId, parameterNames } from '../model/index.js'
import type { MeterAddress, MeterId, ParameterName } from '../model/index.js'
import { parameterHash } from './facts.js'
import type { ParameterSet } from './facts.js'
import type { Sql } from './sql.js'
import { fromTaggedJson } from './tagged-json.js'

/** A stored generation that fails its hash, and what serves in its place. */
export interface BadSet {
  readonly name: ParameterName
  readonly version: number
  readonly fallback: number | null
}

/** The sets that orders put in force: the newest generation whose hash holds, read back from the file each time. */
export class ParameterSets {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The highest version ever accepted, also when that generation is damaged; 0: none. */
  versionOf(name: ParameterName): number {
    const row = this.#sql.get<{ version: bigint | null }>(
      'SELECT max(version) AS version FROM parameter_set WHERE name = ?',
      name,
    )
    return Number(row?.version ?? 0n)
  }

  inForce(): { readonly sets: readonly ParameterSet[]; readonly bad: readonly BadSet[] } {
    const sets: ParameterSet[] = []
    const bad: BadSet[] = []
    for (const name of parameterNames) {
      const generations = this.#generations(name)
      const good = generations.find((each) => each.set !== null)?.set ?? null
      if (good !== null) sets.push(good)
      for (const each of generations) {
        if (each.set === null && each.version > (good?.version ?? 0))
          bad.push({ name, version: each.version, fallback: good?.version ?? null })
      }
    }
    return { sets, bad }
  }

  /** Addresses of devices that replaced others since the archive was last set. */
  addresses(): readonly { readonly meter: MeterId; readonly address: MeterAddress }[] {
    const rows = this.#sql.all<{ name: string; value: string }>("SELECT name, value FROM setting WHERE name LIKE 'address:%'")
    return rows.map((row) => ({ meter: meterId(row.name.slice('address:'.length)), address: meterAddress(row.value) }))
  }

  #generations(name: ParameterName): readonly { readonly version: number; readonly set: ParameterSet | null }[] {
    const rows = this.#sql.all<{ version: bigint; hash: string; body: string }>(
      'SELECT version, hash, body FROM parameter_set WHERE name = ? ORDER BY version DESC',
      name,
    )
    return rows.map((row) => {
      const version = Number(row.version)
      const isGood = parameterHash({ name, version, text: row.body }) === row.hash
      return { version, set: isGood ? { name, version, body: fromTaggedJson(row.body) } : null }
    })
  }
}
