import { meterAddress } from '../../src/model/index.js'
import type { MeshModule } from '../../src/ports/index.js'
import type { RunMode } from '../../src/protocols/gdw1376/index.js'
import type { Medium, ModuleChoice, ModuleProfile, ReadingWay } from './settings.js'

/** Maker, chip and firmware, of 03F10 or 03F1. */
export interface VendorVersion {
  readonly vendor: string
  readonly chip: string
  readonly versionDate: string | null
  readonly version: string
}

/** What the module says of itself, in the words of the snapshot. */
export function moduleOf(mode: RunMode, version: VendorVersion, mainNode: string): MeshModule {
  return {
    vendor: version.vendor,
    chip: version.chip,
    version: version.versionDate === null ? version.version : `${version.version} ${version.versionDate}`,
    medium: mediumOf(mode),
    led: ledOf(mode),
    mainNode: meterAddress(mainNode),
    nodesMax: mode.maxSlaves,
    frameBytesMax: mode.maxFrame,
  }
}

/** Whether another module sits in the slot than before; its firmware may be a new one. */
export function isReplaced(before: MeshModule | null, now: MeshModule): boolean {
  return before !== null && (before.vendor !== now.vendor || before.chip !== now.chip || before.medium !== now.medium)
}

/** @source facts §3, 03F10: other numbers than the control byte's */
export function mediumOf({ commMode }: RunMode): Medium {
  if (commMode === 2) return 'broadband'
  if (commMode === 3) return 'wireless'
  return commMode === 4 ? 'dual' : 'narrowband'
}

/** @source facts §3, 03F10: 01 concentrator, 10 module, 11 both; one old firmware used 00 for both */
function ledOf({ periodMode }: RunMode): MeshModule['led'] {
  if (periodMode === 1) return 'concentrator'
  return periodMode === 2 ? 'module' : 'either'
}

/**
 * How meters are read.
 *
 * @param concurrent whether the module takes F1F1: told by 03F11 or by a refusal; null: not known, so it is tried
 */
export function readingWay(
  choice: ModuleChoice,
  profile: ModuleProfile,
  module: MeshModule,
  concurrent: boolean | null,
): ReadingWay {
  const isPossible = (way: ReadingWay): boolean => {
    if (way === 'concurrent') return concurrent !== false
    return way === 'forward' || module.led !== 'concentrator'
  }
  if (choice.reading !== 'auto' && (choice.reading !== 'concurrent' || concurrent !== false)) return choice.reading
  return profile.ways.find(isPossible) ?? 'forward'
}
