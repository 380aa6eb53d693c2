import type { InputError, Result } from '../../src/model/index.js'
import type { Clock, Link, Timers } from '../../src/ports/index.js'
import {
  checkModuleOptions,
  createModuleBus,
  type ModuleBus,
  type ModuleChoice,
  type ModuleKind,
  type ModuleProfile,
  type ModuleSettings,
} from '../module/index.js'

export interface PlcOptions {
  readonly link: Link
  readonly clock: Clock
  readonly timers: Timers
  readonly choice: ModuleChoice
  /** The site's zone, for the time that modules ask; absent: they are not told. */
  readonly utcOffsetMinutes?: number
  readonly settings?: Partial<ModuleSettings>
}

/** Makes a bus of a link to a carrier module, and starts the link. */
export function createPlcBus(options: PlcOptions): ModuleBus {
  return createModuleBus({ ...options, kind: carrier })
}

/** Checks a link's `options`: `reading` auto, concurrent, forward or module-led; `window`; `mainNode`; `reports`. @returns every fault at once */
export function checkPlcOptions(options: Readonly<Record<string, unknown>>): Result<ModuleChoice, readonly InputError[]> {
  return checkModuleOptions(options, ['concurrent', 'forward', 'module-led'])
}

/** @source facts §1, §2.5, §6 */
const narrowband: ModuleProfile = {
  name: 'plc-narrowband',
  ways: ['module-led', 'forward'],
  gapMs: 500,
  readMs: { min: 30_000, max: 90_000 },
  slowReplyMs: 60_000,
  lists: ['phases'],
  knows698: false,
}

/** @source facts §4.5, §6 */
const broadband: ModuleProfile = {
  name: 'plc-broadband',
  ways: ['concurrent', 'module-led', 'forward'],
  gapMs: 0,
  readMs: { min: 30_000, max: 90_000 },
  slowReplyMs: 10_000,
  lists: ['topology', 'phases'],
  knows698: true,
}

const carrier: ModuleKind = {
  name: 'plc',
  modes: [3, 1, 2, 4],
  mediumGuess: 'narrowband',
  profileOf: (medium) => {
    if (medium === 'dual') return { ...broadband, name: 'plc-dual' }
    return medium === 'broadband' ? broadband : narrowband
  },
}
