import { fail } from '../model/index.js'
import type { EpochMs, InputError, ParameterName, Result, SiteParameters } from '../model/index.js'
import { checkTariffChange } from '../prepaid/index.js'
import { applyParameterSet, type ParameterContext } from '../settings/index.js'

/** A parameter set as an order stored it. */
export interface StoredSet {
  readonly name: ParameterName
  readonly version: number
  readonly body: unknown
}

export interface Site {
  readonly parameters: SiteParameters
  /** Stored sets that no longer fit what the settings say; the settings' own stay in force for them. */
  readonly refused: readonly { readonly set: StoredSet; readonly error: InputError }[]
}

/**
 * The parameters in force: those of the settings with the stored sets laid over them. Sets may lean on one another (an archive
 * on a tariff that came by order, too), so those that do not fit yet are tried again until no more of them fits.
 */
export function siteInForce(
  settings: SiteParameters,
  sets: readonly StoredSet[],
  context: Omit<ParameterContext, 'parameters'>,
): Site {
  let parameters = settings
  let waiting = sets.map((set) => ({ set, error: notTried }))
  for (let progress = true; progress;) {
    progress = false
    const still: typeof waiting = []
    for (const { set } of waiting) {
      const applied: Result<SiteParameters, InputError> = applyParameterSet(set.name, set.body, { ...context, parameters })
      if (applied.ok) {
        parameters = applied.value
        progress = true
      } else still.push({ set, error: applied.error })
    }
    waiting = still
  }
  return { parameters, refused: waiting }
}

/**
 * Judges a set that an order brings, before it is journalled: against everything else in force, and tariffs also against
 * their own past, because what has begun to apply may neither change nor vanish.
 */
export function checkSet(
  set: Pick<StoredSet, 'name' | 'body'>,
  context: ParameterContext,
  now: EpochMs,
): Result<SiteParameters, InputError> {
  const applied = applyParameterSet(set.name, set.body, context)
  if (!applied.ok || set.name !== 'tariffs') return applied
  const [problem] = checkTariffChange(context.parameters.tariffs, applied.value.tariffs, now)
  return problem === undefined ? applied : fail(problem)
}

const notTried: InputError = { code: 'not-tried', at: 'parameters', message: 'not tried yet' }
