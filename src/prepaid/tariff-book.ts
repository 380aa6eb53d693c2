import type { TariffVersion } from '../model/index.js'

/** All versions of all tariffs, by tariff and in order of their beginning; made once for each parameter set. */
export type TariffBook = ReadonlyMap<string, readonly BookedVersion[]>

export interface BookedVersion {
  readonly version: TariffVersion
  /** False: it did not validate and prices nothing. */
  readonly verified: boolean
}
