import type { EpochMs, ItemSource, TaskKind } from '../model/index.js'
import { epochMs } from '../model/index.js'
import type { Channel } from './slots.js'
import { recordOf } from './slots.js'

/** What a meter is asked for: a register by the way it is asked, `live 0203FF00`. */
export type Ability = string

/** How sure one must be before a refusal is believed: a new meter has no history yet, and one answer may be a mistake. */
export interface RefusalRule {
  /** So many refusals, each for another slot. */
  readonly refusals: number
  /** At least so far apart, ms. */
  readonly apartMs: number
}

const hourMs = 3_600_000
/** A block that is refused costs nothing but its singles; what has no other way is asked more often before it is given up. */
export const refusalRules: Readonly<Record<Channel | 'block', RefusalRule>> = {
  block: { refusals: 1, apartMs: 0 },
  live: { refusals: 2, apartMs: 0 },
  freeze: { refusals: 2, apartMs: 12 * hourMs },
  month: { refusals: 2, apartMs: 12 * hourMs },
  record: { refusals: 3, apartMs: 6 * hourMs },
}

/** Abilities remembered of one meter; further ones are asked again and again. */
export const ABILITIES_MAX = 128

interface Refusal {
  count: number
  lastAt: EpochMs
  lastSlot: EpochMs
  /** When it was believed; null: not yet. */
  learntAt: EpochMs | null
}

/** What one meter has been found to refuse. It is not asked for that again until some time has passed. */
export class Capabilities {
  private readonly refusals = new Map<Ability, Refusal>()

  get isEmpty(): boolean {
    return this.refusals.size === 0
  }

  /** Whether asking is of no use now. @param retryMs so long after it was learnt the meter is asked once more */
  refuses(ability: Ability, now: EpochMs, retryMs: number): boolean {
    const learntAt = this.refusals.get(ability)?.learntAt ?? null
    return learntAt !== null && Math.abs(now - learntAt) < retryMs
  }

  /**
   * The meter refused, for a slot's instant.
   *
   * @returns what is now believed: `learnt` the first time, `again` when a try after a long time was refused as well
   */
  refused(
    ability: Ability,
    seen: { readonly at: EpochMs; readonly slotAt: EpochMs },
    rule: RefusalRule,
  ): 'learnt' | 'again' | null {
    const known = this.refusals.get(ability)
    if (known === undefined && this.refusals.size >= ABILITIES_MAX) return null
    const refusal = known ?? { count: 0, lastAt: epochMs(0), lastSlot: epochMs(-1), learntAt: null }
    this.refusals.set(ability, refusal)
    if (refusal.learntAt === null) {
      if (refusal.lastSlot === seen.slotAt || Math.abs(seen.at - refusal.lastAt) < rule.apartMs) return null
      refusal.count++
      refusal.lastAt = seen.at
      refusal.lastSlot = seen.slotAt
      if (refusal.count < rule.refusals) return null
    }
    const what = refusal.learntAt === null ? 'learnt' : 'again'
    refusal.learntAt = seen.at
    return what
  }

  /** It answered. @returns whether the contrary had been believed */
  answered(ability: Ability): boolean {
    const wasLearnt = (this.refusals.get(ability)?.learntAt ?? null) !== null
    this.refusals.delete(ability)
    return wasLearnt
  }

  /** What is believed, to be kept over a restart: when each was learnt. */
  learnt(): Readonly<Record<Ability, number>> {
    return Object.fromEntries(
      [...this.refusals].flatMap(([ability, { learntAt }]) => (learntAt === null ? [] : [[ability, learntAt]])),
    )
  }

  /** Takes over what an earlier run believed. */
  remember(learnt: Readonly<Record<Ability, number>>): void {
    for (const [ability, at] of Object.entries(learnt).slice(0, ABILITIES_MAX)) {
      this.refusals.set(ability, { count: 0, lastAt: epochMs(at), lastSlot: epochMs(-1), learntAt: epochMs(at) })
    }
  }
}

/** What a meter must be able to for an item's channel. A channel that the profile does not have is asked in no way. */
export function abilityOf(source: ItemSource, channel: Channel, kind: TaskKind): Ability {
  switch (channel) {
    case 'live':
      return `live ${source.register}`
    case 'freeze':
      return `freeze ${source.dailyFreeze?.value ?? 'none'}`
    case 'month':
      return `month ${source.monthlyFreeze?.value ?? 'none'}`
    case 'record':
      return `record ${recordOf(kind, source)?.register ?? 'none'}`
  }
}

/** The ability to answer a block. */
export const blockAbility = (register: string): Ability => `block ${register}`
